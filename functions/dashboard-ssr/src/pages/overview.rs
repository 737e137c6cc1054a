//! What is the same on each of the dashboard's tabs: counts, best results, figures, workers, queue.

use super::held_out::{self, Checked};
use super::{legacy, workers};
use crate::components::{card, chart, footage, table};
use crate::text;
use aiv1_charts::{Budget, SearchCurve, Theme};
use aiv1_model::api::{ClipEntry, WorkerStatus};
use aiv1_model::{Arm, Counts, Record, Summary};
use aiv1_store::{Codec, LoopState, Milestone, Overview, Page};
use aiv1_web::{Problem, Services};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use maud::{Markup, html};

/// Most workers listed.
const WORKERS: usize = 12;

/// What all lists of the dashboard show beside themselves.
#[derive(Debug)]
pub(crate) struct Front {
    /// Counts by status.
    pub(crate) counts: Counts,
    /// Codecs, most recently first seen first.
    pub(crate) codecs: Vec<Codec>,
    /// Best results and figures.
    pub(crate) top: Markup,
    /// Workers and what waits for them.
    pub(crate) bench: Markup,
    /// The latest records of the earlier system.
    pub(crate) legacy: Markup,
}

impl Front {
    /// One read of the store, and what held-out clips say of the best.
    pub(crate) async fn read(services: &Services) -> Result<Self, Problem> {
        let overview = services.catalog.overview().await?;
        let checked = checked(services, &overview).await?;
        let top = top(&overview, &checked);
        let bench = bench(&overview.workers, &overview.waiting, services.clock.now());
        let legacy = legacy::latest(&overview.legacy);
        let Overview { counts, codecs, .. } = overview;
        Ok(Self { counts, codecs, top, bench, legacy })
    }
}

/// What held-out clips say of each of the best, in their order.
async fn checked(services: &Services, overview: &Overview) -> Result<Vec<Option<Checked>>, Problem> {
    let Overview { best, record, .. } = overview;
    if best.is_empty() {
        return Ok(Vec::new());
    }
    let clips = services.catalog.clips().await?;
    if !clips.iter().any(ClipEntry::is_held_out) {
        return Ok(vec![None; best.len()]);
    }
    let one = async |place: usize, summary: &Summary| {
        let read = match record {
            // The overview has the first one's already.
            Some(record) if place == 0 => return held_out::check(services, &clips, summary, record).await,
            _ => services.catalog.record(&summary.id).await?,
        };
        match read {
            Some(record) => held_out::check(services, &clips, summary, &record).await,
            None => Ok(None),
        }
    };
    try_join_all(best.iter().enumerate().map(|(place, summary)| one(place, summary))).await
}

fn top(overview: &Overview, checked: &[Option<Checked>]) -> Markup {
    let Overview { best, record, milestones, state, .. } = overview;
    html! {
        section aria-labelledby="best" {
            h2 #best { "Best at equal quality" }
            @if best.is_empty() {
                p.empty { "No experiment has a saving to state yet. The first ones take a few minutes." }
            } @else {
                p.hint {
                    "Each against the strongest anchor that a saving can be stated against, over all of its clips; left of the line needs fewer bits. "
                    @if let (Some(first), Some(record)) = (best.first(), record) {
                        "No. " (first.number) " was measured on " (footage(&record.clips)) @if record.clips.len() == 1 { ": that says little about other footage" } ". "
                    }
                    a href="/method#saving" { "How it is compared" } "."
                }
                div.cards { @for (index, (summary, checked)) in best.iter().zip(checked).enumerate() { (card(index + 1, summary, &held_out::line(checked.as_ref()))) } }
            }
        }
        div.two {
            section aria-labelledby="curves" {
                h2 #curves { "The best one against its anchors" }
                (curves(best.first(), record.as_ref()))
            }
            section aria-labelledby="search" {
                h2 #search { "Progress of the search" }
                (search(milestones, state))
            }
        }
    }
}

fn curves(best: Option<&Summary>, record: Option<&Record>) -> Markup {
    let (Some(best), Some(record)) = (best, record) else {
        return html! { p.empty { "Rate and quality are plotted here as soon as there is a result." } };
    };
    let Some(clip) = record.clips.first() else { return html! { p.empty { "Its record names no clip." } } };
    let svg = aiv1_charts::rate_distortion_on(&[record], &clip.id, Theme::Page);
    let rows = html! {
        @for point in record.points.iter().filter(|point| point.clip == clip.id) {
            tr { td { bdi { (text::name(&record.codec.name)) } " q" (point.quality_index) } td { (text::bitrate(point.bitrate)) } td { (text::decibels(point.quality.psnr_y)) } }
        }
        @for point in record.anchors.iter().filter(|point| point.clip == clip.id) {
            tr { td { bdi { (text::name(&point.encode.anchor)) } } td { (text::bitrate(point.bitrate)) } td { (text::decibels(point.quality.psnr_y)) } }
        }
    };
    let figures = table("Rate points of the plot", &["Curve", "Rate", "PSNR-Y"], &rows);
    let caption = html! {
        a href=(format!("/blog/{}", best.id)) { "No. " (best.number) } " on " bdi { (text::name(&clip.name)) }
        @if record.clips.len() > 1 { ", the first of its " (record.clips.len()) " clips" }
        ". Further up and to the left is better."
    };
    chart(svg, &caption, Some(&figures))
}

fn search(milestones: &[Milestone], state: &LoopState) -> Markup {
    let count =
        |arm: Arm| state.evaluations.iter().find(|(one, _)| *one == arm).map_or(0, |(_, count)| *count);
    let curve = |arm: &Arm| {
        let steps: Vec<(f64, f64)> = milestones
            .iter()
            .filter(|one| one.arm == *arm && !one.retracted)
            .map(|one| (one.evaluations as f64, one.bd_rate))
            .collect();
        let spent = steps.last().map_or(0.0, |step| step.0.max(count(*arm) as f64));
        (!steps.is_empty()).then(|| SearchCurve { name: text::arm(*arm).to_owned(), steps, spent })
    };
    let curves: Vec<SearchCurve> =
        [Arm::Search, Arm::Random, Arm::Llm, Arm::Start, Arm::Person].iter().filter_map(curve).collect();
    html! {
        p.loop data-loop="" {
            @if state.paused {
                span.badge.queued { span aria-hidden="true" { "⏸" } " Paused" } " by its operator after "
            } @else {
                span.badge.in_progress { span aria-hidden="true" { "⟳" } " The loop is on" } " with "
            }
            (text::grouped(state.iterations)) " proposals made"
        }
        @if curves.is_empty() {
            p.empty { "The best saving so far is plotted here over the number of experiments, for the search and for its random control." }
        } @else {
            @let rows = html! {
                @for curve in &curves {
                    tr {
                        td { (curve.name) } td { (text::grouped(curve.spent as u64)) }
                        td { (text::or_absent(curve.steps.first().map(|step| text::percent(step.1)))) }
                        td { (text::or_absent(curve.steps.last().map(|step| text::percent(step.1)))) }
                    }
                }
            };
            @let figures = table("Best so far, by who proposed", &["Proposed by", "Evaluated", "First", "Best so far"], &rows);
            @let caption = html! { "Best BD-rate so far against the strongest anchor; further down is better. The random control shows what luck alone finds. " a href="/efficacy" { "Held against one another" } };
            (chart(aiv1_charts::search_progress(&curves, Budget::Experiments, Theme::Page), &caption, Some(&figures)))
        }
    }
}

fn bench(workers: &[WorkerStatus], waiting: &Page, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="workers" {
            h2 #workers { "Workers" }
            (workers::list(workers, now, WORKERS))
            p { a href="/workers" { "The workers in detail" } }
        }
        section aria-labelledby="queue" {
            h2 #queue { "Queue" }
            @if waiting.experiments.is_empty() {
                p.empty { "Nothing is waiting for a worker." }
            } @else {
                ol.queue {
                    @for one in &waiting.experiments {
                        li { a href=(format!("/blog/{}", one.id)) { bdi { (text::name(&one.codec)) } " No. " (one.number) } " " span.hint { (text::arm(one.arm)) ", since " (text::when(one.submitted_at)) } }
                    }
                }
                @if waiting.next.is_some() { p { a href="/?tab=queued#experiments" { "All that is waiting" } } }
            }
        }
    }
}
