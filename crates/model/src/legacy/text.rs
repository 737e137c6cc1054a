//! Texts of the earlier system: bounded, and without the signatures of its links.

use super::LegacyExperiment;
use serde_json::Value;

/// A text, cut to its bound; absent where it says nothing.
pub(super) fn text(value: &Value) -> Option<String> {
    bounded(value, LegacyExperiment::MAX_TEXT_BYTES)
}

/// A word: status, phase, tier.
pub(super) fn word(value: &Value) -> Option<String> {
    bounded(value, LegacyExperiment::MAX_WORD_BYTES)
}

fn bounded(value: &Value, most: usize) -> Option<String> {
    // Cut before it is searched: a text may be as long as its document.
    let brief = |text: &str| unsigned(&cut(text.trim(), most));
    let text = match value {
        Value::String(text) => brief(text),
        // A mapping where older records have a text.
        Value::Object(fields) if !fields.is_empty() => brief(&value.to_string()),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().filter_map(|value| bounded(value, most)).collect();
            cut(&texts.join("; "), most)
        }
        _ => return None,
    };
    let nothing = ["", "n/a", "none", "null", "unknown", "unknown error"];
    (!nothing.contains(&text.to_ascii_lowercase().as_str())).then_some(text)
}

/// The text up to a bound.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most - '…'.len_utf8());
    format!("{}…", &text[..end])
}

/// The text with every link, of whatever scheme, cut at its question mark: what follows there was a signature.
fn unsigned(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, link) = rest.split_at(start);
        let end = link.find(|letter: char| letter.is_whitespace() || "\"'<>\\…".contains(letter));
        let (link, after) = link.split_at(end.unwrap_or(link.len()));
        plain.push_str(before);
        plain.push_str(link.split('?').next().unwrap_or(link));
        rest = after;
    }
    plain.push_str(rest);
    plain
}
