//! Records of the earlier system, as this one keeps them: what they *claimed*, none of it measured here.
//!
//! Decisions: one reader ([`read`]) takes every generation and every form an item was exported in, and gives one type;
//! what a record does not say is absent, and so are the placeholders known to have stood in for a measurement, each
//! with a note; texts and keys are bounded, signatures never kept. Several items of one id (a row written twice, a
//! result file beside its row) become one record by [`LegacyExperiment::merge`], in whatever order they come; what a
//! newer reader read replaces what an older one did.

mod claims;
mod id;
mod keys;
mod merge;
mod nested;
mod reader;
mod status;
mod text;
mod time;

pub use claims::{CompressionUnit, LegacyClaims, LegacyCompression};
pub use id::{LegacyId, LegacyIdError};
pub use keys::{ArtefactKind, LegacyArtefact, LegacyObject};
pub use nested::{items, plain};
pub use reader::{LegacyError, read};
pub use status::{LegacyGeneration, LegacyStatus};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One record of the earlier system: what it claimed, none of it measured by this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegacyExperiment {
    /// Its id there.
    pub id: LegacyId,
    /// When it was made, to the microsecond.
    pub recorded_at: Timestamp,
    /// Which of its generations made it.
    pub generation: LegacyGeneration,
    /// What the record says became of it.
    pub status: LegacyStatus,
    /// The very word it says so by.
    pub status_word: Option<String>,
    /// Counts runs of one process there, from 1; not unique.
    pub iteration: Option<u64>,
    /// The phase it was in, or the last it completed, in its own word.
    pub phase: Option<String>,
    /// The figures it claimed.
    pub claims: LegacyClaims,
    /// Why it failed.
    pub failure: Option<String>,
    /// What was tried.
    pub approach: Option<String>,
    /// What was expected, written before the run.
    pub hypothesis: Option<String>,
    /// The language model's reasoning.
    pub reasoning: Option<String>,
    /// What the record says its code improved.
    pub improvement: Option<String>,
    /// Objects it names in a bucket of the earlier system: keys, which lead nowhere here. At most
    /// [`LegacyExperiment::MAX_ARTEFACTS`], by kind and key.
    pub artefacts: Vec<LegacyArtefact>,
    /// What the reader dropped or could not read, a sentence each, in alphabetical order; at most [`LegacyExperiment::MAX_NOTES`].
    pub notes: Vec<String>,
    /// Version of the reader that read it.
    pub reader: u32,
}

impl LegacyExperiment {
    /// Version of the reader: counts up when it reads something differently, so that importing again replaces.
    pub const READER: u32 = 1;
    /// Most bytes of a text.
    pub const MAX_TEXT_BYTES: usize = 4096;
    /// Most bytes of a word: status, phase, tier.
    pub const MAX_WORD_BYTES: usize = 80;
    /// Most artefacts.
    pub const MAX_ARTEFACTS: usize = 16;
    /// Most notes.
    pub const MAX_NOTES: usize = 16;
}
