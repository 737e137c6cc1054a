//! `/compare?ids=`: experiments side by side, at equal quality against the same anchors.

use crate::address::{Question, address};
use crate::components::{badge, chart, ledger, marks, retraction, ruler, struck, table};
use crate::error::PageError;
use crate::layout::{self, Head, Section};
use crate::pages::experiment;
use crate::render::{HTML, Pages};
use crate::text::{self, ABSENT};
use aiv1_charts::Theme;
use aiv1_model::{Digest, Experiment, ExperimentId, Metric, Record, Status};
use aiv1_store::{Order, Query};
use aiv1_web::Problem;
use axum::extract::{Query as Asked, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Most experiments at once.
const MOST: usize = 8;
/// Most plots.
const PLOTS: usize = 4;

/// `GET /compare`
pub(crate) async fn page(
    State(pages): State<Pages>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let ids = ids(&Question::new(pairs)?)?;
    let named: Vec<&str> = ids.iter().map(ExperimentId::as_str).collect();
    let name = address("/compare", &[("ids", named.join(","))]);
    pages.answer(&headers, &name, HTML, |_| render(&pages, &ids)).await
}

/// `ids=a,b` as a person writes it, `ids=a&ids=b` as a form sends it; each once.
fn ids(question: &Question) -> Result<Vec<ExperimentId>, Problem> {
    let mut ids: Vec<ExperimentId> = Vec::new();
    for text in
        question.all("ids").flat_map(|ids| ids.split(',')).map(str::trim).filter(|text| !text.is_empty())
    {
        let id = experiment::id_of(text)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() > MOST {
        return Err(Problem::Invalid(format!(
            "{} experiments were named, at most {MOST} are compared",
            ids.len()
        )));
    }
    Ok(ids)
}

async fn render(pages: &Pages, ids: &[ExperimentId]) -> Result<Markup, PageError> {
    let mut found: Vec<(Experiment, Option<Record>)> = Vec::new();
    for id in ids {
        found.push((experiment::find(pages, id).await?, pages.services.catalog.record(id).await?));
    }
    let head = Head {
        title: "Compare",
        description: "Experiments side by side: savings at equal quality, costs, parameters and curves.",
        path: Some("/compare"),
        section: Some(Section::Compare),
        ..Head::default()
    };
    let body = html! {
        h1 { "Compare" }
        @if found.is_empty() { (choice(pages).await?) } @else { (side_by_side(&found)) }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

async fn choice(pages: &Pages) -> Result<Markup, PageError> {
    let best = Query { status: Some(Status::Successful), order: Order::Best, limit: 12, ..Query::default() };
    let best = pages.services.catalog.list(&best).await?.experiments;
    Ok(html! {
        p.lead { "Tick two to eight experiments, or name them in the address: " code { "/compare?ids=exp_…,exp_…" } }
        (ledger(Status::Successful, &best))
        @if !best.is_empty() { form #compare.compare action="/compare" method="get" { button type="submit" { "Compare what is ticked" } } }
    })
}

fn side_by_side(found: &[(Experiment, Option<Record>)]) -> Markup {
    let records: Vec<&Record> = found.iter().filter_map(|(_, record)| record.as_ref()).collect();
    let measured: Vec<&Record> = records.iter().copied().filter(|record| !record.points.is_empty()).collect();
    let mut clips: Vec<(Digest, String)> = Vec::new();
    for clip in measured.iter().flat_map(|record| &record.clips) {
        if clips.iter().all(|(id, _)| *id != clip.id) {
            clips.push((clip.id, text::name(&clip.name)));
        }
    }
    html! {
        @if found.len() == 1 { p.hint { "Only one experiment is named: add another to the address, or tick it in a list." } }
        @for (one, why) in found.iter().filter_map(|(one, _)| Some((one, one.retraction.as_ref()?))) {
            p.hint { a href=(format!("/blog/{}", one.id)) { "No. " (one.number) } " " (retraction(why)) }
        }
        (summary(found))
        (savings(found))
        (parameters(found))
        @if !measured.is_empty() {
            h2 { "Curves" }
            div.plots {
                @for (clip, name) in clips.iter().take(PLOTS) {
                    (chart(aiv1_charts::rate_distortion_on(&measured, clip, Theme::Page), &html! { "Rate and quality on " bdi { (name) } }, Some(&points(&measured, clip))))
                }
            }
            @if clips.len() > PLOTS { p.hint { (clips.len() - PLOTS) " more clips were measured; each experiment’s page has them." } }
        }
    }
}

fn heads(found: &[(Experiment, Option<Record>)]) -> Vec<String> {
    let several = |codec: &str| found.iter().filter(|(one, _)| one.submission.codec == codec).count() > 1;
    let head = |(one, _): &(Experiment, Option<Record>)| {
        let codec = text::name(&one.submission.codec);
        let retracted = if one.retraction.is_some() { " (retracted)" } else { "" };
        if several(&one.submission.codec) {
            format!("{codec} No. {}{retracted}", one.number)
        } else {
            format!("{codec}{retracted}")
        }
    };
    found.iter().map(head).collect()
}

fn side_table(found: &[(Experiment, Option<Record>)], caption: &str, first: &str, rows: &Markup) -> Markup {
    let heads = heads(found);
    let mut head = vec![first];
    head.extend(heads.iter().map(String::as_str));
    table(caption, &head, rows)
}

fn summary(found: &[(Experiment, Option<Record>)]) -> Markup {
    let findings = |one: &Experiment| one.findings.clone();
    let rows = html! {
        tr { th scope="row" { "Experiment" } @for (one, _) in found { td { a href=(format!("/blog/{}", one.id)) { "No. " (one.number) } " " (badge(one.status)) (marks(&one.summary())) " " code.hint { (one.id.as_str().chars().take(12).collect::<String>()) } } } }
        tr { th scope="row" { "Proposed by" } @for (one, _) in found { td { (text::arm(one.origin.arm)) } } }
        tr {
            th scope="row" { "Against its strongest anchor" }
            @for (one, _) in found {
                td.saving {
                    @match findings(one).and_then(|findings| findings.headline) {
                        Some(saving) => {
                            (struck(one.retraction.is_some(), &html! { span { b { (text::amount(saving.bd_rate)) } " " (text::direction(saving.bd_rate)) " than " bdi { (text::name(&saving.anchor)) } } }))
                            @if one.retraction.is_none() { (ruler(saving.bd_rate)) }
                        }
                        None => (ABSENT)
                    }
                }
            }
        }
        tr { th scope="row" { "Decoding, at most" } @for (one, _) in found { td { (text::fuel_per_pixel(findings(one).and_then(|findings| findings.decode_fuel_per_pixel))) } } }
        tr { th scope="row" { "Encoding, at most" } @for (one, _) in found { td { (text::fuel_per_pixel(findings(one).and_then(|findings| findings.encode_fuel_per_pixel))) } } }
        tr { th scope="row" { "Decoder, compressed" } @for (one, _) in found { td { (text::or_absent(findings(one).and_then(|findings| findings.decoder_gzip_bytes).map(text::bytes))) } } }
    };
    side_table(found, "Side by side", "What", &rows)
}

fn savings(found: &[(Experiment, Option<Record>)]) -> Markup {
    let anchors: BTreeSet<&str> =
        found.iter().flat_map(|(one, _)| &one.submission.settings.anchors).map(String::as_str).collect();
    let stated = |record: &Option<Record>, anchor: &str, metric: Metric| {
        let set = record.as_ref()?.set.iter().find(|one| one.anchor == anchor && one.metric == metric)?;
        set.bd_rate.map(|spread| text::percent(spread.mean))
    };
    let same = found.windows(2).all(|pair| pair[0].0.submission.clips == pair[1].0.submission.clips);
    let rows = html! {
        @for anchor in anchors.iter().take(16) {
            @for metric in Metric::ALL {
                tr {
                    th scope="row" { bdi { (text::name(anchor)) } " " span.hint { (metric) } }
                    @for (one, record) in found { td { (struck(one.retraction.is_some(), &html! { (text::or_absent(stated(record, anchor, metric))) })) } }
                }
            }
        }
    };
    html! {
        @if !anchors.is_empty() {
            h2 { "Bits at equal quality" }
            @if !same { p.hint.warning { "These experiments were measured on different clips: their savings are no comparison of one with the other." } }
            (side_table(found, "Against each anchor, mean over the clips; below zero needs fewer bits", "Anchor and metric", &rows))
        }
    }
}

fn parameters(found: &[(Experiment, Option<Record>)]) -> Markup {
    let values = |(one, record): &(Experiment, Option<Record>)| {
        record.as_ref().map_or_else(|| one.submission.parameters.clone(), |record| record.parameters.clone())
    };
    let values: Vec<_> = found.iter().map(values).collect();
    let names: BTreeSet<&String> = values.iter().flat_map(|values| values.keys()).collect();
    let differs = |name: &String| values.windows(2).any(|pair| pair[0].get(name) != pair[1].get(name));
    let (different, same): (Vec<&String>, Vec<&String>) = names.into_iter().partition(|name| differs(name));
    let rows = html! {
        @for name in different.iter().take(64) {
            tr { th scope="row" { code { (text::name(name)) } } @for values in &values { td { (text::or_absent(values.get(*name).map(text::value))) } } }
        }
    };
    html! {
        @if !different.is_empty() || !same.is_empty() {
            h2 { "Parameters" }
            @if different.is_empty() { p { "All of them are the same." } }
            @else { (side_table(found, "Parameters that differ", "Name", &rows)) @if !same.is_empty() { p.hint { (same.len()) " more are the same." } } }
        }
    }
}

fn points(records: &[&Record], clip: &Digest) -> Markup {
    let rows = html! {
        @for record in records {
            @for point in record.points.iter().filter(|point| point.clip == *clip).take(16) {
                tr {
                    th scope="row" { bdi { (text::name(&record.codec.name)) } " " span.hint { (record.id) } }
                    td { (point.quality_index) } td { (text::bitrate(point.bitrate)) } td { (text::decibels(point.quality.psnr_y)) } td { (format!("{:.4}", point.quality.ssim_y)) }
                }
            }
        }
    };
    table("Rate points of the plot", &["Experiment", "q", "Rate", "PSNR-Y", "SSIM-Y"], &rows)
}
