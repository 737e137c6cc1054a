//! Rationales: what is tried and why, in plain words, before anything is measured.

use crate::designer::Ask;
use crate::history::{History, Outcome};
use crate::search::Way;
use crate::surface::Surface;
use aiv1_model::{Origin, Parameters};
use std::fmt::Write as _;

/// Most moved parameters that are spelled out.
const SPELLED_OUT: usize = 24;

/// Most bytes of a value that is spelled out.
const VALUE_BYTES: usize = 60;

pub(crate) fn start(ask: &Ask<'_>) -> String {
    let codec = &ask.question.codec;
    let count = ask.question.space.dimensions().len();
    let text = match count {
        0 => format!("The codec {codec} as its author left it; it declares no parameters."),
        1 => format!("The codec {codec} as its author left it, its one parameter at its default."),
        _ => format!("The codec {codec} as its author left it, all {count} parameters at their defaults."),
    };
    bounded(text + " What comes later is compared with this.")
}

pub(crate) fn random(ask: &Ask<'_>, parameters: &Parameters) -> String {
    let defaults = ask.question.space.defaults();
    let moved = moves(&defaults, parameters);
    let text = format!(
        "Control arm: every parameter of {} drawn uniformly from its declared range, blind to every result so far. The \
         search is worth its cost only if it beats this with the same number of experiments. Away from the defaults: {}.",
        ask.question.codec,
        spelled_out(&moved),
    );
    bounded(text)
}

pub(crate) fn search(
    ask: &Ask<'_>,
    seen: &History,
    way: Way,
    surface: Option<&Surface<'_>>,
    from: &Parameters,
    to: &Parameters,
) -> String {
    let question = ask.question;
    let measured = seen.count(|outcome| matches!(outcome, Outcome::Measured(_)));
    let bad = seen.count(|outcome| outcome == Outcome::Bad);
    let pending = seen.count(|outcome| outcome == Outcome::Pending);
    let mut text =
        format!("Search of {}, after {}", question.codec, counted(measured, "measured experiment"));
    if bad > 0 {
        let _ = write!(text, ", {bad} without a usable result");
    }
    if pending > 0 {
        let _ = write!(text, ", {pending} still to come");
    }
    text.push_str(". ");
    let start = match seen.best() {
        Some((best, objective)) => {
            let reference = &question.reference;
            let _ = write!(text, "Best so far: {} at {objective:+.2} % against {reference}. ", best.id);
            "the best so far"
        }
        None => "the defaults",
    };
    let moved = moves(from, to);
    let total = counted(question.space.dimensions().len(), "parameter");
    let _ = write!(text, "{} of {total} moved from {start}: {}. ", moved.len(), spelled_out(&moved));
    match way {
        Way::Sweep => {
            text.push_str("The sweep: every parameter is moved alone at first, and this one was not moved this way yet.");
        }
        Way::Surface => {
            let told = counted(measured + bad, "result");
            let _ = write!(text, "A surface fitted to {told}, drawn from what they leave open, favours this");
            let expected = surface.map(|surface| expected(surface, from, to)).unwrap_or_default();
            if expected.is_empty() {
                text.push('.');
            } else {
                let _ = write!(
                    text,
                    "; of each alone the results lead one to expect {}.",
                    spelled_out(&expected)
                );
            }
        }
        Way::Step => text.push_str("A random step, since the results suggest nothing that was not asked."),
        Way::Blind => {
            text.push_str("Drawn blindly, since what is near the best so far has all been asked before.");
        }
    }
    bounded(text)
}

/// What is expected of every parameter that moved, in percentage points.
fn expected(surface: &Surface<'_>, from: &Parameters, to: &Parameters) -> Vec<String> {
    let moved = to.iter().filter(|(name, value)| from.get(*name) != Some(*value));
    let expected = moved
        .filter_map(|(name, value)| Some(format!("{:+.2} of {name}", surface.expected_change(name, value)?)));
    expected.collect()
}

pub(crate) fn last_ones(ask: &Ask<'_>, parameters: &Parameters, count: u64) -> String {
    let moved = moves(&ask.question.space.defaults(), parameters);
    let text = format!(
        "{} has {} in all, and nearly all of them were asked before; this is one that was not. Away from the defaults: {}.",
        ask.question.codec,
        counted(count as usize, "configuration"),
        spelled_out(&moved),
    );
    bounded(text)
}

/// Parameters whose values differ, with both.
fn moves(from: &Parameters, to: &Parameters) -> Vec<String> {
    let differing = to.iter().filter(|(name, value)| from.get(*name) != Some(*value));
    let spelled = differing.map(|(name, value)| match from.get(name) {
        Some(old) => format!("{name} {} → {}", short(&old.to_string()), short(&value.to_string())),
        None => format!("{name} {}", short(&value.to_string())),
    });
    spelled.collect()
}

fn spelled_out(moved: &[String]) -> String {
    match moved.len() {
        0 => "none".to_owned(),
        count if count > SPELLED_OUT => {
            format!("{} and {} more", moved[..SPELLED_OUT].join(", "), count - SPELLED_OUT)
        }
        _ => moved.join(", "),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn short(value: &str) -> &str {
    &value[..value.floor_char_boundary(VALUE_BYTES)]
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(Origin::MAX_RATIONALE_BYTES));
    text
}
