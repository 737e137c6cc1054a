//! `/blog`: the notebook. Every experiment that ended, newest first, in one sentence each.

use crate::address::{Question, address};
use crate::components::{arm_of, badge, marks, pager};
use crate::error::PageError;
use crate::layout::{Head, Section};
use crate::pages::experiment::title_of;
use crate::pages::legacy;
use crate::render::{HTML, Pages};
use crate::{layout, text};
use aiv1_model::{Status, Summary};
use aiv1_store::{Catalog, Overview, Query};
use aiv1_web::Problem;
use axum::extract::{Query as Asked, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// Rows that are read at a time.
const ROWS: u32 = 30;
/// Most reads for one page, where all that was read has yet to end.
const READS: usize = 4;

/// A page of what has ended.
pub(crate) struct Ended {
    /// Newest first.
    pub(crate) rows: Vec<Summary>,
    /// How many were passed over because they have yet to end.
    pub(crate) open: usize,
    /// Where the next page begins.
    pub(crate) next: Option<String>,
}

/// Reads on, from the newest submission, until something has ended.
pub(crate) async fn ended(catalog: &dyn Catalog, cursor: Option<&str>, limit: u32) -> Result<Ended, Problem> {
    let mut ended = Ended { rows: Vec::new(), open: 0, next: cursor.map(ToOwned::to_owned) };
    for read in 0..READS {
        // Where a long queue hides what has ended, larger steps get past it.
        let limit = if read == 0 { limit } else { Query::MAX_LIMIT };
        let page = catalog.list(&Query { cursor: ended.next.take(), limit, ..Query::default() }).await?;
        let open = |one: &Summary| matches!(one.status, Status::Queued | Status::InProgress);
        let (open, rows): (Vec<Summary>, Vec<Summary>) = page.experiments.into_iter().partition(open);
        ended.open += open.len();
        ended.rows.extend(rows);
        ended.next = page.next;
        if !ended.rows.is_empty() || ended.next.is_none() {
            break;
        }
    }
    Ok(ended)
}

/// `GET /blog`
pub(crate) async fn page(
    State(pages): State<Pages>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let question = Question::new(pairs)?;
    pages.answer(&headers, &question.address("/blog", &["cursor"]), HTML, |_| render(&pages, &question)).await
}

async fn render(pages: &Pages, question: &Question) -> Result<Markup, PageError> {
    let cursor = question.get("cursor");
    let catalog = &*pages.services.catalog;
    let earlier = async { catalog.list_legacy(None, Overview::LEGACY).await.map_err(Problem::from) };
    let (ended, earlier) = tokio::try_join!(ended(catalog, cursor, ROWS), earlier)?;
    let head = Head {
        title: "Notebook",
        description: "Every experiment of the laboratory in one sentence: what it saved at equal quality, or why it failed.",
        path: Some("/blog"),
        section: Some(Section::Blog),
        ..Head::default()
    };
    let first = cursor.map(|_| ("/blog".to_owned(), "← Newest"));
    let next = ended.next.as_ref().map(|next| (address("/blog", &[("cursor", next.clone())]), "Older →"));
    let body = html! {
        div.narrow {
            h1 { "Notebook" }
            p.lead { "What was tried, and in a sentence what came of it. Failures are results, too." }
            @if ended.open > 0 {
                p.hint { (ended.open) " newer ones have yet to end: " a href="/?tab=in_progress#experiments" { "in progress" } ", " a href="/?tab=queued#experiments" { "queued" } "." }
            }
            @if ended.rows.is_empty() { p.empty { "Nothing has ended yet. The first experiments take a few minutes." } }
            @else { ol.posts { @for row in &ended.rows { (post(row)) } } }
            (pager(first, next))
            (legacy::latest(&earlier))
        }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

fn post(row: &Summary) -> Markup {
    html! {
        li {
            article {
                p.kicker { "No. " (text::grouped(row.number)) " · " (text::when_or_absent(row.ended_at)) " · " (arm_of(row.arm)) " " (badge(row.status)) (marks(row)) }
                h2 { a href=(format!("/blog/{}", row.id)) { bdi { (title_of(row)) } } }
                @if let Some(failure) = &row.failure { p { (text::fault(failure.fault)) ": " bdi { (text::plain(&failure.message, 240)) } } }
            }
        }
    }
}
