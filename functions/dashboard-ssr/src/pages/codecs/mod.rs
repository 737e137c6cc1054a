//! `/codecs` and `/codecs/{hash}`: what is measured, what can be turned, its experiments, its history, its source.

mod diff;
mod history;

use crate::address::Listing;
use crate::components::{ledger, table};
use crate::error::PageError;
use crate::layout::{self, Head, Section};
use crate::render::{HTML, Pages};
use crate::text::{self, ABSENT};
use aiv1_model::{Declaration, Digest, Status};
use aiv1_store::{BlobKey, Codec, ObjectKind, Order, Query};
use aiv1_web::Problem;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use history::History;
use maud::{Markup, html};

/// Experiments listed on a codec's page.
const ROWS: u32 = 10;

/// `GET /codecs`
pub(crate) async fn list(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, PageError> {
    pages.answer(&headers, "/codecs", HTML, |_| render_list(&pages)).await
}

async fn render_list(pages: &Pages) -> Result<Markup, PageError> {
    let codecs = pages.services.catalog.codecs().await?;
    let head = Head {
        title: "Codecs",
        description: "Every codec the laboratory has measured: one source file each, compiled to WebAssembly.",
        path: Some("/codecs"),
        section: Some(Section::Codecs),
        ..Head::default()
    };
    let rows = html! {
        @for codec in &codecs {
            tr {
                th scope="row" { a href=(format!("/codecs/{}", codec.source)) { bdi { (text::name(&codec.name)) } } " " code.hint { (codec.source.abbreviated()) "…" } }
                td.prose { bdi { (about(codec.declaration.as_ref())) } }
                td { (text::or_absent(codec.declaration.as_ref().map(|declaration| declaration.parameters.len()))) }
                td { (text::grouped(codec.experiments)) }
                td { (text::when(codec.first_seen)) }
            }
        }
    };
    let body = html! {
        h1 { "Codecs" }
        p.lead { "A codec is one source file, and the SHA-256 of that file is its identity." }
        @if codecs.is_empty() { p.empty { "No codec has been submitted yet." } }
        @else { (table("Codecs, latest first", &["Name", "What it says it is", "Parameters", "Experiments", "First seen"], &rows)) }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

fn about(declaration: Option<&Declaration>) -> String {
    declaration.map_or_else(|| ABSENT.to_owned(), |declaration| text::plain(&declaration.about, 200))
}

/// `GET /codecs/{hash}`
pub(crate) async fn page(
    State(pages): State<Pages>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let source: Digest = hash.parse().map_err(|_| {
        Problem::NotFound(format!(
            "{:?} is not a codec: the 64 digits of its source’s SHA-256 are",
            text::plain(&hash, 80)
        ))
    })?;
    pages.answer(&headers, &format!("/codecs/{source}"), HTML, |_| render(&pages, &source)).await
}

async fn render(pages: &Pages, source: &Digest) -> Result<Markup, PageError> {
    let catalog = &pages.services.catalog;
    let found = catalog.codec(source).await?;
    let codec = found.ok_or_else(|| Problem::NotFound(format!("there is no codec {source}")))?;
    let best =
        Query { status: Some(Status::Successful), codec: Some(*source), limit: ROWS, ..Query::default() };
    let best = catalog.list(&Query { order: Order::Best, ..best }).await?.experiments;
    let failed =
        Query { status: Some(Status::Failed), codec: Some(*source), limit: ROWS, ..Query::default() };
    let failed = catalog.list(&failed).await?.experiments;
    let key = BlobKey::object(ObjectKind::Source, *source);
    let code = pages.services.blobs.get(&key, ObjectKind::Source.max_bytes()).await?;
    let code = code.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let history = History::read(pages, source).await?;
    let title = format!("Codec {}", text::name(&codec.name));
    let description = format!("{title}: source, declared parameters and experiments.");
    let path = format!("/codecs/{source}");
    let head = Head {
        title: &title,
        description: &description,
        path: Some(&path),
        section: Some(Section::Codecs),
        ..Head::default()
    };
    let listing = Listing {
        tab: Status::Successful,
        codec: Some(*source),
        arm: None,
        sort: Order::Newest,
        cursor: None,
    };
    let body = html! {
        p.kicker { "Codec" }
        h1 { bdi { (text::name(&codec.name)) } }
        p.lead { bdi { (about(codec.declaration.as_ref())) } }
        (facts(&codec))
        section #parameters aria-labelledby="parameters-heading" {
            h2 #parameters-heading { "What can be turned" }
            (declared(codec.declaration.as_ref()))
        }
        section #experiments aria-labelledby="experiments-heading" {
            h2 #experiments-heading { "Its best experiments" }
            (ledger(Status::Successful, &best))
            @if !best.is_empty() { form #compare.compare action="/compare" method="get" { button type="submit" { "Compare what is ticked" } } }
            p { a href=(listing.href()) { "All that succeeded" } " · " a href=(listing.tab(Status::Failed).href()) { "All that failed" } }
            @if !failed.is_empty() { h3 { "Its latest failures" } (ledger(Status::Failed, &failed)) }
        }
        (history.section(code.as_deref()))
        section #source aria-labelledby="source-heading" {
            h2 #source-heading { "Source" }
            @match &code {
                Some(code) => { pre.source tabindex="0" { code { (text::plain(code, code.len())) } } }
                None => { p.empty { "The source is not here." } }
            }
        }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

fn facts(codec: &Codec) -> Markup {
    html! {
        dl.meta {
            div { dt { "Source" } dd { code { (codec.source) } } }
            div { dt { "First seen" } dd { (text::when(codec.first_seen)) } }
            div { dt { "Experiments" } dd { (text::grouped(codec.experiments)) } }
            div { dt { "Decoder" } dd { code { (text::or_absent(codec.decoder)) } } }
        }
    }
}

fn declared(declaration: Option<&Declaration>) -> Markup {
    let Some(declaration) = declaration else {
        return html! { p.empty { "Not known until a worker has compiled it." } };
    };
    let rows = html! {
        @for parameter in &declaration.parameters {
            tr {
                th scope="row" { code { (text::name(&parameter.name)) } }
                td { (text::value(&parameter.kind.default_value())) }
                td { (text::bound(&parameter.kind)) }
                td.prose { bdi { (text::plain(&parameter.help, 200)) } }
            }
        }
    };
    html! {
        @if declaration.parameters.is_empty() { p { "It declares no parameters." } }
        @else { (table("Declared parameters", &["Name", "Default", "May be", "What it does"], &rows)) }
    }
}
