//! What a failure means and what to do about it: by rule from its fault, phase and kind, never by a model.
//!
//! Every kind that the lab can end an experiment with has its row in `rows.rs`; a test of `aiv1-lab` reads the sources for
//! them. A kind that is not there came with a worker's report, and is diagnosed by whose fault it was said to be.

mod rows;

use crate::{Failure, FailureSummary, Fault, Phase};
use Category::{ImportError, LogicError, ResourceError, RuntimeError, SyntaxError, Timeout, ValidationError};
use Severity::{Critical, High, Low, Medium};
use rows::ROWS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What sort of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The compiler does not take the source.
    SyntaxError,
    /// It reaches for what is not there for it.
    ImportError,
    /// It stopped while it ran.
    RuntimeError,
    /// It is not what the contract asks for.
    ValidationError,
    /// It runs, and does the wrong thing.
    LogicError,
    /// It takes too long.
    Timeout,
    /// It takes too much, or there was too little.
    ResourceError,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 7] =
        [SyntaxError, ImportError, RuntimeError, ValidationError, LogicError, Timeout, ResourceError];

    /// As documents write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SyntaxError => "syntax_error",
            ImportError => "import_error",
            RuntimeError => "runtime_error",
            ValidationError => "validation_error",
            LogicError => "logic_error",
            Timeout => "timeout",
            ResourceError => "resource_error",
        }
    }
}

impl std::fmt::Display for Category {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How much hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Other experiments fail of it, too, until a person sees to it.
    Critical,
    /// The codec cannot be measured at all.
    High,
    /// The codec works up to a bound or on some input.
    Medium,
    /// Nothing is broken: another try or another idea is all it takes.
    Low,
}

impl Severity {
    /// As documents write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Critical => "critical",
            High => "high",
            Medium => "medium",
            Low => "low",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What a failure means, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// What sort of mistake it is.
    pub category: Category,
    /// How much hangs on it.
    pub severity: Severity,
    /// What to do, in a sentence.
    pub suggestion: &'static str,
}

impl Diagnosis {
    /// What a failure of this fault, phase and kind means.
    #[must_use]
    pub fn of(fault: Fault, phase: Phase, kind: &str) -> Self {
        // Two things that are not there in two ways: a clip that no worker can get, and one that no record lists.
        let (category, severity, suggestion) = match (kind, fault) {
            ("clip", Fault::Infrastructure) => {
                (ResourceError, Critical, "See whether the clip's file is in the store and has its digest.")
            }
            ("clip", _) => {
                (LogicError, Critical, "Report it: a point is of a clip that its record does not list.")
            }
            _ => ROWS
                .iter()
                .find(|row| row.0 == kind)
                .map_or_else(|| unknown(fault, phase), |row| (row.1, row.2, row.3)),
        };
        Self { category, severity, suggestion }
    }

    /// Whether this kind has a diagnosis of its own.
    #[must_use]
    pub fn knows(kind: &str) -> bool {
        kind == "clip" || ROWS.iter().any(|row| row.0 == kind)
    }
}

/// What can be said where the kind says nothing.
const fn unknown(fault: Fault, phase: Phase) -> (Category, Severity, &'static str) {
    match (fault, phase) {
        (Fault::Infrastructure, _) => {
            (ResourceError, Critical, "See to what the message names on the worker.")
        }
        (Fault::Evaluator, _) => (LogicError, Critical, "Report it: the lab's own code is to be mended."),
        (Fault::Candidate, Phase::Design | Phase::Validation | Phase::Deployment) => {
            (ValidationError, High, "Mend what the message names in the source.")
        }
        (Fault::Candidate, Phase::Execution) => {
            (RuntimeError, High, "Find in the source what the message and the evidence name.")
        }
        (Fault::Candidate, Phase::Verification | Phase::Analysis) => {
            (LogicError, High, "Compare what the decoder gives with what the encoder was given.")
        }
    }
}

impl From<&Failure> for Diagnosis {
    fn from(failure: &Failure) -> Self {
        Self::of(failure.fault, failure.phase, &failure.kind)
    }
}

impl From<&FailureSummary> for Diagnosis {
    fn from(failure: &FailureSummary) -> Self {
        Self::of(failure.fault, failure.phase, &failure.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_one_row_and_every_category_a_kind() {
        let kinds: BTreeSet<&str> = ROWS.iter().map(|row| row.0).collect();
        assert_eq!(kinds.len(), ROWS.len(), "a kind has two rows");
        for category in Category::ALL {
            assert!(ROWS.iter().any(|row| row.1 == category), "{category} is never said");
        }
        for (kind, _, _, suggestion) in ROWS {
            assert!(suggestion.ends_with('.') && suggestion.len() < 160, "{kind}: {suggestion}");
        }
    }

    #[test]
    fn the_same_word_from_another_hand_means_another_thing() {
        let of = |fault| Diagnosis::of(fault, Phase::Verification, "clip").category;
        assert_eq!((of(Fault::Infrastructure), of(Fault::Evaluator)), (ResourceError, LogicError));
    }

    #[test]
    fn a_kind_that_nobody_knows_is_diagnosed_by_fault_and_phase() {
        let of = |fault, phase| Diagnosis::of(fault, phase, "<script>").category;
        assert_eq!(of(Fault::Candidate, Phase::Execution), RuntimeError);
        assert_eq!(of(Fault::Candidate, Phase::Validation), ValidationError);
        assert_eq!(of(Fault::Infrastructure, Phase::Execution), ResourceError);
        assert!(!Diagnosis::knows("<script>") && Diagnosis::knows("fuel"));
    }

    #[test]
    fn words_are_written_as_they_are_serialised() {
        for category in Category::ALL {
            assert_eq!(serde_json::to_value(category).unwrap(), category.as_str());
        }
        for severity in [Critical, High, Medium, Low] {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.as_str());
        }
    }
}
