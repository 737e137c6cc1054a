//! What is asked: a submission, its id, and what can be checked of it without compiling anything.

use crate::{Digest, ExperimentId, Limits, ParameterValue, Parameters, Record, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked. The same submission always has the same id, so nothing is ever measured twice by accident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Name of the codec, that of its source file: 1 to 40 of `[A-Za-z0-9_-]`.
    pub codec: String,
    /// SHA-256 of the source.
    pub source: Digest,
    /// Values of its parameters; what is missing takes its default.
    pub parameters: Parameters,
    /// Clips by the SHA-256 of their frames, in order.
    pub clips: Vec<Digest>,
    /// GOP, quality indices, anchors, limits.
    pub settings: Settings,
}

/// A submission that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}, but must be {bound}")]
pub struct SubmissionError {
    /// The thing.
    pub what: &'static str,
    /// Its value.
    pub value: String,
    /// What it may be.
    pub bound: String,
}

impl Submission {
    /// Most clips of one experiment.
    pub const MAX_CLIPS: usize = 32;
    /// Most bytes of a codec's source.
    pub const MAX_SOURCE_BYTES: u64 = 256 << 10;

    /// Its id: a digest over source, parameters, clips and settings. The codec's name is not part of the question.
    #[must_use]
    pub fn id(&self) -> ExperimentId {
        let question = serde_json::json!([self.source, self.parameters, self.clips, self.settings]);
        ExperimentId::of(&Digest::of(question.to_string().as_bytes()))
    }

    /// Checks what can be checked without the codec: names, counts, ranges.
    pub fn check(&self) -> Result<(), SubmissionError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if self.codec.is_empty() || self.codec.len() > 40 || !self.codec.bytes().all(plain) {
            let start: String = self.codec.chars().take(80).collect();
            return wrong("codec name", format!("{start:?}"), "1 to 40 of [A-Za-z0-9_-]");
        }
        if self.parameters.len() > crate::Declaration::MAX_PARAMETERS {
            return wrong("number of parameters", self.parameters.len(), "at most 64");
        }
        for (name, value) in &self.parameters {
            if let ParameterValue::Float(number) = value
                && !number.is_finite()
            {
                // JSON has no such numbers: a record with one could not be read again.
                return wrong("parameter", format!("{name}={number}"), "a finite number");
            }
            let long = matches!(value, ParameterValue::Choice(text) if text.len() > 200);
            if name.len() > 40 || long {
                let name: String = name.chars().take(40).collect();
                let bound = "a name of at most 40 bytes with a value of at most 200";
                return wrong("parameter", format!("{name:?}"), bound);
            }
        }
        if self.clips.is_empty() || self.clips.len() > Self::MAX_CLIPS {
            return wrong("number of clips", self.clips.len(), format!("1 to {}", Self::MAX_CLIPS));
        }
        if let Some(clip) =
            (1..self.clips.len()).find(|index| self.clips[..*index].contains(&self.clips[*index]))
        {
            return wrong("clip", format!("{} given twice", self.clips[clip]), "given once");
        }
        self.settings.check()
    }
}

impl Settings {
    /// Most frames of a GOP.
    pub const MAX_GOP_FRAMES: u32 = 1024;
    /// Highest quality index.
    pub const MAX_QUALITY_INDEX: u8 = 63;
    /// Fewest points from which a BD-rate is stated.
    pub const MIN_POINTS: usize = 4;
    /// Most anchors of one experiment.
    pub const MAX_ANCHORS: usize = 16;

    /// Checks ranges, order and limits; whether the anchors exist is for the worker to say.
    pub fn check(&self) -> Result<(), SubmissionError> {
        let Self { gop_frames, quality_indices, anchors, limits } = self;
        if !(1..=Self::MAX_GOP_FRAMES).contains(gop_frames) {
            return wrong("GOP", gop_frames, format!("1 to {} frames", Self::MAX_GOP_FRAMES));
        }
        if quality_indices.len() < Self::MIN_POINTS || !quality_indices.is_sorted_by(|low, high| low < high) {
            let value = format!("{quality_indices:?}");
            return wrong("list of quality indices", value, "4 or more, ascending, none twice");
        }
        if let Some(index) = quality_indices.iter().find(|index| **index > Self::MAX_QUALITY_INDEX) {
            return wrong("quality index", index, format!("0 to {}", Self::MAX_QUALITY_INDEX));
        }
        if anchors.len() > Self::MAX_ANCHORS {
            return wrong("number of anchors", anchors.len(), format!("at most {}", Self::MAX_ANCHORS));
        }
        for (index, name) in anchors.iter().enumerate() {
            if name.len() > 40 {
                return wrong(
                    "anchor",
                    format!("a name of {} bytes", name.len()),
                    "a name of at most 40 bytes",
                );
            }
            if anchors[..index].contains(name) {
                return wrong("anchor", format!("{name} named twice"), "named once");
            }
        }
        limits.check()
    }
}

impl Limits {
    /// Nobody gets more than the lab's own limits, least of all a request or record that came from elsewhere.
    pub fn check(&self) -> Result<(), SubmissionError> {
        let most = Self::default();
        let pairs = [
            ("encode fuel per pixel", self.encode_fuel_per_pixel, most.encode_fuel_per_pixel),
            ("decode fuel per pixel", self.decode_fuel_per_pixel, most.decode_fuel_per_pixel),
            ("memory", self.memory_bytes, most.memory_bytes),
            ("output", self.output_bytes, most.output_bytes),
            ("raw GOP", self.gop_bytes, most.gop_bytes),
            ("deadline in ms", self.deadline_ms, most.deadline_ms),
            ("module size", self.module_bytes, most.module_bytes),
            ("function body size", self.body_bytes, most.body_bytes),
        ];
        match pairs.into_iter().find(|(_, value, most)| value > most) {
            Some((what, value, most)) => wrong(what, value, format!("at most {most}")),
            None => Ok(()),
        }
    }
}

fn wrong(
    what: &'static str,
    value: impl std::fmt::Display,
    bound: impl Into<String>,
) -> Result<(), SubmissionError> {
    Err(SubmissionError { what, value: value.to_string(), bound: bound.into() })
}

impl Record {
    /// The question that it answers.
    #[must_use]
    pub fn submission(&self) -> Submission {
        Submission {
            codec: self.codec.name.clone(),
            source: self.codec.source_sha256,
            parameters: self.asked.clone(),
            clips: self.clips.iter().map(|clip| clip.id).collect(),
            settings: self.settings.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission() -> Submission {
        Submission {
            codec: "transform".to_owned(),
            source: Digest::of(b"source"),
            parameters: Parameters::new(),
            clips: vec![Digest::of(b"clip")],
            settings: Settings {
                gop_frames: 64,
                quality_indices: vec![16, 24, 32, 40],
                anchors: vec!["x265-medium".to_owned()],
                limits: Limits::default(),
            },
        }
    }

    #[test]
    fn the_question_has_one_id_whatever_the_codec_is_called() {
        let (one, mut other) = (submission(), submission());
        other.codec = "renamed".to_owned();
        assert_eq!(one.id(), other.id());
        other.parameters.insert("lambda".to_owned(), ParameterValue::Float(1.5));
        assert_ne!(one.id(), other.id());
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_bound() {
        let refuse = |change: fn(&mut Submission)| {
            let mut wrong = submission();
            change(&mut wrong);
            wrong.check().unwrap_err().what
        };
        assert_eq!(submission().check(), Ok(()));
        assert_eq!(refuse(|wrong| wrong.codec = "../x".to_owned()), "codec name");
        assert_eq!(refuse(|wrong| wrong.clips.clear()), "number of clips");
        assert_eq!(refuse(|wrong| wrong.clips.push(wrong.clips[0])), "clip");
        assert_eq!(refuse(|wrong| wrong.settings.gop_frames = 0), "GOP");
        assert_eq!(
            refuse(|wrong| wrong.settings.quality_indices = vec![1, 2, 3, 3]),
            "list of quality indices"
        );
        assert_eq!(refuse(|wrong| wrong.settings.quality_indices = vec![1, 2, 3, 64]), "quality index");
        assert_eq!(refuse(|wrong| wrong.settings.limits.deadline_ms += 1), "deadline in ms");
        let nan = |wrong: &mut Submission| {
            wrong.parameters.insert("p".to_owned(), ParameterValue::Float(f64::NAN));
        };
        assert_eq!(refuse(nan), "parameter");
    }
}
