//! `/partials/live`: what the script of a page asks for every few seconds. Mostly answered with 304.

use crate::address::{Listing, Question};
use crate::components::{ledger, progress_of};
use crate::error::PageError;
use crate::pages::dashboard::query;
use crate::render::{HTML, Pages};
use crate::text;
use aiv1_model::{Experiment, ExperimentId, Status};
use aiv1_web::Version;
use axum::extract::{Query as Asked, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// Where the page that shows this listing is refreshed from.
pub(crate) fn address(listing: &Listing) -> String {
    listing.href().replacen('/', "/partials/live", 1).replace("#experiments", "")
}

/// `GET /partials/live`
pub(crate) async fn partial(
    State(pages): State<Pages>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let question = Question::new(pairs)?;
    if let Some(id) = question.get("id") {
        let id = crate::pages::experiment::id_of(id)?;
        let name = format!("/partials/live?id={id}");
        return pages.answer(&headers, &name, HTML, |_| one(&pages, &id)).await;
    }
    let listing = Listing::read(&question)?;
    pages.answer(&headers, &address(&listing), HTML, |version| all(&pages, version, &listing)).await
}

async fn all(pages: &Pages, version: Version, listing: &Listing) -> Result<Markup, PageError> {
    let front = pages.front(version).await?;
    let counts = &front.counts;
    let moving = matches!(listing.tab, Status::InProgress | Status::Queued);
    let list = if moving { Some(pages.services.catalog.list(&query(listing)).await?) } else { None };
    Ok(html! {
        div data-ended=(counts.successful + counts.failed) {
            @for (word, status) in crate::address::TABS { span data-count=(word) { (text::grouped(counts.of(status))) } }
            span data-count="total" { (text::grouped(counts.total)) }
            @if let Some(list) = list { div data-live="list" { (ledger(listing.tab, &list.experiments)) } }
            div data-live="bench" { (front.bench) }
        }
    })
}

async fn one(pages: &Pages, id: &ExperimentId) -> Result<Markup, PageError> {
    let experiment = crate::pages::experiment::find(pages, id).await?;
    let ended = u8::from(experiment.ended_at.is_some());
    Ok(html! { div data-ended=(ended) { div data-live="state" { (state(&experiment)) } } })
}

/// Where an experiment stands that has not ended.
pub(crate) fn state(experiment: &Experiment) -> Markup {
    html! {
        @match experiment.status {
            Status::InProgress => {
                p { (progress_of(experiment.work.as_ref())) }
                @if let Some(work) = &experiment.work {
                    p.hint { "Worker " bdi { (text::name(&work.worker)) } " has had it since " (text::when(work.claimed_at)) ", attempt " (experiment.attempt) "." }
                }
            }
            Status::Queued => {
                p { "It waits for a worker since " (text::when(experiment.submitted_at)) "." }
                @if experiment.lost_attempts > 0 { p.hint { (experiment.lost_attempts) " attempts were lost by the infrastructure’s fault; it is tried again." } }
            }
            _ => { p { "It has ended." } }
        }
    }
}
