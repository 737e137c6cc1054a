//! What an experiment is, as data: hashes, parameters, phases, rate points, comparisons, the record, the bundle's
//! manifest, what a catalog keeps and what travels over the API. Knows no I/O.
//!
//! Everything here serialises to the JSON that is published; the schema of [`Record`] is generated from these types
//! ([`record_schema`]). One rule holds everywhere: what nobody measured is absent (`Option`, JSON `null`), never 0.

pub mod api;
pub mod legacy;

mod anchor;
mod archive;
mod bdrate;
mod canary;
mod cascade;
mod chain;
mod clip;
mod codec;
mod diagnosis;
mod digest;
mod experiment;
mod failure;
mod findings;
mod held_out;
mod journal;
mod manifest;
mod parameters;
mod phase;
mod quality;
mod record;
mod submission;

pub use anchor::{AnchorEncode, AnchorPoint};
pub use archive::{Cell, CostBand, RateBand, archive};
pub use bdrate::{BdRate, Certificate, Comparison, Metric, Refusal, SetComparison, Spread};
pub use canary::{CANARIES, Canary, CaughtBy};
pub use cascade::{Bar, KnownModules};
pub use chain::chain;
pub use clip::{ClipClass, ClipInfo, ColorInfo, Conversion, FrameRate, SourceFile, VideoFormat};
pub use codec::{CodecInfo, ModuleInfo};
pub use diagnosis::{Category, Diagnosis, Severity};
pub use digest::{Digest, DigestError, Hasher};
pub use experiment::{
    Arm, Attention, BundleRef, Counts, DesignCost, Experiment, FailureSummary, Origin, Prediction, Resolved,
    Retraction, Summary, Work,
};
pub use failure::{Evidence, Failure, Fault};
pub use findings::{Findings, Saving, UnderMegabit};
pub use held_out::Generalisation;
pub use journal::{Action, Event, JournalEntry, Note, Verified, VerifiedOutcome};
pub use legacy::{LegacyExperiment, LegacyId};
pub use manifest::{Manifest, ManifestEntry};
pub use parameters::{
    Declaration, DeclaredParameter, ParameterError, ParameterKind, ParameterValue, Parameters,
};
pub use phase::{Phase, PhaseOutcome, PhaseRecord};
pub use quality::{Decibels, FrameQuality, PlaneError, Quality, QualityTools};
pub use record::{
    Cost, ExperimentId, Limits, Machine, RECORD_VERSION, RatePoint, Record, Settings, Status, StreamInfo,
    record_schema,
};
pub use submission::{Submission, SubmissionError};
