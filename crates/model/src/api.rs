//! What travels between workers, clients and `experiment-api`: requests and answers of DESIGN's REST table.
//!
//! Every request about claimed work carries the worker's name and the attempt it holds; a report of an attempt that is
//! no longer the current one is refused with 409, so a late result can never overwrite a newer one.

use crate::{
    Bar, BundleRef, ClipInfo, Counts, Diagnosis, Digest, Experiment, ExperimentId, Failure, KnownModules,
    Manifest, Phase, PhaseRecord, Submission, Summary, VerifiedOutcome,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/experiments`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentList {
    /// Counts over everything, whatever the filter.
    #[serde(flatten)]
    pub counts: Counts,
    /// This page.
    pub experiments: Vec<Summary>,
    /// Cursor of the next page.
    pub next: Option<String>,
}

/// `POST /api/experiments`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// What is asked, but for the source's digest, which is computed from `source`.
    pub codec: String,
    /// The codec's source text.
    pub source: String,
    /// Values of its parameters; what is missing takes its default.
    #[serde(default)]
    pub parameters: crate::Parameters,
    /// Clips by id; all clips of the open set when absent.
    #[serde(default)]
    pub clips: Option<Vec<Digest>>,
    /// GOP, quality indices, anchors, limits; the lab's own when absent.
    #[serde(default)]
    pub settings: Option<crate::Settings>,
    /// What is tried and why.
    #[serde(default)]
    pub rationale: String,
}

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerInfo {
    /// Unique among living workers: 1 to 64 of `[A-Za-z0-9._-]`.
    pub name: String,
    /// Version of the lab it runs.
    pub version: String,
    /// The machine, as its system names it.
    pub machine: Option<String>,
    /// Threads it encodes with.
    pub threads: usize,
}

impl WorkerInfo {
    /// Whether the name is one.
    #[must_use]
    pub fn has_valid_name(&self) -> bool {
        Self::is_name(&self.name)
    }

    /// Whether this is a name that a worker may have: not one by which others are in the journal.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        if [crate::JournalEntry::OPERATOR, crate::JournalEntry::LOOP].contains(&text) {
            return false;
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (1..=64).contains(&text.len()) && text.bytes().all(plain)
    }
}

/// `GET /api/workers`: one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerStatus {
    /// Who.
    #[serde(flatten)]
    pub info: WorkerInfo,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// What it is running, if anything.
    pub experiment: Option<ExperimentId>,
    /// Experiments it has ended.
    pub ended: u64,
}

/// `GET /api/clips`: one clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClipEntry {
    /// What it is; `info.id` is its identity.
    pub info: ClipInfo,
    /// The set it belongs to: `open`, `held-out`, or a name of one's own.
    pub set: String,
}

impl ClipEntry {
    /// The set whose results designers see.
    pub const OPEN: &str = "open";
    /// The set that they never see: champions are measured on it once.
    pub const HELD_OUT: &str = "held-out";

    /// Whether designers never see what is measured on it; its file is handed to workers alone.
    #[must_use]
    pub fn is_held_out(&self) -> bool {
        self.set == Self::HELD_OUT
    }

    /// SHA-256 of its file.
    #[must_use]
    pub const fn file(&self) -> Digest {
        self.info.source.sha256
    }

    /// Size of its file.
    #[must_use]
    pub const fn file_bytes(&self) -> u64 {
        self.info.source.bytes
    }
}

/// `POST /api/work/claim`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// Who asks.
    pub worker: WorkerInfo,
    /// How long to wait for work before answering 204, in seconds; at most 25.
    #[serde(default)]
    pub wait_seconds: u64,
}

/// A clip that claimed work needs, with a link to its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimedClip {
    /// The clip.
    #[serde(flatten)]
    pub clip: ClipEntry,
    /// A fresh link to its file.
    pub url: String,
}

/// Answer to a claim: the work, and how long it is the worker's unless it sends heartbeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// The experiment.
    pub id: ExperimentId,
    /// The attempt to report under.
    pub attempt: u32,
    /// What is asked.
    pub submission: Submission,
    /// The codec's source text.
    pub source: String,
    /// The clips, in order.
    pub clips: Vec<ClaimedClip>,
    /// The claim lapses this long after the last heartbeat, in seconds.
    pub lease_seconds: u64,
    /// What the first clip must reach for the rest to be encoded.
    #[serde(default)]
    pub bar: Option<Bar>,
    /// What was measured already: being the same once more is a failure.
    #[serde(default)]
    pub duplicate_of: Vec<KnownModules>,
}

/// The tokens of a text that has several, separated by commas or new lines: while one is replaced, both are in force.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n']).map(str::trim).filter(|token| !token.is_empty())
}

/// Who reports, and under which attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Name of the worker.
    pub worker: String,
    /// Attempt it was given.
    pub attempt: u32,
}

/// `POST /api/work/{id}/heartbeat`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// Who.
    #[serde(flatten)]
    pub holder: Holder,
    /// Phase it is in.
    pub phase: Option<Phase>,
    /// How far, 0 to 1.
    pub progress: Option<f64>,
}

/// Answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Beat {
    /// When the claim lapses now.
    pub lease_expires_at: Timestamp,
}

/// `POST /api/work/{id}/phase`: a phase ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseReport {
    /// Who.
    #[serde(flatten)]
    pub holder: Holder,
    /// The phase.
    pub phase: PhaseRecord,
}

/// `POST /api/work/{id}/uploads`: asks where to put the files of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UploadsRequest {
    /// Who.
    #[serde(flatten)]
    pub holder: Holder,
    /// The bundle's manifest; `manifest.json` itself is the canonical text of it.
    pub manifest: Manifest,
}

/// Where to put one file: `PUT url` with these headers and exactly the file's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Upload {
    /// Path inside the bundle.
    pub path: String,
    /// A link bound to key, size, type and digest.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
}

/// Answer: what is not stored yet. What is there already, by digest, need not be sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UploadsAnswer {
    /// Files to send.
    pub uploads: Vec<Upload>,
}

/// How claimed work ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "ended", rename_all = "snake_case")]
pub enum WorkResult {
    /// With a bundle, whose files are uploaded; the record in it says whether it succeeded or failed.
    Published {
        /// The bundle.
        bundle: BundleRef,
    },
    /// By the infrastructure's fault; it will be tried again, a few times.
    Infrastructure {
        /// What gave way.
        failure: Failure,
    },
    /// The worker is stopping and gives the work back: no attempt is counted as lost.
    GaveBack,
}

/// `POST /api/work/{id}/result`. Saying the same again is answered as the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultReport {
    /// Who.
    #[serde(flatten)]
    pub holder: Holder,
    /// How it ended.
    pub result: WorkResult,
}

/// `POST /api/audits/claim`: a worker without work asks for a published experiment to derive again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRequest {
    /// Who asks.
    pub worker: WorkerInfo,
    /// With so many derived again today (UTC) there is none.
    pub at_most_a_day: u32,
}

/// Answer: what to derive again, from nothing but its bundle and these clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// The experiment.
    pub id: ExperimentId,
    /// Which of its bundles: the report names it again.
    pub manifest: Digest,
    /// Its clips, in order.
    pub clips: Vec<ClaimedClip>,
}

/// `POST /api/audits/{id}`: what came of it. What differs is retracted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditReport {
    /// Name of the worker.
    pub worker: String,
    /// [`Audit::manifest`]: a report about an earlier bundle is refused.
    pub manifest: Digest,
    /// In one word.
    pub outcome: VerifiedOutcome,
    /// What differed or could not be checked; at most [`Action::MAX_TEXT_BYTES`](crate::Action::MAX_TEXT_BYTES).
    pub detail: String,
}

/// `GET /api/experiments/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentAnswer {
    /// What the catalog keeps.
    #[serde(flatten)]
    pub experiment: Experiment,
    /// The record of its bundle without per-frame series; they are in the bundle's `record.json`.
    pub record: Option<crate::Record>,
    /// What its failure means, by rule. Computed for every answer and never stored; who reads one computes it again.
    #[serde(skip_deserializing)]
    pub diagnosis: Option<Diagnosis>,
}

impl ExperimentAnswer {
    /// What is answered about an experiment.
    #[must_use]
    pub fn new(experiment: Experiment, record: Option<crate::Record>) -> Self {
        let diagnosis = experiment.failure.as_ref().map(Diagnosis::from);
        Self { experiment, record, diagnosis }
    }
}

/// A fresh link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkAnswer {
    /// Where.
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
}
