//! Answers that only this API gives.

use aiv1_model::{
    AnchorPoint, BdRate, Comparison, Digest, ExperimentId, LegacyExperiment, Metric, RatePoint, Retraction,
    SetComparison, Spread,
};
use aiv1_store::{LoopState, Milestone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/loop`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoopAnswer {
    /// Where it stands.
    #[serde(flatten)]
    pub state: LoopState,
    /// Experiments that improved on all before them, per arm.
    pub milestones: Vec<Milestone>,
}

/// `GET /api/legacy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LegacyList {
    /// How many records of the earlier system there are. They are no experiments, and in none of their counts.
    pub total: u64,
    /// This page, latest first. What they claim was not measured here.
    pub records: Vec<LegacyExperiment>,
    /// Cursor of the next page.
    pub next: Option<String>,
}

/// `GET /api/compare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompareAnswer {
    /// Which quality is held equal.
    pub metric: Metric,
    /// The experiments, as asked.
    pub experiments: Vec<Compared>,
    /// The anchors' points on the same clips, each once.
    pub anchors: Vec<AnchorPoint>,
    /// Every experiment against every other.
    pub pairs: Vec<Pair>,
}

/// One experiment of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// Which.
    pub id: ExperimentId,
    /// Name of its codec.
    pub codec: String,
    /// Absent while it stands; taken back, its figures are given all the same.
    pub retraction: Option<Retraction>,
    /// Rate points, without per-frame series.
    pub points: Vec<RatePoint>,
    /// Against each anchor on each clip, with the certificate.
    pub comparisons: Vec<Comparison>,
    /// Against each anchor over its clips.
    pub set: Vec<SetComparison>,
}

/// One experiment against another, over the clips that both were measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pair {
    /// The one.
    pub test: ExperimentId,
    /// The other: what the rate is stated against.
    pub reference: ExperimentId,
    /// Clip by clip.
    pub clips: Vec<Certified>,
    /// Over the clips; absent if they share none, or if it was refused for any.
    pub bd_rate: Option<Spread>,
}

/// A BD-rate on one clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Certified {
    /// The clip.
    pub clip: Digest,
    /// The result, with what it rests on.
    pub bd_rate: BdRate,
}
