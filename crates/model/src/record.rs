//! The record: everything one experiment was and showed, as versioned JSON.

use crate::{
    AnchorPoint, ClipInfo, CodecInfo, Comparison, Digest, Failure, Parameters, PhaseRecord, Quality,
    QualityTools, SetComparison,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the record's format; a reader refuses one that it does not know.
pub const RECORD_VERSION: u32 = 2;

/// Id of an experiment: `exp_` and 16 hexadecimal digits of the digest of what was asked for
/// ([`Submission::id`](crate::Submission::id)), so that the same question always has the same id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ExperimentId(String);

/// Text that is not an experiment's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an experiment id: exp_ and 16 lower-case hexadecimal digits are")]
pub struct ExperimentIdError(String);

impl ExperimentId {
    /// The id of the experiment whose question has this digest.
    #[must_use]
    pub fn of(question: &Digest) -> Self {
        Self(format!("exp_{}", &question.to_string()[..16]))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ExperimentId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&self.0)
    }
}

impl TryFrom<String> for ExperimentId {
    type Error = ExperimentIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = |text: &str| {
            text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if text.strip_prefix("exp_").is_some_and(hex) { Ok(Self(text)) } else { Err(ExperimentIdError(text)) }
    }
}

impl From<ExperimentId> for String {
    fn from(id: ExperimentId) -> Self {
        id.0
    }
}

/// Where an experiment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for a worker.
    Queued,
    /// A worker has it.
    InProgress,
    /// Measured and verified.
    Successful,
    /// Failed; `failure` says why.
    Failed,
    /// Cancelled, or a legacy record of no known status.
    Other,
}

impl Status {
    /// As documents, addresses and stores write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Successful => "successful",
            Self::Failed => "failed",
            Self::Other => "other",
        }
    }
}

/// Limits on one call into a codec module; each has its own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Fuel (WebAssembly instructions, roughly) per luma pixel for encoding.
    pub encode_fuel_per_pixel: u64,
    /// Fuel per luma pixel for decoding.
    pub decode_fuel_per_pixel: u64,
    /// Linear memory of an instance, in bytes.
    pub memory_bytes: u64,
    /// Bytes an encoder may return for one GOP; never more than the raw GOP and 64 KiB.
    pub output_bytes: u64,
    /// Raw bytes of one GOP.
    pub gop_bytes: u64,
    /// Wall-clock time of one call, in milliseconds.
    pub deadline_ms: u64,
    /// Size of a module.
    pub module_bytes: u64,
    /// Size of one function body inside it.
    pub body_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            encode_fuel_per_pixel: 200_000,
            decode_fuel_per_pixel: 1_000,
            memory_bytes: 512 << 20,
            output_bytes: 128 << 20,
            gop_bytes: 96 << 20,
            deadline_ms: 900_000,
            module_bytes: 1 << 20,
            body_bytes: 128 << 10,
        }
    }
}

/// What was asked for, beside codec, parameters and clips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Frames of a GOP; the last of a clip may be shorter.
    pub gop_frames: u32,
    /// Quality indices measured, ascending.
    pub quality_indices: Vec<u8>,
    /// Anchors measured against.
    pub anchors: Vec<String>,
    /// Limits in force.
    pub limits: Limits,
}

/// The stored stream of a rate point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamInfo {
    /// Path inside the bundle.
    pub path: String,
    /// Digest of the file.
    pub sha256: Digest,
    /// Its size: the rate, header, index and hashes included.
    pub bytes: u64,
    /// Of these, bytes that the codec itself returned.
    pub payload_bytes: u64,
    /// SHA-256 of all decoded frames, packed I420 in order.
    pub decoded_sha256: Digest,
}

/// What a rate point cost to make and to decode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Fuel of the encode: the same on every machine.
    pub encode_fuel: u64,
    /// Fuel of one decode.
    pub decode_fuel: u64,
    /// Encode fuel over luma pixels.
    pub encode_fuel_per_pixel: f64,
    /// Decode fuel over luma pixels.
    pub decode_fuel_per_pixel: f64,
    /// Time inside the encoder, summed over GOPs, on the machine named in the record.
    pub encode_ms: u64,
    /// Time inside the decoder, summed over GOPs.
    pub decode_ms: u64,
    /// Most linear memory any call used.
    pub peak_memory_bytes: u64,
}

/// One (clip, quality index).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatePoint {
    /// The clip.
    pub clip: Digest,
    /// 0 to 63; lower is better quality.
    pub quality_index: u8,
    /// The stream.
    pub stream: StreamInfo,
    /// Bits a second over the source duration.
    pub bitrate: f64,
    /// Quality of the frames decoded from the stored stream.
    pub quality: Quality,
    /// Cost.
    pub cost: Cost,
}

/// Where wall times were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// CPU model, as the system names it.
    pub cpu: Option<String>,
    /// Threads the run used.
    pub threads: usize,
    /// Version of the lab.
    pub lab: String,
    /// Version line of ffmpeg.
    pub ffmpeg: Option<String>,
}

/// Everything one experiment was and showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// Id.
    pub id: ExperimentId,
    /// Where it stands.
    pub status: Status,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// The codec.
    pub codec: CodecInfo,
    /// Values of parameters as they were asked for: what the id is made of.
    pub asked: Parameters,
    /// Every declared parameter with the value it had; those asked for where nothing could be declared.
    pub parameters: Parameters,
    /// What was asked for.
    pub settings: Settings,
    /// The clips, in order.
    pub clips: Vec<ClipInfo>,
    /// The phases that ran.
    pub phases: Vec<PhaseRecord>,
    /// Rate points, by clip and quality index.
    pub points: Vec<RatePoint>,
    /// The anchors' points, by clip, anchor and rate.
    pub anchors: Vec<AnchorPoint>,
    /// Against each anchor on each clip.
    pub comparisons: Vec<Comparison>,
    /// Against each anchor over all clips.
    pub set: Vec<SetComparison>,
    /// Which implementations measured.
    pub tools: QualityTools,
    /// Where.
    pub machine: Machine,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// JSON Schema (2020-12) of [`Record`], as published in `docs/record.schema.json`.
#[must_use]
pub fn record_schema() -> serde_json::Value {
    schemars::schema_for!(Record).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_question_s_digest_and_nothing_else_is_one() {
        let id = ExperimentId::of(&Digest::of(b"question"));
        assert_eq!(ExperimentId::try_from(id.to_string()).unwrap(), id);
        for wrong in ["", "exp_", "exp_../../etc/passwd", "exp_ABCDEF0123456789", "exp_0123456789abcdef0"] {
            assert!(ExperimentId::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_published_schema_is_the_one_of_the_code() {
        let published = include_str!("../../../docs/record.schema.json");
        let published: serde_json::Value = serde_json::from_str(published).unwrap();
        assert!(published == record_schema(), "run `make schema` and commit docs/record.schema.json");
    }
}
