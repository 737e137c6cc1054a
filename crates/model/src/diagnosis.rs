//! What a failure means and what to do about it: by rule from its fault, phase and kind, never by a model.
//!
//! Every kind that the lab can end an experiment with has its row in [`ROWS`]; a test of `aiv1-lab` reads the sources for
//! them. A kind that is not there came with a worker's report, and is diagnosed by whose fault it was said to be.

use crate::{Failure, FailureSummary, Fault, Phase};
use Category::{ImportError, LogicError, ResourceError, RuntimeError, SyntaxError, Timeout, ValidationError};
use Severity::{Critical, High, Low, Medium};
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

type Row = (&'static str, Category, Severity, &'static str);

/// Kinds whose meaning is the same whoever reports them.
const ROWS: &[Row] = &[
    // The source and its modules.
    (
        "source_refused",
        ImportError,
        High,
        "Take out what the refusal names: a source may use core, std and the guest kit, and reach for nothing else.",
    ),
    (
        "compile_error",
        SyntaxError,
        High,
        "Mend what the compiler's first complaint names; the evidence has them all.",
    ),
    (
        "compile_limit",
        ResourceError,
        High,
        "Make the source cheaper to compile: smaller tables, fewer generics and macros, no computing in constants.",
    ),
    ("invalid_module", ValidationError, High, "Use no feature of WebAssembly that the sandbox switches off."),
    (
        "import",
        ImportError,
        High,
        "Call nothing outside the module: it has no clock, no randomness and no files.",
    ),
    (
        "export",
        ValidationError,
        High,
        "Define encode, decode, ABOUT and PARAMETERS as the codec's contract has them.",
    ),
    ("signature", ValidationError, High, "Give encode and decode the types that the codec's contract has."),
    ("abi", ValidationError, High, "Build it with the guest kit of this lab."),
    (
        "declaration",
        ValidationError,
        High,
        "Declare parameters with names of their own, and each default inside its range.",
    ),
    ("parameters", ValidationError, Medium, "Ask for declared parameters only, each inside its range."),
    (
        "module_size",
        ResourceError,
        High,
        "Make the module smaller: compute tables when it runs; a decoder may not carry the video.",
    ),
    (
        "body_size",
        ResourceError,
        High,
        "Split the function that is too large, or keep it from being inlined.",
    ),
    (
        "too_many",
        ResourceError,
        High,
        "Have fewer functions, types or data segments: share code between them.",
    ),
    // Its calls.
    (
        "trap",
        RuntimeError,
        High,
        "Find the panic, overflow or index that the evidence names; sizes may be odd and groups short.",
    ),
    ("returned_nothing", RuntimeError, High, "Return bytes from every path through encode and decode."),
    (
        "bad_pointer",
        RuntimeError,
        High,
        "Return only memory that the module owns; the guest kit does so by itself.",
    ),
    (
        "wrong_length",
        ValidationError,
        High,
        "Return every frame that the header names, whole, and nothing after the last.",
    ),
    (
        "fuel",
        Timeout,
        Medium,
        "Do less work for each pixel: bound searches, and end loops that wait for exact agreement.",
    ),
    ("deadline", Timeout, Medium, "Do less work for each call; the fuel it used shows where the time goes."),
    (
        "memory",
        ResourceError,
        Medium,
        "Hold fewer copies of the pictures, and allocate by the size of the group at hand.",
    ),
    (
        "output_size",
        ResourceError,
        Medium,
        "Write fewer bytes than the raw pictures: store a block raw where coding it costs more.",
    ),
    // What they came to.
    (
        "not_deterministic",
        LogicError,
        High,
        "Make encode and decode depend on their arguments only: no state between calls, no order of hashes or addresses.",
    ),
    (
        "frame_hash",
        LogicError,
        High,
        "Make the decoder give the same frames for the same bytes, whatever was decoded before.",
    ),
    (
        "below_the_bar",
        LogicError,
        Low,
        "The codec works and saves too little on the first clip: start from the champion's source, or try another idea.",
    ),
    (
        "duplicate_modules",
        LogicError,
        Low,
        "Change what the codec does: it compiles to a codec that was measured before.",
    ),
    (
        "duplicate_streams",
        LogicError,
        Low,
        "Change what the encoder writes: every stream is one that was measured before.",
    ),
    // The infrastructure's.
    (
        "toolchain_missing",
        ImportError,
        Critical,
        "Set the compiler up on the worker: `aiv1 doctor` says what is missing.",
    ),
    (
        "confine",
        ResourceError,
        Critical,
        "See to the worker's confinement: `aiv1 doctor` says what its kernel lacks.",
    ),
    ("host", ResourceError, Critical, "See to the worker's disk, memory and permissions."),
    ("io", ResourceError, Critical, "See to the worker's disk."),
    (
        "infrastructure",
        ResourceError,
        Critical,
        "See to what the message names on the worker: its disk, or ffmpeg.",
    ),
    (
        "phase_limit",
        Timeout,
        Medium,
        "Try again on a worker that is faster or has less to do; if it fails there, too, cut the codec's work.",
    ),
    (
        "worker_lost",
        Timeout,
        Medium,
        "See why its workers fell silent: memory, network or a stopped machine.",
    ),
    ("source_missing", ResourceError, Critical, "Submit it again: the source is not in the store any more."),
    ("clip_missing", ResourceError, Critical, "Add the clip again, then run the experiment again."),
    (
        "claim",
        ValidationError,
        Critical,
        "Bring worker and API to the same version: they disagree about what was asked.",
    ),
    ("bundle", ResourceError, Critical, "See to the worker's disk: it cannot read the bundle that it wrote."),
    (
        "report_refused",
        ValidationError,
        Critical,
        "Bring worker and API to the same version; the message says what was refused.",
    ),
    ("cancelled", RuntimeError, Low, "Nothing is to be done: the run was told to stop."),
    ("stream_io", ResourceError, Critical, "See to the disk or store that holds the stream."),
    ("not_a_stream", ResourceError, High, "Run the experiment again: what is stored is no stream."),
    ("stream_version", ValidationError, High, "Read the stream with a lab that knows its version."),
    ("stream_truncated", ResourceError, High, "Run the experiment again: the stored stream lacks its end."),
    (
        "stream_field",
        ValidationError,
        High,
        "Run the experiment again: the stored stream says what none can say.",
    ),
    ("stream_checksum", ResourceError, High, "Run the experiment again: the stored stream is damaged."),
    (
        "stream_inconsistent",
        ResourceError,
        High,
        "Run the experiment again: the stored stream disagrees with itself.",
    ),
    // The lab's own.
    ("request", LogicError, Critical, "Report it: the lab asked its own sandbox for what cannot be asked."),
    (
        "stream_no_such_gop",
        LogicError,
        Critical,
        "Report it: the lab asked for a group of pictures that is not there.",
    ),
    (
        "measuring",
        LogicError,
        Critical,
        "Report it: the lab could not compare frames that it decoded itself.",
    ),
    ("header", LogicError, Critical, "Report it: a stream's header is not what the lab wrote."),
    ("panic", RuntimeError, Critical, "Report it with the message: the lab's own code gave way."),
];

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
