//! A reply, taken apart: sections under headings, read strictly and within bounds. What is wrong with one is a
//! [`ReplyProblem`], worded so that the model can do better.
//!
//! Nothing here judges the source as Rust: that is for the evaluator, which trusts it no more than any other.

mod edits;
mod problem;
mod sections;
mod significant;

pub use problem::ReplyProblem;

use super::fence::is_unfit;
use aiv1_model::{Declaration, Origin, Parameters, Prediction, Submission};
use sections::{Section, Sections};
use serde::Deserialize;

/// What a usable reply says.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Name of the codec.
    pub name: String,
    /// Its source, whole.
    pub source: String,
    /// Values of parameters.
    pub parameters: Parameters,
    /// Why it is tried.
    pub rationale: String,
    /// What is expected.
    pub prediction: Prediction,
    /// The source or the edits, as they were written.
    pub change: String,
}

/// Most bytes of a section that is JSON.
const MAX_JSON: usize = 16 << 10;
/// What a BD-rate may be: less than nothing cannot be needed.
const BD_RATES: std::ops::RangeInclusive<f64> = -100.0..=10_000.0;
/// Most decode fuel a pixel that is taken for a prediction.
const MAX_FUEL: f64 = 1e6;

/// Reads the text of a reply that changes `parent` and is measured against `reference`.
pub fn parse(text: &str, parent: &str, reference: &str) -> Result<Reply, ReplyProblem> {
    if text.trim().is_empty() {
        return Err(ReplyProblem::Empty);
    }
    let text = text.replace("\r\n", "\n");
    let sections = Sections::of(&text)?;
    let rationale = rationale(sections.wanted(Section::Rationale)?)?;
    let prediction = prediction(sections.wanted(Section::Prediction)?, reference)?;
    let name = name(sections.wanted(Section::Name)?)?;
    let parameters = sections.text(Section::Parameters).map(parameters).transpose()?.unwrap_or_default();
    let (source, change) = match (sections.block(Section::Source)?, sections.block(Section::Edits)?) {
        (Some(_), Some(_)) => return Err(ReplyProblem::Both),
        (None, None) => return Err(ReplyProblem::Missing { section: Section::Source.heading() }),
        (Some(source), None) => (source.to_owned(), source),
        (None, Some(edits)) => (edits::apply(parent, edits)?, edits),
    };
    if source.len() as u64 > Submission::MAX_SOURCE_BYTES {
        return Err(ReplyProblem::SourceTooLarge { bytes: source.len(), most: Submission::MAX_SOURCE_BYTES });
    }
    fit("SOURCE", &source)?;
    if significant::of(&source).is_empty() {
        return Err(ReplyProblem::Empty);
    }
    if significant::of(&source) == significant::of(parent) {
        return Err(ReplyProblem::Unchanged);
    }
    let change = change.to_owned();
    Ok(Reply { name, source, parameters, rationale, prediction, change })
}

/// Stands for what was cut.
const CUT: &str = " […]";

/// Plain text, bounded.
fn rationale(text: &str) -> Result<String, ReplyProblem> {
    let section = Section::Rationale.heading();
    let text = text.trim();
    if text.is_empty() {
        return Err(ReplyProblem::Missing { section });
    }
    fit(section, text)?;
    let mut pairs = text.chars().zip(text.chars().skip(1));
    let is_tag =
        |(one, next): (char, char)| one == '<' && (next.is_alphabetic() || matches!(next, '/' | '!' | '?'));
    if pairs.any(is_tag) {
        return Err(ReplyProblem::Markup { section });
    }
    if text.len() <= Origin::MAX_RATIONALE_BYTES {
        return Ok(text.to_owned());
    }
    let end = text.floor_char_boundary(Origin::MAX_RATIONALE_BYTES - CUT.len());
    Ok(format!("{}{CUT}", &text[..end]))
}

fn prediction(text: &str, reference: &str) -> Result<Prediction, ReplyProblem> {
    #[derive(Deserialize)]
    struct Predicted {
        bd_rate: f64,
        #[serde(default)]
        decode_fuel_per_pixel: Option<f64>,
    }
    let predicted: Predicted = json(Section::Prediction, text)?;
    let within = |what, value: f64, range: std::ops::RangeInclusive<f64>| {
        let (low, high) = (*range.start(), *range.end());
        let problem = ReplyProblem::PredictionOutOfRange { what, value: value.to_string(), low, high };
        if range.contains(&value) { Ok(()) } else { Err(problem) }
    };
    within("bd_rate", predicted.bd_rate, BD_RATES)?;
    if let Some(fuel) = predicted.decode_fuel_per_pixel {
        within("decode_fuel_per_pixel", fuel, 0.0..=MAX_FUEL)?;
    }
    Ok(Prediction {
        anchor: reference.to_owned(),
        bd_rate: predicted.bd_rate,
        decode_fuel_per_pixel: predicted.decode_fuel_per_pixel,
    })
}

fn name(text: &str) -> Result<String, ReplyProblem> {
    let name = text.trim().trim_matches('`');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > 40 || !name.bytes().all(plain) {
        return Err(ReplyProblem::Name { name: name.chars().take(60).collect() });
    }
    Ok(name.to_owned())
}

fn parameters(text: &str) -> Result<Parameters, ReplyProblem> {
    let parameters: Parameters = json(Section::Parameters, text)?;
    if parameters.len() > Declaration::MAX_PARAMETERS {
        let reason = format!("{} values, at most {} may be", parameters.len(), Declaration::MAX_PARAMETERS);
        return Err(ReplyProblem::Json { section: Section::Parameters.heading(), reason });
    }
    Ok(parameters)
}

/// JSON, with or without a fence around it.
fn json<T: serde::de::DeserializeOwned>(section: Section, text: &str) -> Result<T, ReplyProblem> {
    let wrong = |reason: String| ReplyProblem::Json { section: section.heading(), reason };
    if text.len() > MAX_JSON {
        return Err(wrong(format!("{} bytes, at most {MAX_JSON} are read", text.len())));
    }
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    let text = inside.map_or(text, |text| text.strip_prefix("json").unwrap_or(text));
    serde_json::from_str(text).map_err(|error| wrong(error.to_string().chars().take(200).collect()))
}

/// Refuses characters that have no business in text, or steer whoever shows it.
fn fit(section: &'static str, text: &str) -> Result<(), ReplyProblem> {
    for (line, text) in (1..).zip(text.split('\n')) {
        match text.chars().find(|character| is_unfit(*character) && *character != '\t') {
            None => {}
            Some('\u{1b}' | '\u{9b}') => return Err(ReplyProblem::TerminalEscape { section, line }),
            Some(other) => {
                return Err(ReplyProblem::ControlCharacter { section, line, character: other.into() });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
