//! The one reader of the earlier system's items: whatever the generation, one type comes out.

use super::nested::{Fields, number, plain};
use super::text::{cut, text, word};
use super::{
    ArtefactKind, CompressionUnit, LegacyArtefact, LegacyClaims, LegacyExperiment, LegacyGeneration,
    LegacyId, LegacyIdError, LegacyStatus, keys, time,
};
use serde_json::Value;
use std::borrow::Cow;

/// Longest note, in bytes.
const MAX_NOTE_BYTES: usize = 300;
/// What [`LegacyGeneration::G2b`] took for a megabit, in megabits.
const BINARY_MEGABIT: f64 = (1024 * 1024) as f64 / 1e6;

/// Why an item is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegacyError {
    /// It is not a map of attributes.
    #[error("it is not a map of attributes")]
    NotAMap,
    /// It has no id.
    #[error("it has no experiment_id")]
    NoId,
    /// Its id is none.
    #[error(transparent)]
    Id(#[from] LegacyIdError),
    /// Neither an attribute nor its id says when it was made.
    #[error("{0} says no time that can be read, and neither does its id")]
    NoTime(LegacyId),
}

/// Reads one item, plain or with `DynamoDB`'s types. What is malformed inside it is noted in the record, not an error.
pub fn read(item: Value) -> Result<LegacyExperiment, LegacyError> {
    let item = plain(item);
    if !item.is_object() {
        return Err(LegacyError::NotAMap);
    }
    let fields = Fields::of(&item);
    let id = fields.get("experiment_id").or_else(|| fields.get("id"));
    let id: LegacyId = id.and_then(Value::as_str).ok_or(LegacyError::NoId)?.parse()?;
    let mut notes = Vec::new();
    let recorded_at = time::recorded_at(fields, id.as_str(), &mut notes);
    let recorded_at = recorded_at.ok_or_else(|| LegacyError::NoTime(id.clone()))?;
    let parts = Parts::of(fields, &mut notes);
    let generation = parts.generation(&id);
    let (status_word, status) = parts.status(&mut notes);
    let claims = parts.claims(generation, &mut notes);
    let failure = if status == LegacyStatus::Successful { None } else { parts.failure() };
    let mut record = LegacyExperiment {
        recorded_at,
        generation,
        status,
        status_word,
        iteration: parts.iteration(),
        phase: parts.phase(),
        claims,
        failure,
        approach: parts.first(&["approach", "strategy"], text),
        hypothesis: parts.first(&["hypothesis"], text),
        reasoning: parts.first(&["llm_reasoning", "reasoning", "root_cause"], text),
        improvement: parts.first(&["improvement"], text),
        artefacts: Vec::new(),
        notes: notes.iter().map(|note| cut(note, MAX_NOTE_BYTES)).collect(),
        reader: LegacyExperiment::READER,
        id,
    };
    record.tidy_notes();
    Ok(record.with_artefacts(parts.artefacts()))
}

/// An item with what is nested in it, each read once.
struct Parts<'a> {
    item: Fields<'a>,
    /// The maps inside `experiments`.
    elements: Vec<Cow<'a, Value>>,
    /// `result`, `gpu_results` and the like.
    results: Vec<Cow<'a, Value>>,
    /// `artifacts`, `metadata`, `code_evolution` and the like.
    others: Vec<Cow<'a, Value>>,
}

impl<'a> Parts<'a> {
    fn of(item: Fields<'a>, notes: &mut Vec<String>) -> Self {
        let mut nested = |name: &str| item.nested(name, notes);
        let mut elements: Vec<Cow<'a, Value>> = match nested("experiments") {
            Cow::Borrowed(Value::Array(values)) => values.iter().map(Cow::Borrowed).collect(),
            Cow::Owned(Value::Array(values)) => values.into_iter().map(Cow::Owned).collect(),
            other => vec![other],
        };
        elements.retain(|element| element.is_object());
        // What measured goes before what only reports of modules or code.
        elements.sort_by_key(|element| match kind(element) {
            "real_procedural_generation" => 0,
            "gpu_neural_codec" => 1,
            _ => 2,
        });
        let mut all = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| nested(name)).filter(|value| value.is_object()).collect()
        };
        let results = all(&["result", "gpu_results", "gpu_execution_results", "results"]);
        let mut others = all(&["artifacts", "code_evolution", "evolution", "metadata"]);
        for element in &elements {
            let evolution = Fields::of(element).nested("evolution", notes);
            others.extend(evolution.is_object().then(|| Cow::Owned(evolution.into_owned())));
        }
        Self { item, elements, results, others }
    }

    /// The item itself, and then what is nested in it.
    fn all(&self) -> impl Iterator<Item = Fields<'_>> {
        let nested = self.elements.iter().chain(&self.results).chain(&self.others);
        std::iter::once(self.item).chain(nested.map(|value| Fields::of(value)))
    }

    /// The first of some attributes that says something.
    fn first(&self, names: &[&str], read: fn(&Value) -> Option<String>) -> Option<String> {
        self.all().find_map(|fields| names.iter().find_map(|name| read(fields.get(name)?)))
    }

    fn generation(&self, id: &LegacyId) -> LegacyGeneration {
        let by_form = || match () {
            () if self.item.get("metrics").is_some() => LegacyGeneration::G3,
            () if self.item.get("result").is_some() => LegacyGeneration::G2b,
            () if self.item.get("gpu_results").is_some() => LegacyGeneration::G2a,
            () => LegacyGeneration::Unknown,
        };
        match LegacyGeneration::of(id.as_str()) {
            LegacyGeneration::Unknown => by_form(),
            known => known,
        }
    }

    /// What is nested in it and says how it went.
    fn runs(&self) -> impl Iterator<Item = Fields<'_>> {
        self.elements.iter().chain(&self.results).map(|value| Fields::of(value))
    }

    /// The item's own word, unless it says success where something that it holds does not.
    fn status(&self, notes: &mut Vec<String>) -> (Option<String>, LegacyStatus) {
        let said = |fields: Fields<'_>| word(fields.get("status")?);
        let held: Vec<String> = self.runs().filter_map(said).collect();
        let failed = held.iter().find(|word| LegacyStatus::of(word) == LegacyStatus::Failed);
        let held = failed.or(held.first()).cloned();
        let is_success = |word: &String| LegacyStatus::of(word) == LegacyStatus::Successful;
        let word = match (said(self.item), held) {
            (Some(own), Some(held)) if is_success(&own) && !is_success(&held) => {
                notes.push(format!("it says {own:?}, but what it holds says {held:?}"));
                Some(held)
            }
            (own, held) => own.or(held),
        };
        let status = word.as_deref().map_or(LegacyStatus::Other, LegacyStatus::of);
        if status == LegacyStatus::Successful
            && let Some(step) = self.runs().find_map(failed_step)
        {
            notes.push(format!(
                "it says {:?}, but that {step} did not succeed",
                word.as_deref().unwrap_or_default()
            ));
            return (word, LegacyStatus::Failed);
        }
        (word, status)
    }

    /// The figures of the first part that has any: of one run, never mixed.
    fn claims(&self, generation: LegacyGeneration, notes: &mut Vec<String>) -> LegacyClaims {
        let unit = match generation {
            LegacyGeneration::G2b => CompressionUnit::PercentSaved,
            LegacyGeneration::G3 => CompressionUnit::Times,
            _ => CompressionUnit::Unknown,
        };
        let evolutions = self.others.iter().map(|value| Fields::of(value));
        for part in self.runs().chain([self.item]).chain(evolutions) {
            let (real, metrics) = (part.nested("real_metrics", notes), part.nested("metrics", notes));
            let comparison = part.nested("comparison", notes);
            let beside = if comparison.is_object() { Fields::of(&comparison) } else { part };
            // A post-mortem has its figures without a map of their own.
            let figures = [Fields::of(&real), Fields::of(&metrics), part];
            let figures = figures.into_iter().find(|fields| !fields.is_empty()).unwrap_or(part);
            let mut claims = LegacyClaims::read(figures, beside, unit, notes);
            if claims.is_empty() {
                continue;
            }
            // The item's own flag knows of a verification that failed; the one beside the figures was always set.
            if claims.psnr_db.is_some() || claims.ssim.is_some() {
                let verified = self.item.get("quality_verified").and_then(Value::as_bool);
                claims.quality_verified = verified.or(claims.quality_verified);
            }
            if generation == LegacyGeneration::G2b {
                claims.bitrate_mbps = claims.bitrate_mbps.map(|rate| rate * BINARY_MEGABIT);
            }
            return claims;
        }
        LegacyClaims::default()
    }

    fn failure(&self) -> Option<String> {
        let said = self.first(&["error", "failure_reason", "gpu_error"], text);
        said.or_else(|| {
            let reasons = ["human_intervention_reasons", "issues", "errors"];
            let first = reasons.iter().find_map(|name| match self.item.get(name)? {
                Value::Array(values) => values.first(),
                other => Some(other),
            })?;
            let reason = Fields::of(first);
            let named =
                ["reason", "last_error", "last_failure"].iter().find_map(|name| text(reason.get(name)?));
            named.or_else(|| text(first))
        })
    }

    fn phase(&self) -> Option<String> {
        ["stuck_phase", "current_phase", "phase", "phase_completed"]
            .iter()
            .find_map(|name| self.first(&[name], word))
    }

    fn iteration(&self) -> Option<u64> {
        let iteration = self.all().find_map(|fields| number(fields.get("iteration")?))?;
        ((0.0..1e9).contains(&iteration) && iteration.fract() == 0.0).then_some(iteration as u64)
    }

    fn artefacts(&self) -> Vec<LegacyArtefact> {
        const NAMES: [(&str, ArtefactKind); 4] = [
            ("video_url", ArtefactKind::Video),
            ("decoder_s3_key", ArtefactKind::Decoder),
            ("decoder_url", ArtefactKind::Decoder),
            ("encoder_s3_key", ArtefactKind::Encoder),
        ];
        let mut found = Vec::new();
        let mut notes = Vec::new();
        for fields in self.all() {
            let metrics = fields.nested("metrics", &mut notes);
            for fields in [fields, Fields::of(&metrics)] {
                let named = NAMES.iter().filter_map(|(name, kind)| {
                    let key = keys::key_of(fields.get(name)?.as_str()?)?;
                    Some(LegacyArtefact { kind: *kind, key, bytes: None })
                });
                found.extend(named.collect::<Vec<_>>());
            }
        }
        found
    }
}

/// The step that a run says failed, whatever its status.
fn failed_step(run: Fields<'_>) -> Option<&'static str> {
    let steps = run.get("execution_success")?;
    ["encoding", "decoding"].into_iter().find(|step| steps[*step] == false)
}

fn kind(element: &Value) -> &str {
    element.get("experiment_type").or_else(|| element.get("type")).and_then(Value::as_str).unwrap_or_default()
}
