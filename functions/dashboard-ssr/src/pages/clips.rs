//! `/clips`: what is measured on.

use crate::components::table;
use crate::error::PageError;
use crate::layout::{self, Head, Section};
use crate::render::{HTML, Pages};
use crate::text;
use aiv1_model::ClipClass;
use aiv1_model::api::ClipEntry;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// Most clips listed.
const CLIPS: usize = 100;

/// `GET /clips`
pub(crate) async fn page(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, PageError> {
    pages.answer(&headers, "/clips", HTML, |_| render(&pages)).await
}

async fn render(pages: &Pages) -> Result<Markup, PageError> {
    let clips = pages.services.catalog.clips().await?;
    let (held_out, clips): (Vec<ClipEntry>, Vec<ClipEntry>) =
        clips.into_iter().partition(ClipEntry::is_held_out);
    let head = Head {
        title: "Clips",
        description: "The footage that codecs are measured on, each clip identified by the SHA-256 of its decoded frames.",
        path: Some("/clips"),
        section: Some(Section::Clips),
        ..Head::default()
    };
    let rows = html! { @for clip in clips.iter().take(CLIPS) { (row(clip)) } };
    let body = html! {
        h1 { "Clips" }
        p.lead { "A clip is its decoded frames, and their SHA-256 is its name: no other file can pass for it." }
        @if clips.is_empty() && held_out.is_empty() {
            p.empty { "No clip has been added yet." }
        } @else if !clips.is_empty() {
            (table("Clips that are measured on", &["Name", "Set", "Picture", "Frames", "Lasts", "Class", "Made ready by", "Frames’ SHA-256", "File"], &rows))
            @if clips.len() > CLIPS { p.hint { "and " (clips.len() - CLIPS) " more at " a href="/api/clips" { "/api/clips" } } }
        }
        (kept_back(&held_out))
        p.hint {
            b { "Pristine" } " footage was never lossily coded. " b { "Already lossy" }
            " footage was, and rewards whoever reproduces the earlier codec’s artefacts: read its figures with that in mind."
        }
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

/// That there are held-out clips, and which, by nothing but their hashes: neither names nor frames, nor files.
fn kept_back(clips: &[ClipEntry]) -> Markup {
    html! {
        @if !clips.is_empty() {
            section #held-out aria-labelledby="held-out-heading" {
                h2 #held-out-heading { "Held out" }
                p {
                    (clips.len()) @if clips.len() == 1 { " clip is" } @else { " clips are" }
                    " kept from every designer, and from this site: champions are measured on them to see whether what they save holds elsewhere. "
                    a href="/method#held-out" { "How" } ". These are the SHA-256 of their frames, so that nobody can change them unnoticed:"
                }
                ul { @for clip in clips.iter().take(CLIPS) { li { code { (clip.info.id) } } } }
            }
        }
    }
}

fn row(clip: &ClipEntry) -> Markup {
    let info = &clip.info;
    html! {
        tr id=(format!("clip-{}", info.id.abbreviated())) {
            th scope="row" { bdi { (text::name(&info.name)) } }
            td { bdi { (text::name(&clip.set)) } }
            td { (info.format.width) "×" (info.format.height) ", " (info.format.frame_rate) " fps" }
            td { (text::grouped(info.frames)) @if info.frame_limit.is_some() { " " span.hint { "of a longer file" } } }
            td { (format!("{:.1} s", info.seconds())) }
            td { @match info.class { ClipClass::Pristine => "pristine", ClipClass::Nonpristine => "already lossy" } }
            td.prose {
                @if info.conversions.is_empty() { "nothing" }
                @for (index, conversion) in info.conversions.iter().take(6).enumerate() {
                    @if index > 0 { "; " }
                    bdi { (text::name(&conversion.what)) ": " (text::name(&conversion.from)) " → " (text::name(&conversion.to)) }
                }
            }
            td { code title=(info.id) { (info.id.abbreviated()) "…" } }
            td { a href=(format!("/api/clips/{}/file", info.id)) download="" { (text::bytes(clip.file_bytes())) span.hidden { " file of " (text::name(&info.name)) } } }
        }
    }
}
