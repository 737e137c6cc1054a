//! `/blog/{id}`: one experiment, from what was asked to what came of it.

mod after;
mod before;
mod code;
mod failure;
mod files;
mod look;
mod phases;
mod points;
mod prediction;
mod standing;

use crate::address::Question;
use crate::components::{arm_of, badge};
use crate::error::PageError;
use crate::layout::{Head, Section};
use crate::pages::held_out;
use crate::render::{HTML, Pages};
use crate::{layout, pages, text};
use aiv1_model::{Arm, Declaration, Experiment, ExperimentId, LegacyId, Record, Status, Summary};
use aiv1_store::Rebuild;
use aiv1_web::Problem;
use axum::extract::{Path, Query as Asked, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use look::{Choice, Made, made};
use maud::{Markup, html};

/// How many clips are shown in full at once; more are reached through the choice of a clip.
const CLIPS_AT_ONCE: usize = 3;

/// An id, or why it is none.
pub(crate) fn id_of(text: &str) -> Result<ExperimentId, Problem> {
    let shown: String = text::plain(text, 60);
    ExperimentId::try_from(text.to_owned()).map_err(|_| {
        Problem::NotFound(format!(
            "{shown:?} is not an experiment id: exp_ and 16 lower-case hexadecimal digits are"
        ))
    })
}

/// The experiment of this id.
pub(crate) async fn find(pages: &Pages, id: &ExperimentId) -> Result<Experiment, Problem> {
    let found = pages.services.catalog.experiment(id).await?;
    found.ok_or_else(|| Problem::NotFound(format!("there is no experiment {id}")))
}

/// `GET /blog/{id}`
pub(crate) async fn page(
    State(pages): State<Pages>,
    Path(id): Path<String>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    if let (Err(_), Ok(legacy)) = (id_of(&id), id.parse::<LegacyId>()) {
        let name = format!("/blog/{legacy}");
        return pages.answer(&headers, &name, HTML, |_| pages::legacy::render(&pages, &legacy)).await;
    }
    let id = id_of(&id)?;
    let question = Question::new(pairs)?;
    if question.get("video").is_some() || question.get("bundle").is_some() {
        // Whether a preview or a packed bundle is there changes without the catalog: such a page is made each time.
        let body = render(&pages, &id, &question).await?.into_string();
        let mut response = ([(header::CONTENT_TYPE, HTML)], body).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok(response);
    }
    let name = question.address(&format!("/blog/{id}"), &["clip", "q"]);
    pages.answer(&headers, &name, HTML, |_| render(&pages, &id, &question)).await
}

/// What the parts of the page are made from.
struct Shown {
    experiment: Experiment,
    record: Option<Record>,
    /// What the codec declares, as soon as any worker has compiled it.
    declaration: Option<Declaration>,
    choice: Option<Choice>,
    /// What the held-out clips say of its headline.
    checked: Option<held_out::Checked>,
}

impl Shown {
    /// Whether it was measured on clips whose frames are not shown.
    fn is_held_out(&self) -> bool {
        self.experiment.origin.arm == Arm::HeldOut
    }
}

async fn render(pages: &Pages, id: &ExperimentId, question: &Question) -> Result<Markup, PageError> {
    let experiment = find(pages, id).await?;
    if let Some(purged_at) = experiment.purged_at {
        let at = purged_at.strftime("%Y-%m-%d");
        return Err(Problem::Gone(format!("what experiment {id} showed was removed for good on {at}")).into());
    }
    let record = pages.services.catalog.record(id).await?;
    let choice = Choice::read(question, record.as_ref())?;
    let video = match &choice {
        Some(choice) if question.get("video").is_some() && experiment.origin.arm != Arm::HeldOut => {
            made(pages, &choice.preview(id), question).await?
        }
        _ => Made::NotAsked,
    };
    let packed = match &experiment.bundle {
        Some(_) if question.get("bundle").is_some() => {
            made(pages, &Rebuild::Bundle { experiment: id.clone() }, question).await?
        }
        _ => Made::NotAsked,
    };
    let code = code::read(pages, &experiment).await?;
    let declaration = match record.as_ref().and_then(|record| record.codec.declaration.clone()) {
        None => pages
            .services
            .catalog
            .codec(&experiment.submission.source)
            .await?
            .and_then(|codec| codec.declaration),
        known => known,
    };
    let checked = held_out::of_experiment(pages, &experiment.summary(), record.as_ref()).await?;
    let shown = Shown { experiment, record, declaration, choice, checked };
    let title = title(&shown.experiment);
    let description = description(&shown.experiment);
    let path = format!("/blog/{id}");
    let moving = matches!(shown.experiment.status, Status::Queued | Status::InProgress);
    let head = Head {
        title: &title,
        description: &description,
        path: Some(&path),
        section: Some(Section::Blog),
        refresh_without_script: if video == Made::Underway || packed == Made::Underway {
            Some(2)
        } else {
            moving.then_some(10)
        },
    };
    let measured = shown.record.as_ref().is_some_and(|record| !record.points.is_empty());
    let body = html! {
        article.experiment.retracted[shown.experiment.retraction.is_some()] {
            header.entry {
                p.kicker { "Experiment No. " (text::grouped(shown.experiment.number)) " · " (arm_of(shown.experiment.origin.arm)) " " (badge(shown.experiment.status)) }
                h1 { (title) }
                (times(&shown.experiment))
                (standing::section(&shown.experiment))
                (contents(&shown, measured))
            }
            @if moving {
                section.state aria-labelledby="state" data-refresh=(format!("/partials/live?id={id}")) data-ended="0" {
                    h2 #state { (text::status(shown.experiment.status)) }
                    div data-live="state" aria-live="polite" { (crate::live::state(&shown.experiment)) }
                    p.news role="status" data-news="" {}
                }
            }
            (before::section(&shown))
            (failure::section(&shown))
            @if measured {
                (after::section(&shown))
                (points::section(&shown))
                @if !shown.is_held_out() { (look::section(&shown, &video)) }
            }
            (phases::section(&shown))
            (files::section(&shown, &pages.services.site.public_url, &packed))
            (code::section(&shown, code.as_ref()))
        }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

/// The page's heading.
pub(crate) fn title(experiment: &Experiment) -> String {
    title_of(&experiment.summary())
}

/// What was tried, and in a few words what came of it; first of all whether that still stands.
pub(crate) fn title_of(row: &Summary) -> String {
    let codec = text::name(&row.codec);
    let headline = row.headline();
    match (row.status, headline, &row.failure) {
        _ if row.purged_at.is_some() => format!("{codec}: removed for good"),
        (Status::Successful, Some(saving), _) if row.retraction.is_some() => {
            format!("{codec}, retracted: {}", text::saving(saving))
        }
        (Status::Successful, None, _) if row.retraction.is_some() => format!("{codec}, retracted"),
        (Status::Successful, Some(saving), _) => format!("{codec}: {}", text::saving(saving)),
        (Status::Successful, None, _) => format!("{codec}: measured, no saving to state"),
        (Status::Failed, _, Some(failure)) => {
            format!("{codec} failed in {}: {}", failure.phase, text::name(&failure.kind))
        }
        (Status::Failed, _, None) => format!("{codec} failed"),
        (Status::Queued, ..) => format!("{codec} waits for a worker"),
        (Status::InProgress, ..) => format!("{codec} is being measured"),
        (Status::Other, ..) => format!("{codec} was cancelled"),
    }
}

fn description(experiment: &Experiment) -> String {
    let rationale = text::plain(&experiment.origin.rationale, 140).replace(['\n', '\t'], " ");
    format!("Experiment {} · {}. {rationale}", experiment.id, title(experiment))
}

fn times(experiment: &Experiment) -> Markup {
    html! {
        dl.meta {
            div { dt { "Id" } dd { code { (experiment.id) } } }
            div { dt { "Submitted" } dd { (text::when(experiment.submitted_at)) } }
            @if let Some(ended) = experiment.ended_at {
                div { dt { "Ended" } dd { (text::when(ended)) } }
                @if let Some(started) = experiment.started_at { div { dt { "Took" } dd { (text::span(started, ended)) } } }
            }
        }
    }
}

fn contents(shown: &Shown, measured: bool) -> Markup {
    let failed = shown.experiment.failure.is_some();
    let sections: [(&str, &str, bool); 8] = [
        ("before", "Before", true),
        ("failure", "Failure", failed),
        ("after", "After", measured),
        ("points", "Rate points", measured),
        ("look", "Look closer", measured && !shown.is_held_out()),
        ("phases", "Phases", true),
        ("files", "Files", shown.experiment.bundle.is_some()),
        ("code", "Code", true),
    ];
    html! {
        nav.contents aria-label="On this page" {
            ul { @for (id, name, there) in sections { @if there { li { a href=(format!("#{id}")) { (name) } } } } }
        }
    }
}
