//! Why an experiment failed: whose fault it was, where it happened, and what shows it.

use super::Shown;
use crate::text;
use aiv1_model::{Diagnosis, Digest, Evidence, Fault};
use maud::{Markup, html};

/// Most pieces of evidence shown.
const PIECES: usize = 4;
/// Most characters of each; the record has the rest.
const CHARACTERS: usize = 8_000;

pub(super) fn section(shown: &Shown) -> Markup {
    let Some(failure) = &shown.experiment.failure else { return html! {} };
    let whole = shown.record.as_ref().and_then(|record| record.failure.as_ref());
    html! {
        section #failure aria-labelledby="failure-heading" {
            h2 #failure-heading { "After: it failed" }
            div.failure {
                p.lead { (text::fault(failure.fault)) ", in " (failure.phase) ": " code { (text::name(&failure.kind)) } }
                p { bdi { (text::plain(&failure.message, 1024)) } }
                (diagnosis(&Diagnosis::from(failure)))
                p.hint { (meaning(failure.fault)) }
            }
            @if let Some(whole) = whole {
                @if whole.clip.is_some() || whole.quality_index.is_some() {
                    p {
                        "It happened" @if let Some(clip) = &whole.clip { " on " bdi { (clip_name(shown, clip)) } }
                        @if let Some(index) = whole.quality_index { " at quality index " (index) } "."
                    }
                }
                @for evidence in whole.evidence.iter().take(PIECES) { (piece(evidence)) }
                @if whole.evidence.len() > PIECES { p.hint { (whole.evidence.len() - PIECES) " more pieces of evidence are in the record." } }
            } @else {
                p.hint { "Nothing was published, so there is no further evidence." }
            }
        }
    }
}

fn diagnosis(diagnosis: &Diagnosis) -> Markup {
    html! {
        p.diagnosis {
            b { (diagnosis.category.as_str().replace('_', " ")) ", " (diagnosis.severity) ":" } " " (diagnosis.suggestion)
        }
    }
}

const fn meaning(fault: Fault) -> &'static str {
    match fault {
        Fault::Candidate => {
            "The same codec with the same parameters fails the same way again, so it is not tried again. The loop has been told."
        }
        Fault::Infrastructure => {
            "It says nothing of the codec. It was tried several times before it was given up."
        }
        Fault::Evaluator => "It says nothing of the codec: the lab’s own code is to be mended.",
    }
}

fn clip_name(shown: &Shown, clip: &Digest) -> String {
    let known = shown.record.as_ref().and_then(|record| record.clips.iter().find(|known| known.id == *clip));
    known.map_or_else(|| clip.abbreviated(), |known| text::name(&known.name))
}

fn piece(evidence: &Evidence) -> Markup {
    html! {
        figure.evidence {
            figcaption { "Evidence: " bdi { (text::name(&evidence.name)) } }
            pre tabindex="0" { bdi { (text::plain(&evidence.text, CHARACTERS)) } }
        }
    }
}
