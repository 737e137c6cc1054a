//! `/journal`: what people and programs did to the lab beside asking and measuring; lines are added and never changed.

use crate::address::{Question, address};
use crate::components::{pager, table};
use crate::error::PageError;
use crate::layout::{self, Head};
use crate::render::{HTML, Pages};
use crate::text::{self, ABSENT};
use aiv1_model::{Action, DesignCost, Event, JournalEntry, Note, VerifiedOutcome};
use axum::extract::{Query as Asked, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// Lines of a page.
const ROWS: u32 = 50;

/// `GET /journal`
pub(crate) async fn page(
    State(pages): State<Pages>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let question = Question::new(pairs)?;
    let name = question.address("/journal", &["cursor"]);
    pages.answer(&headers, &name, HTML, |_| render(&pages, question.get("cursor"))).await
}

async fn render(pages: &Pages, cursor: Option<&str>) -> Result<Markup, PageError> {
    let journal = pages.services.catalog.journal(cursor, ROWS).await?;
    let head = Head {
        title: "Journal",
        description: "What operators, workers and the loop did to the laboratory: cancelled, retracted, verified, paused; line by line, never changed.",
        path: Some("/journal"),
        ..Head::default()
    };
    let rows = html! { @for entry in &journal.entries { (row(entry)) } };
    let first = cursor.map(|_| ("/journal".to_owned(), "← Latest"));
    let next = journal.next.map(|next| (address("/journal", &[("cursor", next)]), "Earlier →"));
    let body = html! {
        h1 { "Journal" }
        p.lead { "Everything that people and programs did to the lab beside asking and measuring. Lines are added, never changed and never removed." }
        @if journal.entries.is_empty() { p.empty { "Nothing has been done to the lab yet." } }
        @else { (table("The journal, latest line first", &["No.", "When", "Who", "What", "Experiment", "What was said"], &rows)) }
        (pager(first, next))
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

fn row(entry: &JournalEntry) -> Markup {
    html! {
        tr {
            th scope="row" { (text::grouped(entry.number)) }
            td { (text::when(entry.at)) }
            td { bdi { (text::name(&entry.by)) } }
            @match &entry.event {
                Event::Action { experiment, action } => {
                    td { (done(action)) }
                    td { a href=(format!("/blog/{experiment}")) { code { (experiment) } } }
                    td.prose { bdi { (text::or_absent(action.text().filter(|said| !said.is_empty()).map(|said| text::plain(said, Action::MAX_TEXT_BYTES)))) } }
                }
                Event::Note(note) => {
                    td { (noted(note)) }
                    td { (ABSENT) }
                    td.prose { @match note { Note::ModelCalled { outcome, cost, .. } => (called(outcome, cost)), _ => (ABSENT) } }
                }
            }
        }
    }
}

const fn done(action: &Action) -> &'static str {
    match action {
        Action::Cancelled => "cancelled",
        Action::Rerun => "queued again",
        Action::Flagged { .. } => "asked for a person",
        Action::Resolved { .. } => "resolved",
        Action::Retracted { .. } => "retracted",
        Action::Verified { outcome: VerifiedOutcome::Confirmed, .. } => {
            "derived again: every figure came out"
        }
        Action::Verified { outcome: VerifiedOutcome::Incomplete, .. } => {
            "derived again: not all could be checked"
        }
        Action::Verified { outcome: VerifiedOutcome::Differs, .. } => "derived again: something differs",
        Action::Purged { .. } => "removed for good",
    }
}

const fn noted(note: &Note) -> &'static str {
    match note {
        Note::Paused => "loop paused",
        Note::Resumed => "loop goes on",
        Note::Stopped => "loops told to end",
        Note::ModelCalled { .. } => "language model asked",
    }
}

fn called(outcome: &str, cost: &DesignCost) -> Markup {
    let price = cost.microdollars.map_or_else(|| ABSENT.to_owned(), text::dollars);
    html! {
        bdi { (text::plain(outcome, 400)) } " "
        span.hint { bdi { (text::name(&cost.model)) } ", " (text::grouped(cost.input_tokens)) " tokens read, " (text::grouped(cost.output_tokens)) " written, " (price) }
    }
}
