//! Failures: whose they are, where they happened, and what shows it.

use crate::{Digest, Phase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose failure it is. Only the infrastructure's are worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The codec's own.
    Candidate,
    /// Disk, network, a missing program.
    Infrastructure,
    /// The lab's own code.
    Evaluator,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Candidate => "candidate",
            Self::Infrastructure => "infrastructure",
            Self::Evaluator => "evaluator",
        })
    }
}

/// Something that shows the failure: compiler output, a backtrace, a pair of hashes. Untrusted text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What it is.
    pub name: String,
    /// The text, at most [`Evidence::MAX_BYTES`].
    pub text: String,
}

impl Evidence {
    /// Longest text that is kept; what is cut is said at the end.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Keeps `text`, cut to the limit at a character boundary.
    #[must_use]
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        let mut kept = text.to_owned();
        if kept.len() > Self::MAX_BYTES {
            let end = (0..=Self::MAX_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            kept.truncate(end);
            kept += "\n[";
            kept += &(text.len() - end).to_string();
            kept += " bytes cut]";
        }
        Self { name: name.into(), text: kept }
    }
}

/// Why an experiment failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Whose it is.
    pub fault: Fault,
    /// Where it happened.
    pub phase: Phase,
    /// A stable word for programs: `source_refused`, `trap`, `fuel`, `deadline`, `not_deterministic`, …
    pub kind: String,
    /// One sentence for people, naming the thing, its value and the bound.
    pub message: String,
    /// The clip at hand, if one was.
    pub clip: Option<Digest>,
    /// The quality index at hand, if one was.
    pub quality_index: Option<u8>,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}
