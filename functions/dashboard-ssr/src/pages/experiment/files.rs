//! What is kept of the experiment, and the command that derives every figure again.

use super::Shown;
use super::look::Made;
use crate::text;
use maud::{Markup, html};

pub(super) fn section(shown: &Shown, public_url: &str, packed: &Made) -> Markup {
    let experiment = &shown.experiment;
    let Some(bundle) = &experiment.bundle else { return html! {} };
    let link = |name: &str| format!("/api/experiments/{}/{name}", experiment.id);
    let decoder = shown.record.as_ref().and_then(|record| record.codec.decoder.as_ref());
    let measured = shown.record.as_ref().is_some_and(|record| !record.points.is_empty());
    html! {
        section #files aria-labelledby="files-heading" {
            h2 #files-heading { "Files, and how to check all of this" }
            ul.files {
                @if let Some(decoder) = decoder {
                    li { a.button href=(link("decoder")) download="" { "Download decoder" } " " span.hint { (text::bytes(decoder.bytes)) " of WebAssembly without imports, " (text::bytes(decoder.gzip_bytes)) " compressed" } }
                }
                li {
                    a.button href=(format!("/blog/{}?bundle=1#files", experiment.id)) rel="nofollow" data-bundle=(link("bundle")) { "Bundle" } " "
                    span.hint { "everything in one archive, " (text::bytes(bundle.bytes)) "; packed when asked for" }
                    p data-packing="" role="status" { (packing(packed, &link("bundle"), experiment.id.as_str())) }
                }
                li { a href=(link("source")) download="" { "Source" } " " span.hint { "one file" } }
                li { a href=(link("record")) download="" { "Record" } " " span.hint { "every figure, frame by frame, as JSON" } }
                li { a href=(link("manifest")) download="" { "Manifest" } " " span.hint { "every file with its SHA-256" } }
                @if measured {
                    li { a href="#points" { "Streams" } " " span.hint { "one for each rate point, in the table" } }
                    li { a href=(link("points.csv")) { "Rate points" } " " span.hint { "as CSV" } }
                }
            }
            p { "One command decodes, measures and compares again, and names whatever differs:" }
            div.command {
                pre tabindex="0" { code #verify { "aiv1 verify " (public_url) "/blog/" (experiment.id) } }
                button type="button" data-copy="verify" hidden { "Copy" }
            }
            details.more {
                summary { "Hashes" }
                dl.hashes {
                    div { dt { "Record" } dd { code { (bundle.record) } } }
                    div { dt { "Manifest" } dd { code { (bundle.manifest) } } }
                    div { dt { "Source" } dd { code { (experiment.submission.source) } } }
                    @if let Some(decoder) = decoder { div { dt { "Decoder" } dd { code { (decoder.sha256) } } } }
                    @for clip in experiment.submission.clips.iter().take(32) { div { dt { "Clip" } dd { code { (clip) } } } }
                    @for earlier in &experiment.earlier { div { dt { "Earlier record" } dd { code { (earlier.record) } } } }
                }
            }
        }
    }
}

/// Where the archive stands that was asked for.
fn packing(packed: &Made, download: &str, id: &str) -> Markup {
    html! {
        @match packed {
            Made::NotAsked => {}
            Made::There => { a href=(download) download="" { "Download the bundle" } }
            Made::Underway => { span.rebuilding { "It is being packed. This page asks again by itself." } }
            Made::Failed(reason) => {
                span.failed { "It could not be packed: " bdi { (text::plain(reason, 400)) } } " "
                a rel="nofollow" href=(format!("/blog/{id}?bundle=1&again=1#files")) { "Try again" }
            }
        }
    }
}
