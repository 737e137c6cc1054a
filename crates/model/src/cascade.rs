//! What a candidate is held against on its way: the bar on the first clip, and what was measured already.

use crate::{Comparison, Digest, ExperimentId, Metric, Parameters, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a candidate must reach on the first clip for the rest of the clips to be encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// The anchor, one of those asked for.
    pub anchor: String,
    /// Most BD-rate against it, in percent, as [`Bar::rate`] has it.
    pub bd_rate_at_most: f64,
}

impl Bar {
    /// What counts of the comparisons with one anchor on one clip: of luma and all planes the less favourable. `None` without
    /// one at luma, or where one of them was refused.
    #[must_use]
    pub fn rate<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> Option<f64> {
        let counted: Vec<&Comparison> = comparisons.filter(|one| one.metric.counts()).collect();
        counted.iter().find(|one| one.metric == Metric::PsnrY)?;
        let rates = counted.iter().map(|one| one.bd_rate.pchip);
        rates.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max)
    }
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
