//! `/legacy`: the records of the earlier system, latest first; and the way there.

use super::record::title;
use super::{UNMEASURED, badge, generation, rate_and_quality};
use crate::address::{Question, address};
use crate::components::pager;
use crate::error::PageError;
use crate::layout::{self, Head, Section};
use crate::render::{HTML, Pages};
use crate::text;
use aiv1_model::LegacyExperiment;
use aiv1_store::LegacyPage;
use axum::extract::{Query as Asked, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// Rows of a page.
const ROWS: u32 = 30;
/// Most characters of a text in a list.
const BRIEF: usize = 160;

/// Where there are any: the latest, how many, and the way to all of them.
pub(crate) fn latest(page: &LegacyPage) -> Markup {
    html! {
        @if page.total > 0 {
            section.earlier aria-labelledby="earlier" {
                h2 #earlier { "From the earlier system" }
                p.hint {
                    a href="/legacy" { "Records of the earlier system: " (text::grouped(page.total)) }
                    ". What they claim was not measured here, and they are not counted among the experiments."
                }
                ol.posts {
                    @for record in &page.experiments {
                        li {
                            p.kicker { (text::when(record.recorded_at)) " · " (generation(record.generation)) " " (badge(record)) }
                            a href=(format!("/blog/{}", record.id)) { (title(record)) }
                        }
                    }
                }
            }
        }
    }
}

/// `GET /legacy`
pub(crate) async fn page(
    State(pages): State<Pages>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let question = Question::new(pairs)?;
    pages
        .answer(&headers, &question.address("/legacy", &["cursor"]), HTML, |_| render(&pages, &question))
        .await
}

async fn render(pages: &Pages, question: &Question) -> Result<Markup, PageError> {
    let cursor = question.get("cursor");
    let list = pages.services.catalog.list_legacy(cursor, ROWS).await?;
    let head = Head {
        title: "Records of the earlier system",
        description: "What the system before this laboratory wrote down, shown as it was claimed: none of it was measured here.",
        path: Some("/legacy"),
        section: Some(Section::Blog),
        ..Head::default()
    };
    let first = cursor.map(|_| ("/legacy".to_owned(), "← Latest"));
    let next = list.next.as_ref().map(|next| (address("/legacy", &[("cursor", next.clone())]), "Older →"));
    let body = html! {
        h1 { "Records of the earlier system" }
        p.lead {
            "What the system before this one wrote down. Its figures stand here as it claimed them: "
            "none was measured by this laboratory, and without the streams none can be."
        }
        @if list.experiments.is_empty() && cursor.is_none() {
            p.empty { "No record has been imported. " code { "aiv1 import" } " brings an export of the old table in." }
        } @else {
            p.hint { (text::grouped(list.total)) " in all, not counted among the experiments. The same as JSON: " a href="/api/legacy" { "/api/legacy" } "." }
            (rows(&list.experiments))
        }
        (pager(first, next))
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

fn rows(records: &[LegacyExperiment]) -> Markup {
    const LABELS: [&str; 4] = ["Record", "It says", "It claims", "Recorded"];
    html! {
        table.ledger.legacy {
            caption.hidden { "Records of the earlier system, latest first" }
            thead { tr { @for label in LABELS { th scope="col" { (label) } } } }
            tbody {
                @for record in records {
                    tr {
                        th.what scope="row" {
                            a href=(format!("/blog/{}", record.id)) { (record.id) }
                            span.brief { (generation(record.generation)) }
                        }
                        td.why data-label=(LABELS[1]) { (badge(record)) " " bdi { (in_brief(record)) } }
                        td data-label=(LABELS[2]) { (rate_and_quality(&record.claims).unwrap_or_else(|| UNMEASURED.to_owned())) }
                        td data-label=(LABELS[3]) { (text::when(record.recorded_at)) }
                    }
                }
            }
        }
    }
}

/// Why it failed, or what was tried.
fn in_brief(record: &LegacyExperiment) -> String {
    let said = [&record.failure, &record.approach, &record.hypothesis, &record.reasoning];
    let said = said.into_iter().flatten().next();
    said.map(|said| text::plain(said, BRIEF).replace(['\n', '\t'], " ")).unwrap_or_default()
}
