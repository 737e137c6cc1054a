//! `/`: what this is, where it stands, the best so far, and every experiment by status.

use crate::address::{ARMS, Listing, Question, SORTS, TABS};
use crate::components::{ledger, pager};
use crate::error::PageError;
use crate::layout::{Head, Section};
use crate::render::{HTML, Pages};
use crate::{layout, text};
use aiv1_model::{Counts, Status};
use aiv1_store::{Codec, Page, Query};
use aiv1_web::{Problem, Version};
use axum::extract::{Query as Asked, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// Rows of a page.
pub(crate) const ROWS: u32 = 20;
/// Most codecs in the filter.
const CODECS: usize = 60;

/// `GET /`
pub(crate) async fn page(
    State(pages): State<Pages>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let listing = Listing::read(&Question::new(pairs)?)?;
    pages.answer(&headers, &listing.href(), HTML, |version| render(&pages, version, &listing)).await
}

async fn render(pages: &Pages, version: Version, listing: &Listing) -> Result<Markup, PageError> {
    let list = async { pages.services.catalog.list(&query(listing)).await.map_err(Problem::from) };
    let (front, list) = tokio::try_join!(pages.front(version), list)?;
    let counts = &front.counts;
    let head = Head {
        title: "AiV1",
        description: "An open laboratory for video codecs that runs by itself: every experiment is measured against real \
            HEVC and AV1 encodes at equal quality, and can be derived again from what is stored.",
        path: Some("/"),
        section: Some(Section::Dashboard),
        ..Head::default()
    };
    let refresh = crate::live::address(listing);
    let body = html! {
        (intro())
        div data-refresh=(refresh) data-ended=(counts.successful + counts.failed) {
            (tally(counts, listing))
            (front.top)
            (experiments(listing, counts, &list, &front.codecs))
            div.two data-live="bench" { (front.bench) }
        }
        (front.legacy)
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

/// What the catalog is asked for.
pub(crate) fn query(listing: &Listing) -> Query {
    Query {
        status: Some(listing.tab),
        codec: listing.codec,
        arm: listing.arm,
        order: listing.sort,
        cursor: listing.cursor.clone(),
        limit: ROWS,
    }
}

fn intro() -> Markup {
    const STEPS: [(&str, &str); 6] = [
        ("Propose", "a designer writes or turns a codec"),
        ("Compile", "to a sandboxed WebAssembly module"),
        ("Encode", "real clips, at several qualities"),
        ("Decode", "what was stored, nothing else"),
        ("Measure", "against HEVC and AV1 on the same frames"),
        ("Publish", "with everything to derive it again"),
    ];
    html! {
        section.intro {
            h1 { "A laboratory for video codecs that runs by itself" }
            p.lead {
                "It proposes a codec, measures it on real footage and publishes what came out, failures too. A figure here is "
                a href="/method" { "measured or absent" } ", and a saving is always one at equal quality."
            }
            ol.pipeline aria-label="What happens to each experiment" {
                @for (step, does) in STEPS { li { b { (step) } span { (does) } } }
            }
        }
    }
}

/// Live counts, each a way to its tab.
fn tally(counts: &Counts, listing: &Listing) -> Markup {
    html! {
        section.tally aria-label="Counts" {
            @for (word, status) in TABS.into_iter().filter(|(_, status)| *status != Status::Other) {
                a class=(word) href=(listing.tab(status).href()) {
                    span.count data-count=(word) { (text::grouped(counts.of(status))) } " "
                    span.name { (text::status(status)) }
                }
            }
            p.total {
                span.count data-count="total" { (text::grouped(counts.total)) } " "
                span.name { "experiments" @if counts.other > 0 { ", " a href=(listing.tab(Status::Other).href()) { (text::grouped(counts.other)) " cancelled" } } }
            }
            p.news role="status" data-news="" {}
        }
    }
}

fn experiments(listing: &Listing, counts: &Counts, list: &Page, codecs: &[Codec]) -> Markup {
    html! {
        section #experiments aria-labelledby="experiments-heading" {
            h2 #experiments-heading { "Experiments" }
            nav.tabs aria-label="Experiments by status" {
                ul {
                    // What was cancelled is rare: its tab is there when it has something to show.
                    @for (word, status) in TABS.into_iter().filter(|(_, status)| *status != Status::Other || counts.other > 0 || listing.tab == Status::Other) {
                        li {
                            a href=(listing.tab(status).href()) aria-current=[(status == listing.tab).then_some("page")] {
                                (text::status(status)) " " span.count data-count=(word) { (text::grouped(counts.of(status))) }
                            }
                        }
                    }
                }
            }
            (filters(listing, codecs))
            div data-live="list" { (ledger(listing.tab, &list.experiments)) }
            @if listing.tab == Status::Successful && !list.experiments.is_empty() {
                form #compare.compare action="/compare" method="get" {
                    button type="submit" { "Compare what is ticked" }
                    span.hint { "two to eight experiments, side by side" }
                }
            }
            (pager(
                listing.cursor.as_ref().map(|_| (listing.at(None).href(), "← First page")),
                list.next.as_deref().map(|next| (listing.at(Some(next)).href(), "Next page →")),
            ))
        }
    }
}

fn filters(listing: &Listing, codecs: &[Codec]) -> Markup {
    // Several sources may go by one name: the digest tells them apart.
    let label = |codec: &Codec| format!("{} ({})", text::name(&codec.name), codec.source.abbreviated());
    let beyond =
        listing.codec.filter(|asked| !codecs.iter().take(CODECS).any(|codec| codec.source == *asked));
    html! {
        form.filters action="/#experiments" method="get" {
            @if listing.tab != Status::Successful { input type="hidden" name="tab" value=(listing.tab.as_str()); }
            label { "Codec "
                select name="codec" {
                    option value="" { "all" }
                    @if let Some(asked) = beyond { option value=(asked) selected { (asked.abbreviated()) } }
                    @for codec in codecs.iter().take(CODECS) {
                        option value=(codec.source) selected[listing.codec == Some(codec.source)] { (label(codec)) }
                    }
                }
            }
            label { "Proposed by "
                select name="arm" {
                    option value="" { "anyone" }
                    @for (word, arm) in ARMS { option value=(word) selected[listing.arm == Some(arm)] { (text::arm(arm)) } }
                }
            }
            @if listing.tab == Status::Successful {
                label { "Order "
                    select name="sort" {
                        @for (word, order) in SORTS {
                            option value=(word) selected[listing.sort == order] { (sort_name(word)) }
                        }
                    }
                }
            }
            button type="submit" { "Apply" }
        }
    }
}

fn sort_name(word: &str) -> &'static str {
    match word {
        "best" => "greatest saving first",
        "cheapest" => "cheapest to decode first",
        _ => "newest first",
    }
}
