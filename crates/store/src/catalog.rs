//! [`Catalog`]: experiments, counts, work, workers, clips, rebuilds, the journal.

use crate::{Error, Overview, Rebuild};
use aiv1_model::api::{ClipEntry, Heartbeat, Holder, WorkerInfo, WorkerStatus};
use aiv1_model::{
    Action, Arm, BundleRef, Counts, Declaration, Digest, Experiment, ExperimentId, Failure, Findings,
    JournalEntry, LegacyExperiment, Note, Origin, PhaseRecord, Record, Status, Submission, Summary,
};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::time::Duration;

/// How long claimed work is safe from being given to another after the worker's last heartbeat.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// After so many attempts lost by the infrastructure's fault an experiment fails for good.
pub const MAX_LOST_ATTEMPTS: u32 = 5;

/// How long after it asked a worker is still given work: later, nobody may be listening any more, as what stands before
/// the functions gives a request up after 30 s.
pub const HEARD_FOR: SignedDuration = SignedDuration::from_secs(26);

/// About so many rebuilds wait at most (those who ask at the same moment do not see each other); while they do, no other
/// is taken on. What a rebuild costs is asked for without a token, so it is bounded here, whoever asks and from wherever.
pub const MAX_WAITING_REBUILDS: u64 = 100;

/// An experiment to be.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExperiment {
    /// What is asked; checked by the caller.
    pub submission: Submission,
    /// By whom and why.
    pub origin: Origin,
    /// Makes a repeated request harmless, and one with another content an error.
    pub idempotency_key: Option<String>,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Submitted {
    /// The experiment.
    pub experiment: Experiment,
    /// It is new; otherwise the same was asked before.
    pub created: bool,
}

/// Order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Latest submission first.
    #[default]
    Newest,
    /// Earliest submission first.
    Oldest,
    /// Smallest headline BD-rate first; only experiments that have one.
    Best,
    /// Fewest decode fuel a pixel first; only experiments that have been decoded.
    Cheapest,
}

/// Which experiments, in which order. Every combination is answered from an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Only in this status.
    pub status: Option<Status>,
    /// Only of this codec source.
    pub codec: Option<Digest>,
    /// Only from this arm.
    pub arm: Option<Arm>,
    /// Order.
    pub order: Order,
    /// [`Page::next`] of the page before.
    pub cursor: Option<String>,
    /// Rows; 1 to [`Query::MAX_LIMIT`].
    pub limit: u32,
}

impl Query {
    /// Most rows of a page.
    pub const MAX_LIMIT: u32 = 200;
}

impl Default for Query {
    fn default() -> Self {
        Self { status: None, codec: None, arm: None, order: Order::default(), cursor: None, limit: 50 }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The rows.
    pub experiments: Vec<Summary>,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Work that was claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedWork {
    /// The experiment, as it stands now.
    pub experiment: Experiment,
    /// Whom it is held by, under which attempt.
    pub holder: Holder,
}

/// How claimed work ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// With a record, whose status says whether it succeeded or failed.
    Published {
        /// The record, without its per-frame series.
        record: Box<Record>,
        /// Where its bundle is.
        bundle: BundleRef,
    },
    /// By the infrastructure's fault: queued again, or failed for good after [`MAX_LOST_ATTEMPTS`].
    Infrastructure(Box<Failure>),
    /// Given back: queued again.
    GaveBack,
}

/// What is known of a codec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Codec {
    /// SHA-256 of its source.
    pub source: Digest,
    /// Its name, as first submitted.
    pub name: String,
    /// When it was first submitted.
    pub first_seen: Timestamp,
    /// What it declares; absent until a worker has compiled it.
    pub declaration: Option<Declaration>,
    /// Its decoder; absent until then.
    pub decoder: Option<Digest>,
    /// Experiments with it.
    pub experiments: u64,
}

/// An experiment that was better than all before it, of the same arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Milestone {
    /// The arm.
    pub arm: Arm,
    /// How many experiments of this arm had ended successfully by then, this one included.
    pub evaluations: u64,
    /// The experiment.
    pub experiment: ExperimentId,
    /// Its headline BD-rate, in percent.
    pub bd_rate: f64,
    /// It no longer stands: the experiment was retracted or purged since.
    #[serde(default)]
    pub retracted: bool,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What the arm's model had cost by then, in millionths of a US dollar.
    #[serde(default)]
    pub spent_microdollars: u64,
}

/// Where the loop stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoopState {
    /// An operator has paused it.
    pub paused: bool,
    /// Proposals made so far, by all arms of the loop: the persistent iteration number.
    pub iterations: u64,
    /// Experiments that ended successfully, by arm.
    pub evaluations: Vec<(Arm, u64)>,
    /// When loops were last told to end: one that began before that does.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
    /// What the language model has cost so far, in millionths of a US dollar.
    #[serde(default)]
    pub spent_microdollars: u64,
}

/// A page of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalPage {
    /// The lines, latest first.
    pub entries: Vec<JournalEntry>,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Where the rebuilding of a preview or archive stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RebuildState {
    /// Waiting for the consumer.
    Queued,
    /// At work.
    Running,
    /// Made; the object may have expired since.
    Done,
    /// It could not be made.
    Failed {
        /// Why.
        reason: String,
    },
}

impl RebuildState {
    /// Whether somebody waits for it or works at it.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// A rebuild that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuildStatus {
    /// Where it stands.
    pub state: RebuildState,
    /// When it was last asked for.
    pub requested_at: Timestamp,
    /// How often it was begun.
    pub attempt: u32,
    /// Until when it is held by who works at it.
    pub lease_expires_at: Option<Timestamp>,
}

/// A rebuild that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuildClaim {
    /// What.
    pub target: Rebuild,
    /// Counts up with every claim.
    pub attempt: u32,
}

/// A page of records of the earlier system.
#[derive(Clone, Debug, PartialEq)]
pub struct LegacyPage {
    /// The rows.
    pub experiments: Vec<LegacyExperiment>,
    /// How many there are in all.
    pub total: u64,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Everything but the objects. Every change of an experiment's status changes the counts in the same transaction;
/// listing is by index, never by scan.
#[async_trait]
pub trait Catalog: Debug + Send + Sync {
    /// Queues an experiment, or finds the one that asked the same.
    async fn submit(&self, new: &NewExperiment) -> Result<Submitted, Error>;

    /// One experiment.
    async fn experiment(&self, id: &ExperimentId) -> Result<Option<Experiment>, Error>;

    /// The record of its latest published bundle, without per-frame series.
    async fn record(&self, id: &ExperimentId) -> Result<Option<Record>, Error>;

    /// A page of experiments.
    async fn list(&self, query: &Query) -> Result<Page, Error>;

    /// Counts by status: one indexed read.
    async fn counts(&self) -> Result<Counts, Error>;

    /// What the front page shows beside its list: of one moment where the backend has snapshots, else part by part.
    async fn overview(&self) -> Result<Overview, Error> {
        Overview::read(self).await
    }

    /// Counts up with every change that a page could show: what an `ETag` is made of.
    async fn revision(&self) -> Result<u64, Error>;

    /// Does something to an experiment by the rules of [`Entry::act`](crate::Entry::act), and writes it into the journal in
    /// the same transaction. What is retracted or purged leaves every ranking: the best of its arm is the best of the rest,
    /// and its milestones are [`Milestone::retracted`].
    async fn act(&self, id: &ExperimentId, by: &str, action: &Action) -> Result<Experiment, Error>;

    /// Writes into the journal what happened to the lab, which in the same transaction takes effect: the loop is paused,
    /// goes on, or is told to end; what a model cost is added to what its arm has spent. To pause what is paused changes
    /// nothing and is no line.
    async fn note(&self, by: &str, note: &Note) -> Result<LoopState, Error>;

    /// The journal, latest line first; `limit` is 1 to [`Query::MAX_LIMIT`].
    async fn journal(&self, cursor: Option<&str>, limit: u32) -> Result<JournalPage, Error>;

    /// [`Catalog::claim_asked`] for a worker that asks now.
    async fn claim(&self, worker: &WorkerInfo) -> Result<Option<ClaimedWork>, Error> {
        self.claim_asked(worker, Timestamp::MAX).await
    }

    /// Claims the longest-waiting experiment for [`LEASE`], after queueing again what lapsed leases left behind; who lost a
    /// race for it may be given one that waits almost as long. A worker that claims while it is held to have other work
    /// has lost that: it is queued again as well.
    ///
    /// The worker asked at `asked_at`, at the latest now. A request may outlive its worker's interest: one that the worker
    /// has followed with another which was given work, and one older than [`HEARD_FOR`], gets and takes nothing.
    async fn claim_asked(
        &self,
        worker: &WorkerInfo,
        asked_at: Timestamp,
    ) -> Result<Option<ClaimedWork>, Error>;

    /// Extends a lease; when it lapses now. [`Error::Lost`] if it is no longer held. A lease that has lapsed can still be
    /// extended, and its work ended, until somebody else takes the work.
    async fn heartbeat(&self, id: &ExperimentId, beat: &Heartbeat) -> Result<Timestamp, Error>;

    /// Notes a phase that ended.
    async fn phase(&self, id: &ExperimentId, holder: &Holder, phase: &PhaseRecord) -> Result<(), Error>;

    /// Ends claimed work. Ending the same attempt again with the same bundle changes nothing; a late report is
    /// [`Error::Lost`].
    async fn end(&self, id: &ExperimentId, holder: &Holder, ended: &Ended) -> Result<Experiment, Error>;

    /// Returns once there may be work to claim, or after `at_most`.
    async fn wait_for_work(&self, at_most: Duration);

    /// Workers heard of in the last day, latest first, at most 100.
    async fn workers(&self) -> Result<Vec<WorkerStatus>, Error>;

    /// A codec.
    async fn codec(&self, source: &Digest) -> Result<Option<Codec>, Error>;

    /// Codecs, most recently first seen first, at most 200.
    async fn codecs(&self) -> Result<Vec<Codec>, Error>;

    /// Adds a clip, or changes what is known of it.
    async fn put_clip(&self, clip: &ClipEntry) -> Result<(), Error>;

    /// Clips in the order in which they were added.
    async fn clips(&self) -> Result<Vec<ClipEntry>, Error>;

    /// Experiments that improved on all before them, per arm in order; the latest 500.
    async fn milestones(&self) -> Result<Vec<Milestone>, Error>;

    /// Where the loop stands.
    async fn loop_state(&self) -> Result<LoopState, Error>;

    /// Asks for a rebuild: one job however many ask. One that is done or failed is queued again. While
    /// [`MAX_WAITING_REBUILDS`] are queued, one that is not under way is refused with [`Error::Busy`]. Consumers hear of one
    /// that waits, and hear again when it is asked for again after a while: a message may have been lost.
    async fn request_rebuild(&self, target: &Rebuild) -> Result<RebuildStatus, Error>;

    /// Where a rebuild stands, if it was ever asked for.
    async fn rebuild(&self, target: &Rebuild) -> Result<Option<RebuildStatus>, Error>;

    /// Claims the longest-waiting rebuild for `lease`; one whose lease lapsed is claimed again.
    async fn claim_rebuild(&self, lease: SignedDuration) -> Result<Option<RebuildClaim>, Error>;

    /// Claims this rebuild for `lease` if it waits or its lease lapsed: for a consumer that was told which, by a queue's
    /// message. `None` if it is done, failed, held by another, or was never asked for.
    async fn begin_rebuild(
        &self,
        target: &Rebuild,
        lease: SignedDuration,
    ) -> Result<Option<RebuildClaim>, Error>;

    /// Keeps a claimed rebuild for another `lease`; `false` if it is no longer held. A lease that has lapsed can still be
    /// renewed until another claims.
    async fn renew_rebuild(&self, claim: &RebuildClaim, lease: SignedDuration) -> Result<bool, Error>;

    /// Gives a claimed rebuild back: queued again. With `lost`, the reason why the infrastructure failed it, it counts as
    /// lost, and fails with that reason after [`MAX_LOST_REBUILDS`](crate::MAX_LOST_REBUILDS). A late one changes nothing.
    async fn release_rebuild(&self, claim: &RebuildClaim, lost: Option<&str>) -> Result<(), Error>;

    /// Ends a claimed rebuild; a late end changes nothing.
    async fn end_rebuild(&self, claim: &RebuildClaim, outcome: &Result<(), String>) -> Result<(), Error>;

    /// Returns once there may be a rebuild to claim, or after `at_most`.
    async fn wait_for_rebuild(&self, at_most: Duration);

    /// Queues again what lapsed leases left behind, or gives it up, as a claim would: for when no worker asks any more.
    /// Workers and consumers hear of it. How many experiments and rebuilds it was.
    async fn requeue_lapsed(&self) -> Result<u64, Error>;

    /// Keeps a record of the earlier system; with what is known under its id it makes one, by
    /// [`LegacyExperiment::merge`], so that of two that are kept at once neither is lost. Whether anything changed.
    async fn put_legacy(&self, legacy: &LegacyExperiment) -> Result<bool, Error>;

    /// A record of the earlier system.
    async fn legacy(&self, id: &str) -> Result<Option<LegacyExperiment>, Error>;

    /// Records of the earlier system, latest first, those of one time in an order that stays; `limit` is 1 to [`Query::MAX_LIMIT`].
    async fn list_legacy(&self, cursor: Option<&str>, limit: u32) -> Result<LegacyPage, Error>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), Error>;
}

impl Ended {
    /// What a published record showed, if it succeeded.
    #[must_use]
    pub fn findings(&self) -> Option<Findings> {
        match self {
            Self::Published { record, .. } if record.status == Status::Successful => {
                Some(Findings::of(record))
            }
            _ => None,
        }
    }
}
