//! Which generation a record is of, and what it says became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A generation of the earlier system. They differ in what a figure of theirs means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegacyGeneration {
    /// `real_exp_…`: one fixed encode of a generated clip, quality never measured.
    G0,
    /// `proc_exp_…`: generated code on a clip generated for each run.
    G1,
    /// `gpu_exp_…`: by a GPU worker behind a queue.
    G2a,
    /// `exp_…`, `simple_cpu_…`, `simple_gpu_…`: by workers over HTTP, on one small frame.
    G2b,
    /// `exp_iter…`: the third version.
    G3,
    /// None of these by its id or its form.
    Unknown,
}

impl LegacyGeneration {
    /// The generation that gives ids of this form.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let numbered = |prefix: &str| {
            id.strip_prefix(prefix).is_some_and(|rest| {
                rest.starts_with(|first: char| first.is_ascii_digit()) || prefix == "exp_iter"
            })
        };
        match () {
            () if numbered("real_exp_") => Self::G0,
            () if numbered("proc_exp_") => Self::G1,
            () if numbered("gpu_exp_") => Self::G2a,
            () if numbered("exp_iter") => Self::G3,
            () if numbered("exp_") || numbered("simple_cpu_") || numbered("simple_gpu_") => Self::G2b,
            () => Self::Unknown,
        }
    }

    /// Why what it claimed is not believed, in a sentence.
    #[must_use]
    pub const fn caveat(self) -> &'static str {
        match self {
            Self::G0 => {
                "It measured the file size of one clip that it had generated itself, against a nominal 10 Mbit/s that was never encoded; quality was not measured."
            }
            Self::G1 => {
                "It measured a clip that it generated anew for each run, against a nominal 10 Mbit/s that was never encoded; frames that failed to encode counted as no bytes, and neither stream nor code was kept."
            }
            Self::G2a => {
                "Its worker reported figures of which neither the clip nor the stream was kept, so that nothing can be measured again."
            }
            Self::G2b => {
                "It encoded a single frame of 640×480, took it for ten seconds of video and 1024² bits for a megabit, which is converted here, and wrote fixed figures where it measured no quality."
            }
            Self::G3 => {
                "Its decoder could read the source clip and decided itself how long the clip lasts, by which the rate was divided; the stream was not kept."
            }
            Self::Unknown => "How its figures came about is not known, and no stream was kept.",
        }
    }
}

/// What a record says became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegacyStatus {
    /// The earlier system called it a success, which says nothing of its quality.
    Successful,
    /// It failed or was timed out.
    Failed,
    /// It was waiting or running when it was last written, and never ended.
    Stale,
    /// Of a word that is none of these, or of none.
    Other,
}

impl LegacyStatus {
    /// What a word of the earlier system means.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "success" | "successful" | "completed" | "complete" | "analyzed" => Self::Successful,
            "failed" | "failure" | "error" | "timed_out" | "timeout" | "abandoned" => Self::Failed,
            "queued" | "created" | "dispatching" | "waiting_for_gpu" | "processing_on_gpu" | "processing"
            | "running" | "in_progress" => Self::Stale,
            _ => Self::Other,
        }
    }
}
