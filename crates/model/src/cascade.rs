//! What a candidate is held against on its way: the bar on the first clip, and what was measured already.

use crate::{Digest, ExperimentId, Parameters, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a candidate must reach on the first clip for the rest of the clips to be encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// The anchor, one of those asked for.
    pub anchor: String,
    /// Most BD-rate against it at equal luma PSNR, in percent.
    pub bd_rate_at_most: f64,
}

/// A codec that was measured before: a candidate that is the same once more says nothing new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownModules {
    /// Where it was measured.
    pub experiment: ExperimentId,
    /// SHA-256 of its encoder.
    pub encoder: Digest,
    /// SHA-256 of its decoder.
    pub decoder: Digest,
    /// Every declared parameter with the value it had.
    pub parameters: Parameters,
    /// SHA-256 of its streams of the first clip, by quality index; empty where it was not measured on that clip.
    pub streams: Vec<Digest>,
}

impl KnownModules {
    /// What `record` makes known to an experiment whose first clip is `clip`; `None` without both modules.
    #[must_use]
    pub fn of(record: &Record, clip: Digest) -> Option<Self> {
        let streams = record.points.iter().filter(|point| point.clip == clip);
        Some(Self {
            experiment: record.id.clone(),
            encoder: record.codec.encoder.as_ref()?.sha256,
            decoder: record.codec.decoder.as_ref()?.sha256,
            parameters: record.parameters.clone(),
            streams: streams.map(|point| point.stream.sha256).collect(),
        })
    }
}
