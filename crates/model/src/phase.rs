//! Phases of an experiment as data.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A phase, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A codec and its parameters are proposed.
    Design,
    /// Source is policed and compiled, parameters are checked.
    Validation,
    /// Clips and anchors are made ready, the codec is put where it will run.
    Deployment,
    /// Clips are encoded.
    Execution,
    /// Stored bytes are decoded twice and measured.
    Verification,
    /// Rates are compared, the record is written.
    Analysis,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Design => "design",
            Self::Validation => "validation",
            Self::Deployment => "deployment",
            Self::Execution => "execution",
            Self::Verification => "verification",
            Self::Analysis => "analysis",
        })
    }
}

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhaseOutcome {
    /// It did what it is for.
    Completed,
    /// It failed; the record's `failure` says why.
    Failed,
}

/// One phase that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseRecord {
    /// Which.
    pub phase: Phase,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How long it may take, where it is bounded.
    pub limit_ms: Option<u64>,
    /// How it ended.
    pub outcome: PhaseOutcome,
}
