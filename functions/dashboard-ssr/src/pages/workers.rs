//! `/workers`: who measures.

use crate::components::table;
use crate::error::PageError;
use crate::layout::{self, Head};
use crate::render::{HTML, Pages};
use crate::text::{self, ABSENT};
use aiv1_model::api::WorkerStatus;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

/// A worker that was heard of within this time is there.
const SILENT_AFTER: SignedDuration = SignedDuration::from_secs(120);

/// `GET /workers`
pub(crate) async fn page(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, PageError> {
    pages.answer(&headers, "/workers", HTML, |_| render(&pages)).await
}

async fn render(pages: &Pages) -> Result<Markup, PageError> {
    let workers = pages.services.catalog.workers().await?;
    let now = pages.services.clock.now();
    let head = Head {
        title: "Workers",
        description: "The machines that measure: what each runs now, and when it was last heard of.",
        path: Some("/workers"),
        ..Head::default()
    };
    let rows = html! {
        @for worker in &workers {
            tr {
                th scope="row" { bdi { (text::name(&worker.info.name)) } }
                td { (state(worker, now)) }
                td {
                    @match &worker.experiment {
                        Some(id) => a href=(format!("/blog/{id}")) { (id) },
                        None => (ABSENT),
                    }
                }
                td { (text::when(worker.last_seen)) }
                td { bdi { (text::name(&worker.info.version)) } }
                td { (machine(worker)) }
                td { (worker.info.threads) }
                td { (text::grouped(worker.ended)) }
            }
        }
    };
    let body = html! {
        h1 { "Workers" }
        p.lead { "A worker claims an experiment, measures it and reports; one that is not heard of for a minute loses its work to another." }
        @if workers.is_empty() {
            (nobody())
        } @else {
            (table("Workers of the last day", &["Name", "State", "Runs", "Last heard of", "Version", "Machine", "Threads", "Ended"], &rows))
        }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

/// The first `most` workers, in brief.
pub(crate) fn list(workers: &[WorkerStatus], now: Timestamp, most: usize) -> Markup {
    if workers.is_empty() {
        return nobody();
    }
    let rows = html! {
        @for worker in workers.iter().take(most) {
            tr {
                th scope="row" { bdi { (text::name(&worker.info.name)) } }
                td { (state(worker, now)) }
                td { (worker.info.threads) }
                td { (text::grouped(worker.ended)) }
                td { (machine(worker)) }
            }
        }
    };
    html! {
        (table("Workers of the last day", &["Name", "State", "Threads", "Ended", "Machine"], &rows))
        @if workers.len() > most { p.hint { "and " (workers.len() - most) " more" } }
    }
}

fn nobody() -> Markup {
    html! { p.empty { "No worker has been heard of in the last day." } }
}

fn state(worker: &WorkerStatus, now: Timestamp) -> Markup {
    html! {
        @if now.duration_since(worker.last_seen) > SILENT_AFTER {
            span.badge.other { "silent" } " since " (text::when(worker.last_seen))
        } @else if let Some(id) = &worker.experiment {
            a href=(format!("/blog/{id}")) { "at work" }
        } @else {
            "waiting"
        }
    }
}

fn machine(worker: &WorkerStatus) -> Markup {
    html! { bdi { (worker.info.machine.as_deref().map_or_else(|| ABSENT.to_owned(), text::name)) } }
}
