//! `/blog/{id}` of a record of the earlier system.

use super::{UNMEASURED, badge, generation, psnr, rate, rate_and_quality, ssim};
use crate::components::table;
use crate::error::PageError;
use crate::layout::{self, Head, Section};
use crate::render::Pages;
use crate::text;
use aiv1_model::legacy::{
    ArtefactKind, CompressionUnit, LegacyArtefact, LegacyClaims, LegacyCompression, LegacyStatus,
};
use aiv1_model::{LegacyExperiment, LegacyId};
use aiv1_web::Problem;
use maud::{Markup, html};

/// The page of a record.
pub(crate) async fn render(pages: &Pages, id: &LegacyId) -> Result<Markup, PageError> {
    let found = pages.services.catalog.legacy(id.as_str()).await?;
    let record = found.ok_or_else(|| Problem::NotFound(format!("there is no experiment {id}")))?;
    let title = title(&record);
    let description =
        format!("A record of the system before this laboratory. {title}. None of it was measured here.");
    let path = format!("/blog/{id}");
    let head = Head {
        title: &title,
        description: &description,
        path: Some(&path),
        section: Some(Section::Blog),
        ..Head::default()
    };
    let body = html! {
        article.experiment {
            header.entry {
                p.kicker { a href="/legacy" { "Records of the earlier system" } " · " (generation(record.generation)) " " (badge(&record)) }
                h1 { (title) }
                (meta(&record))
            }
            section aria-labelledby="claims" {
                h2 #claims { "What it claimed" }
                p.hint { "Claimed by the earlier system, not measured by this one. " (record.generation.caveat()) }
                (claims(&record.claims, !record.notes.is_empty()))
            }
            (failure(record.failure.as_deref()))
            (thoughts(&record))
            (files(&record.artefacts))
            @if !record.notes.is_empty() {
                section aria-labelledby="notes" {
                    h2 #notes { "What reading it left out" }
                    ul { @for note in &record.notes { li { bdi { (text::plain(note, 300)) } } } }
                }
            }
            p { a href=(format!("/api/legacy/{id}")) { "The same as JSON" } }
        }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

pub(super) fn title(record: &LegacyExperiment) -> String {
    let id = &record.id;
    match (record.status, rate_and_quality(&record.claims)) {
        (LegacyStatus::Failed, _) => format!("{id} failed"),
        (LegacyStatus::Stale, _) => format!("{id} never ended"),
        (_, Some(claimed)) => format!("{id} claimed {claimed}"),
        (_, None) => format!("{id} claimed no figure that can stand"),
    }
}

fn meta(record: &LegacyExperiment) -> Markup {
    html! {
        dl.meta {
            div { dt { "Recorded" } dd { (text::when(record.recorded_at)) } }
            @if let Some(iteration) = record.iteration { div { dt { "Iteration" } dd { (text::grouped(iteration)) } } }
            @if let Some(word) = &record.status_word { div { dt { "Status, in its word" } dd { bdi { (text::name(word)) } } } }
            @if let Some(phase) = &record.phase { div { dt { "Phase, in its word" } dd { bdi { (text::name(phase)) } } } }
        }
    }
}

/// What was claimed; `with_notes` tell below what was left out of it.
fn claims(claims: &LegacyClaims, with_notes: bool) -> Markup {
    let percent = |value: f64| format!("{value:.1} %").replace('-', "−");
    let nominal = claims
        .baseline_mbps
        .map_or_else(|| "a nominal HEVC rate".to_owned(), |rate_of| format!("a nominal {}", rate(rate_of)));
    let figures = [
        ("Rate", claims.bitrate_mbps.map(rate)),
        ("PSNR", psnr(claims)),
        ("SSIM", ssim(claims)),
        ("Source by result", claims.compression.as_ref().map(ratio)),
        (
            "Below an HEVC encode that nobody made",
            claims.reduction_percent.map(|value| format!("{} against {nominal}", percent(value))),
        ),
        ("Size of the source", claims.original_bytes.map(text::bytes)),
        ("Size of the result", claims.compressed_bytes.map(text::bytes)),
        (
            "It says its quality was verified",
            claims.quality_verified.map(|said| if said { "yes" } else { "no" }.to_owned()),
        ),
    ];
    let rows = html! {
        @for (name, claimed) in figures {
            tr {
                th scope="row" { (name) }
                td.prose { @if let Some(claimed) = claimed { (claimed) } @else { span.hint { (UNMEASURED) } } }
            }
        }
    };
    html! {
        @if claims.is_empty() {
            p.empty {
                @if with_notes { "It claimed no figure that can stand; what was left out is below." }
                @else { "It claimed no figure: nothing was measured." }
            }
        } @else {
            (table("Claimed by the earlier system, not measured here", &["Figure", "Claimed"], &rows))
        }
        @if claims.target_achieved == Some(true) && let Some(claimed) = rate_and_quality(claims) {
            p { span.badge.note { "“target achieved”: " (claimed) } }
        }
        @if let Some(tier) = &claims.tier { p.hint { "Its own badge: " bdi { (text::name(tier)) } } }
    }
}

fn ratio(compression: &LegacyCompression) -> String {
    let written = compression.written;
    match (compression.unit, compression.ratio) {
        (CompressionUnit::Times, Some(ratio)) => format!("{ratio:.2} ×"),
        (CompressionUnit::PercentSaved, Some(ratio)) => {
            format!("{ratio:.2} ×, written as {written:.2} % saved").replace('-', "−")
        }
        _ => format!("{written:.2}, in a unit that is not known").replace('-', "−"),
    }
}

fn failure(reason: Option<&str>) -> Markup {
    html! {
        @if let Some(reason) = reason {
            section aria-labelledby="failure" {
                h2 #failure { "Why it failed, in its words" }
                div.failure { p { bdi { (text::plain(reason, LegacyExperiment::MAX_TEXT_BYTES)) } } }
            }
        }
    }
}

fn thoughts(record: &LegacyExperiment) -> Markup {
    let texts = [
        ("Approach", &record.approach),
        ("Hypothesis, written before the run", &record.hypothesis),
        ("Reasoning of the language model", &record.reasoning),
        ("What it said had improved", &record.improvement),
    ];
    html! {
        @if texts.iter().any(|(_, said)| said.is_some()) {
            section aria-labelledby="thoughts" {
                h2 #thoughts { "What was thought" }
                @for (name, said) in texts {
                    @if let Some(said) = said {
                        h3 { (name) }
                        div.rationale { p { bdi { (text::plain(said, LegacyExperiment::MAX_TEXT_BYTES)) } } }
                    }
                }
            }
        }
    }
}

fn files(artefacts: &[LegacyArtefact]) -> Markup {
    html! {
        @if !artefacts.is_empty() {
            section aria-labelledby="files" {
                h2 #files { "Its files" }
                p.hint { "Keys in a bucket of the earlier system. They are not served from here, and may be gone." }
                dl.hashes {
                    @for artefact in artefacts {
                        div {
                            dt { (kind(artefact.kind)) @if let Some(size) = artefact.bytes { ", " (text::bytes(size)) } }
                            dd { code { (text::plain(&artefact.key, 1024)) } }
                        }
                    }
                }
            }
        }
    }
}

const fn kind(of: ArtefactKind) -> &'static str {
    match of {
        ArtefactKind::Video => "Reconstructed video",
        ArtefactKind::Decoder => "Decoder, in Python",
        ArtefactKind::Encoder => "Encoder, in Python",
    }
}
