//! How far a headline holds on clips that no designer sees, wherever it is printed; and how often anybody looked.

use crate::render::Pages;
use crate::text;
use aiv1_model::api::ClipEntry;
use aiv1_model::{Arm, ExperimentId, Generalisation, Record, Summary};
use aiv1_store::LoopState;
use aiv1_web::{Problem, Services};
use maud::{Markup, html};

/// A headline that was looked at on the held-out clips.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    /// The experiment on them.
    id: ExperimentId,
    found: Generalisation,
}

/// Looks for the same question on the held-out clips, and what it says of this one.
pub(crate) async fn check(
    services: &Services,
    clips: &[ClipEntry],
    open: &Summary,
    record: &Record,
) -> Result<Option<Checked>, Problem> {
    let Some(question) = record.submission().held_out(clips) else { return Ok(None) };
    let id = question.id();
    let Some(held_out) = services.catalog.experiment(&id).await? else { return Ok(None) };
    let Some(held_out_record) = services.catalog.record(&id).await? else { return Ok(None) };
    let found = Generalisation::of((open, record), (&held_out.summary(), &held_out_record));
    Ok(found.map(|found| Checked { id, found }))
}

/// [`check`] of an experiment whose page is made.
pub(crate) async fn of_experiment(
    pages: &Pages,
    open: &Summary,
    record: Option<&Record>,
) -> Result<Option<Checked>, Problem> {
    let headline = open.headline();
    let (Some(record), Some(_), None) = (record, headline, &open.retraction) else { return Ok(None) };
    if open.arm == Arm::HeldOut {
        return Ok(None);
    }
    let clips = pages.services.catalog.clips().await?;
    check(&pages.services, &clips, open, record).await
}

/// The line beside a headline.
pub(crate) fn line(checked: Option<&Checked>) -> Markup {
    html! {
        p.generalisation {
            @match checked {
                Some(Checked { id, found }) => {
                    "On held-out clips " a href=(format!("/blog/{id}")) { (text::percent(found.held_out)) } " against " bdi { (text::name(&found.anchor)) }
                    ": a generalisation gap of " b { (text::points(found.gap)) }
                }
                None => { span.hint { "not measured on held-out clips" } }
            }
        }
    }
}

/// How often held-out clips have been looked at.
pub(crate) fn looks(state: &LoopState) -> Markup {
    let looks = state.evaluations.iter().find(|(arm, _)| *arm == Arm::HeldOut).map_or(0, |(_, count)| *count);
    html! {
        p {
            "Held-out clips have been measured on "
            b data-looks="" { @if looks == 1 { "once" } @else { (text::grouped(looks)) " times" } }
            " so far: that many checks ended with figures. Each is "
            a href="/?arm=held_out#experiments" { "listed" } ", and each wears the clips out a little: whoever chooses by what they show has seen them."
        }
    }
}
