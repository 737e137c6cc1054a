//! `/lineage`: which experiment changed the codec of which, and the archive from which parents are drawn.

mod descent;
mod tree;

use crate::components::table;
use crate::error::PageError;
use crate::layout::{self, Head, Section};
use crate::render::{HTML, Pages};
use crate::text::{self, ABSENT};
use aiv1_model::{Arm, Cell, CostBand, RateBand, Status, Summary, archive};
use aiv1_store::{Order, Query};
use aiv1_web::Problem;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

pub(crate) use descent::ancestors;

/// `GET /lineage`
pub(crate) async fn page(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, PageError> {
    pages.answer(&headers, "/lineage", HTML, |_| render(&pages)).await
}

async fn render(pages: &Pages) -> Result<Markup, PageError> {
    let catalog = &*pages.services.catalog;
    let list = async |query: Query| Ok::<_, Problem>(catalog.list(&query).await?.experiments);
    let newest = Query { arm: Some(Arm::Llm), limit: Query::MAX_LIMIT, ..Query::default() };
    let best = Query {
        status: Some(Status::Successful),
        order: Order::Best,
        limit: Query::MAX_LIMIT,
        ..Query::default()
    };
    let (newest, best) = tokio::try_join!(list(newest), list(best))?;
    let known = descent::with_ancestors(catalog, newest).await?;
    let head = Head {
        title: "Lineage",
        description: "Which codec was made from which, what came of each, and the best at each rate and decode cost.",
        path: Some("/lineage"),
        section: Some(Section::Lineage),
        ..Head::default()
    };
    let body = html! {
        h1 { "Lineage" }
        p.lead { "A language model changes the source of a codec that was measured before. Each experiment names its parent; from those the trees below are drawn." }
        section #archive aria-labelledby="archive-heading" {
            h2 #archive-heading { "The archive" }
            (cells(&best))
        }
        section #trees aria-labelledby="trees-heading" {
            h2 #trees-heading { "Trees" }
            p.hint { "Newest first: the " (Query::MAX_LIMIT) " newest experiments of the language model with their ancestors." }
            (tree::trees(&known))
        }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

/// The best of each cell of rate and decode cost.
fn cells(best: &[Summary]) -> Markup {
    let archive = archive(best);
    let costs: Vec<CostBand> = CostBand::all().collect();
    let named: Vec<String> = costs.iter().map(ToString::to_string).collect();
    let head: Vec<&str> = std::iter::once("Rate").chain(named.iter().map(String::as_str)).collect();
    let rows = html! {
        @for rate in RateBand::all() {
            tr {
                th scope="row" { (rate) }
                @for cost in &costs {
                    td {
                        @match archive.get(&Cell { rate, cost: *cost }) {
                            Some(one) => {
                                @let saving = one.headline();
                                a href=(format!("/blog/{}", one.id)) { bdi { (text::name(&one.codec)) } " No. " (text::grouped(one.number)) }
                                " " b { (text::or_absent(saving.map(|saving| text::percent(saving.bd_rate)))) }
                            }
                            None => (ABSENT)
                        }
                    }
                }
            }
        }
    };
    html! {
        p {
            "The best headline of each cell of rate and decode cost: what is good at low rates, or cheap to decode, is not forgotten for what is better elsewhere. "
            "Rate is bits a luma pixel, the geometric mean over all points; cost the most fuel a luma pixel that decoding took. A band holds where it begins and not where it ends."
        }
        (table("Best headline BD-rate by rate and decode cost; below zero needs fewer bits", &head, &rows))
        p.hint { "Among the " (Query::MAX_LIMIT) " best experiments. Headlines of different cells may be against different anchors and on different clips." }
    }
}
