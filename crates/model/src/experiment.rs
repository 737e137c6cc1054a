//! An experiment as the catalog keeps it: what was asked and by whom, where it stands, what came of it in brief.
//!
//! The [`Record`] inside its bundle has every figure; [`Experiment`] is the page's and the list's view of it.

use crate::{
    Digest, ExperimentId, Fault, Findings, Parameters, Phase, PhaseRecord, Record, Saving, Settings, Status,
    Submission, Verified,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who proposed an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// A person, through the API.
    Person,
    /// The lab itself: a starting codec with its defaults.
    Start,
    /// The numerical search.
    Search,
    /// The control arm: uniform over the declared ranges.
    Random,
    /// A language model, which writes source.
    Llm,
    /// Nobody's proposal: a champion measured once more, on clips that no designer sees.
    HeldOut,
}

impl Arm {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Person, Self::Start, Self::Search, Self::Random, Self::Llm, Self::HeldOut];

    /// As documents, addresses and stores write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Start => "start",
            Self::Search => "search",
            Self::Random => "random",
            Self::Llm => "llm",
            Self::HeldOut => "held_out",
        }
    }
}

impl std::fmt::Display for Arm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Where an experiment came from, written before anything was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Who proposed it.
    pub arm: Arm,
    /// What is tried and why, in a sentence or two; at most [`Origin::MAX_RATIONALE_BYTES`].
    pub rationale: String,
    /// The experiment whose codec it changes, or whose codec it measures on other clips.
    #[serde(default)]
    pub parent: Option<ExperimentId>,
    /// What its designer expects of it.
    #[serde(default)]
    pub prediction: Option<Prediction>,
    /// What it took to propose it, where a model was asked.
    #[serde(default)]
    pub cost: Option<DesignCost>,
}

impl Origin {
    /// Most bytes of a rationale.
    pub const MAX_RATIONALE_BYTES: usize = 4096;

    /// A proposal that changes no other, predicts nothing and cost nothing.
    #[must_use]
    pub fn new(arm: Arm, rationale: impl Into<String>) -> Self {
        Self { arm, rationale: rationale.into(), parent: None, prediction: None, cost: None }
    }
}

/// What a designer expects, said before anything is measured; the rationale says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The anchor that the saving is against.
    pub anchor: String,
    /// BD-rate against it, mean over the clips, in percent, as [`Findings::against`] has it; negative needs fewer bits.
    pub bd_rate: f64,
    /// Most decode fuel a luma pixel.
    pub decode_fuel_per_pixel: Option<f64>,
}

/// What a model was asked for and what that cost, summed over the replies that one proposal took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DesignCost {
    /// The model, as its provider names it.
    pub model: String,
    /// Replies it took.
    pub replies: u32,
    /// Tokens of the prompts, as the provider counted them.
    pub input_tokens: u64,
    /// Tokens of the replies.
    pub output_tokens: u64,
    /// Their price in millionths of a US dollar, by the price table at the time; absent where the table has no price for
    /// the model.
    pub microdollars: Option<u64>,
}

/// An experiment waits for a person, or did: tries are used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// Since when.
    pub since: Timestamp,
    /// What is asked of the person, in a sentence.
    pub reason: String,
    /// What a person did about it; absent while it waits.
    #[serde(default)]
    pub resolved: Option<Resolved>,
}

/// A person has seen to what waited for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What that person says.
    pub note: String,
}

/// The published result no longer stands. It stays readable, and is marked wherever its number appears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retraction {
    /// Since when.
    pub at: Timestamp,
    /// By whom: an operator, or the worker whose verification differed.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What is going on while a worker has the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Name of the worker.
    pub worker: String,
    /// When it claimed the experiment.
    pub claimed_at: Timestamp,
    /// When the claim lapses unless a heartbeat arrives.
    pub lease_expires_at: Timestamp,
    /// The phase it is in, once it has said so.
    pub phase: Option<Phase>,
    /// How far the phase is, 0 to 1, where that is known.
    pub progress: Option<f64>,
}

/// A failure without its evidence, which is in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureSummary {
    /// Whose it is.
    pub fault: Fault,
    /// The phase it happened in.
    pub phase: Phase,
    /// A stable name of its kind.
    pub kind: String,
    /// One sentence, at most [`FailureSummary::MAX_MESSAGE_BYTES`].
    pub message: String,
}

impl FailureSummary {
    /// Most bytes of the message.
    pub const MAX_MESSAGE_BYTES: usize = 1024;
}

impl From<&crate::Failure> for FailureSummary {
    fn from(failure: &crate::Failure) -> Self {
        let crate::Failure { fault, phase, kind, message, .. } = failure;
        let end = message.floor_char_boundary(Self::MAX_MESSAGE_BYTES);
        Self { fault: *fault, phase: *phase, kind: kind.clone(), message: message[..end].to_owned() }
    }
}

/// Where the bundle of an ended experiment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleRef {
    /// SHA-256 of `manifest.json`, which names every file.
    pub manifest: Digest,
    /// SHA-256 of `record.json`.
    pub record: Digest,
    /// Size of all files together.
    pub bytes: u64,
}

/// One experiment, as the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Id.
    pub id: ExperimentId,
    /// Counts experiments in the order of their submission, from 1.
    pub number: u64,
    /// Where it stands. `other`: cancelled, or a legacy record of no known status.
    pub status: Status,
    /// What was asked.
    pub submission: Submission,
    /// By whom and why.
    pub origin: Origin,
    /// When.
    pub submitted_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Which claim this is: counts up with every claim, so that a late report is recognised. 0 before the first.
    pub attempt: u32,
    /// Claims that ended by the infrastructure's fault: a worker lost, a disk full.
    pub lost_attempts: u32,
    /// What a worker is doing with it.
    pub work: Option<Work>,
    /// Phases that ended, of the latest attempt.
    pub phases: Vec<PhaseRecord>,
    /// Why it failed.
    pub failure: Option<FailureSummary>,
    /// What it showed.
    pub findings: Option<Findings>,
    /// Its bundle; failed experiments have one as well, unless it was the infrastructure that failed.
    pub bundle: Option<BundleRef>,
    /// Bundles of earlier attempts, oldest first, at most [`Experiment::MAX_EARLIER`].
    pub earlier: Vec<BundleRef>,
    /// The worker whose bundle that is.
    #[serde(default)]
    pub measured_by: Option<String>,
    /// It waits for a person.
    #[serde(default)]
    pub attention: Option<Attention>,
    /// It was derived again from its bundle.
    #[serde(default)]
    pub verified: Option<Verified>,
    /// Its result no longer stands.
    #[serde(default)]
    pub retraction: Option<Retraction>,
    /// What it showed was removed for good, by an operator; what was asked stays, so that it is not asked again.
    #[serde(default)]
    pub purged_at: Option<Timestamp>,
}

impl Attention {
    /// Whether nobody has seen to it yet.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.resolved.is_none()
    }
}

impl DesignCost {
    /// Both together; a price is known only if both are.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let both = self.microdollars.zip(other.microdollars);
        Self {
            replies: self.replies.saturating_add(other.replies),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            microdollars: both.map(|(one, other)| one.saturating_add(other)),
            model: self.model,
        }
    }
}

impl Experiment {
    /// How many earlier bundles are remembered.
    pub const MAX_EARLIER: usize = 10;

    /// Whether this worker holds it, under this attempt.
    #[must_use]
    pub fn is_held_by(&self, holder: &crate::api::Holder) -> bool {
        let worker = self.work.as_ref().map(|work| work.worker.as_str());
        self.status == Status::InProgress && self.attempt == holder.attempt && worker == Some(&holder.worker)
    }

    /// What a row of a list needs.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            id: self.id.clone(),
            number: self.number,
            status: self.status,
            codec: self.submission.codec.clone(),
            source: self.submission.source,
            parameters: self.submission.parameters.clone(),
            arm: self.origin.arm,
            parent: self.origin.parent.clone(),
            prediction: self.origin.prediction.clone(),
            cost: self.origin.cost.clone(),
            submitted_at: self.submitted_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            attempt: self.attempt,
            work: self.work.clone(),
            failure: self.failure.clone(),
            findings: self.findings.clone(),
            attention: self.attention.clone(),
            verified: self.verified.clone(),
            retraction: self.retraction.clone(),
            purged_at: self.purged_at,
        }
    }
}

/// A row of a list of experiments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Id.
    pub id: ExperimentId,
    /// Counts experiments in the order of their submission, from 1.
    pub number: u64,
    /// Where it stands.
    pub status: Status,
    /// Name of the codec.
    pub codec: String,
    /// SHA-256 of its source.
    pub source: Digest,
    /// Parameters, as asked.
    pub parameters: Parameters,
    /// Who proposed it.
    pub arm: Arm,
    /// The experiment whose codec it changes.
    #[serde(default)]
    pub parent: Option<ExperimentId>,
    /// What its designer expected.
    #[serde(default)]
    pub prediction: Option<Prediction>,
    /// What it took to propose it.
    #[serde(default)]
    pub cost: Option<DesignCost>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Which claim this is.
    pub attempt: u32,
    /// What a worker is doing with it.
    pub work: Option<Work>,
    /// Why it failed.
    pub failure: Option<FailureSummary>,
    /// What it showed.
    pub findings: Option<Findings>,
    /// It waits for a person.
    #[serde(default)]
    pub attention: Option<Attention>,
    /// It was derived again from its bundle.
    #[serde(default)]
    pub verified: Option<Verified>,
    /// Its result no longer stands.
    #[serde(default)]
    pub retraction: Option<Retraction>,
    /// What it showed was removed for good.
    #[serde(default)]
    pub purged_at: Option<Timestamp>,
}

impl Summary {
    /// What it saves against the strongest anchor, where that is stated. What was retracted keeps its own.
    #[must_use]
    pub fn headline(&self) -> Option<&Saving> {
        self.findings.as_ref()?.headline.as_ref()
    }

    /// The question with which this codec and these parameters are asked of these clips.
    #[must_use]
    pub fn asked(&self, clips: &[Digest], settings: &Settings) -> Submission {
        Submission {
            codec: self.codec.clone(),
            source: self.source,
            parameters: self.parameters.clone(),
            clips: clips.to_vec(),
            settings: settings.clone(),
        }
    }

    /// Whether it was asked of these clips with these settings: its id is the digest of all that was asked.
    #[must_use]
    pub fn answers(&self, clips: &[Digest], settings: &Settings) -> bool {
        self.asked(clips, settings).id() == self.id
    }
}

/// How many experiments there are in each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Measured and verified.
    pub successful: u64,
    /// With a worker.
    pub in_progress: u64,
    /// Failed.
    pub failed: u64,
    /// Waiting for a worker.
    pub queued: u64,
    /// Cancelled, or legacy records of no known status.
    pub other: u64,
    /// All of them.
    pub total: u64,
}

impl Counts {
    /// Those in one status.
    #[must_use]
    pub const fn of(&self, status: Status) -> u64 {
        match status {
            Status::Queued => self.queued,
            Status::InProgress => self.in_progress,
            Status::Successful => self.successful,
            Status::Failed => self.failed,
            Status::Other => self.other,
        }
    }
}

impl Record {
    /// The record without its per-frame series, which make up nearly all of its size: what a catalog keeps beside the
    /// bundle. Means and worst frames stay.
    #[must_use]
    pub fn without_series(mut self) -> Self {
        let points = self.points.iter_mut().map(|point| &mut point.quality);
        for quality in points.chain(self.anchors.iter_mut().map(|point| &mut point.quality)) {
            quality.frames = Vec::new();
        }
        self
    }
}
