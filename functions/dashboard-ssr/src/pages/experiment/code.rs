//! The beginning of the codec's source; the rest is on the codec's own page.

use super::Shown;
use crate::error::PageError;
use crate::render::Pages;
use crate::text;
use aiv1_model::Experiment;
use aiv1_store::{BlobKey, ObjectKind};
use maud::{Markup, html};

/// Most characters shown here.
const CHARACTERS: usize = 12_000;

/// The source text, if it is there.
pub(super) async fn read(pages: &Pages, experiment: &Experiment) -> Result<Option<String>, PageError> {
    let key = BlobKey::object(ObjectKind::Source, experiment.submission.source);
    let source = pages.services.blobs.get(&key, ObjectKind::Source.max_bytes()).await?;
    Ok(source.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn section(shown: &Shown, code: Option<&String>) -> Markup {
    let submission = &shown.experiment.submission;
    let page = format!("/codecs/{}", submission.source);
    html! {
        section #code aria-labelledby="code-heading" {
            h2 #code-heading { "Code" }
            @match code {
                Some(code) => {
                    @let beginning = beginning(code);
                    p.hint { "One source file, compiled twice: " (text::grouped(code.lines().count() as u64)) " lines. " a href=(page) { "The codec’s page" } " has all of it and its other experiments." }
                    details.more {
                        summary { @if beginning.len() < code.len() { "Its beginning" } @else { "All of it" } }
                        pre.source tabindex="0" { code { (text::plain(beginning, CHARACTERS)) } }
                        @if beginning.len() < code.len() { p { a href=(format!("{page}#source")) { "The whole source" } } }
                    }
                }
                None => { p { "The source is not here. " a href=(page) { "The codec’s page" } } }
            }
        }
    }
}

/// Whole lines, as many as fit.
fn beginning(code: &str) -> &str {
    if code.len() <= CHARACTERS {
        return code;
    }
    let cut = &code[..code.floor_char_boundary(CHARACTERS)];
    cut.rfind('\n').map_or(cut, |end| &cut[..end])
}
