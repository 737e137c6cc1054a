//! Canaries: cheats and breakages that are thrown at the real evaluator by the tests, each with what must catch it.

/// The part of the lab that catches one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaughtBy {
    /// The source is policed before it is compiled.
    Policy,
    /// The compiled module is checked before it is run.
    ModuleCheck,
    /// A few synthetic frames are encoded and decoded, each twice.
    ContractCheck,
    /// What is decoded twice from the stored bytes must be the same.
    Verification,
    /// Quality at equal rate is stated, or refused, by what was decoded.
    Comparison,
    /// The API derives a worker's report again from its own measurements.
    Report,
    /// Somebody derives the published bundle again from its streams.
    Rederivation,
    /// Text is escaped where it is shown.
    Display,
}

impl CaughtBy {
    /// In words, for a table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policing of the source",
            Self::ModuleCheck => "check of the module",
            Self::ContractCheck => "contract check",
            Self::Verification => "verification",
            Self::Comparison => "comparison",
            Self::Report => "the API, on the report",
            Self::Rederivation => "deriving it again",
            Self::Display => "escaping",
        }
    }
}

/// A cheat or a breakage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Its name, in the tests and on the page.
    pub name: &'static str,
    /// What it attempts, in a sentence.
    pub attempts: &'static str,
    /// What catches it.
    pub caught_by: CaughtBy,
    /// The kind it is caught with: that of a failure, or one of [`Canary::NO_SAVING`], [`Canary::DIFFERS`] and
    /// [`Canary::ESCAPED`].
    pub expected: &'static str,
}

impl Canary {
    /// It is measured as what it is: no saving is stated, or one that ranks it far behind.
    pub const NO_SAVING: &str = "no_saving";
    /// Verifying names the field that came out otherwise, and the result is retracted.
    pub const DIFFERS: &str = "differs";
    /// It is shown as text and does nothing.
    pub const ESCAPED: &str = "escaped";
    /// The API answers 422, and nothing is published.
    pub const REPORT_REFUSED: &str = "report_refused";
}

const fn canary(
    name: &'static str,
    caught_by: CaughtBy,
    expected: &'static str,
    attempts: &'static str,
) -> Canary {
    Canary { name, attempts, caught_by, expected }
}

/// All of them. Each has its test: `crates/lab/tests/canaries` iterates over this table and knows where the others are.
pub const CANARIES: [Canary; 24] = [
    canary(
        "source_reads_files",
        CaughtBy::Policy,
        "source_refused",
        "The source includes a file of the machine that compiles it.",
    ),
    canary(
        "clip_in_decoder",
        CaughtBy::ModuleCheck,
        "module_size",
        "The decoder carries the clip, and the stream is next to nothing.",
    ),
    canary("endless_loop", CaughtBy::ContractCheck, "fuel", "The decoder never ends."),
    canary("memory_bomb", CaughtBy::ContractCheck, "memory", "The encoder takes memory until there is none."),
    canary("stack_overflow", CaughtBy::ContractCheck, "trap", "The encoder calls itself without end."),
    canary(
        "unequal_decodes",
        CaughtBy::Verification,
        "not_deterministic",
        "The second decode of the same bytes gives other frames.",
    ),
    canary(
        "constant_frames",
        CaughtBy::Comparison,
        Canary::NO_SAVING,
        "Every frame is the same picture, whatever the clip.",
    ),
    canary(
        "cached_output",
        CaughtBy::Comparison,
        Canary::NO_SAVING,
        "A static is to carry pictures from one call to the next.",
    ),
    canary("empty_stream", CaughtBy::Comparison, Canary::NO_SAVING, "The encoder writes no bytes at all."),
    canary(
        "frames_dropped",
        CaughtBy::Comparison,
        Canary::NO_SAVING,
        "Every fourth frame is left out, and the others move up.",
    ),
    canary(
        "frames_duplicated",
        CaughtBy::Comparison,
        Canary::NO_SAVING,
        "Every other frame is encoded, and shown twice.",
    ),
    canary("frames_swapped", CaughtBy::Comparison, Canary::NO_SAVING, "Neighbouring frames change places."),
    canary(
        "frames_off_by_one",
        CaughtBy::Comparison,
        Canary::NO_SAVING,
        "Every frame is shown one frame late.",
    ),
    canary(
        "planes_swapped",
        CaughtBy::Comparison,
        Canary::NO_SAVING,
        "The chroma planes change places, and luma stays as it is.",
    ),
    canary(
        "chroma_forsaken",
        CaughtBy::Comparison,
        Canary::NO_SAVING,
        "Chroma is left grey, and its bits are saved.",
    ),
    canary(
        "nan_rate",
        CaughtBy::Report,
        Canary::REPORT_REFUSED,
        "A worker reports a rate that is no number.",
    ),
    canary("infinite_rate", CaughtBy::Report, Canary::REPORT_REFUSED, "A worker reports an infinite rate."),
    canary(
        "forged_metrics",
        CaughtBy::Report,
        Canary::REPORT_REFUSED,
        "A worker reports a better PSNR than its own frames add up to.",
    ),
    canary(
        "forged_hashes",
        CaughtBy::Report,
        Canary::REPORT_REFUSED,
        "A worker reports a stream by the digest of another.",
    ),
    canary(
        "forged_frames",
        CaughtBy::Rederivation,
        Canary::DIFFERS,
        "A worker forges every frame’s error, and all that follows from them.",
    ),
    canary(
        "forged_decode",
        CaughtBy::Rederivation,
        Canary::DIFFERS,
        "A worker reports the digest of frames that the stream does not give.",
    ),
    canary(
        "lying_header",
        CaughtBy::Rederivation,
        Canary::DIFFERS,
        "A stream’s header says another quality index than it was encoded at.",
    ),
    canary(
        "markup_in_reply",
        CaughtBy::Display,
        Canary::ESCAPED,
        "A model’s reply has HTML in the rationale and the codec’s name.",
    ),
    canary(
        "escapes_in_reply",
        CaughtBy::Display,
        Canary::ESCAPED,
        "A model’s reply has escapes that steer a terminal.",
    ),
];
