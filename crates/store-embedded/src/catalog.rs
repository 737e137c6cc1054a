//! [`Catalog`] on `SQLite`: each method is one transaction; what it does is in the module named after it.

use crate::database::Database;
use crate::{ended, journal, lab, legacy, list, rebuilds, rows, submit, work};
use aiv1_model::api::{ClipEntry, Heartbeat, Holder, WorkerInfo, WorkerStatus};
use aiv1_model::{
    Action, Counts, Digest, Experiment, ExperimentId, LegacyExperiment, Note, PhaseRecord, Record, Status,
};
use aiv1_store::{
    Catalog, ClaimedWork, Clock, Codec, Ended, Error, JournalPage, LegacyPage, LoopState, Milestone,
    NewExperiment, Overview, Page, Query, Rebuild, RebuildClaim, RebuildStatus, Submitted,
};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Transaction;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The catalog of one folder.
#[derive(Debug)]
pub(crate) struct EmbeddedCatalog {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    work: Arc<Notify>,
    rebuilds: Arc<Notify>,
}

impl EmbeddedCatalog {
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock, work: Arc::default(), rebuilds: Arc::default() }
    }

    /// Adds whole experiments, each under a new number; how many were new.
    pub(crate) async fn import(&self, batch: Vec<(Experiment, Option<Record>)>) -> Result<u64, Error> {
        let work = Arc::clone(&self.work);
        let job = move |transaction: &Transaction<'_>| {
            let mut added = 0;
            for (experiment, record) in batch {
                added += u64::from(submit::import(transaction, experiment, record.as_ref())?);
            }
            Ok(added)
        };
        self.database.write_then("import experiments", job, move |_| work.notify_waiters()).await
    }

    /// Takes every rebuild that is under way from its consumer, as if its lease had lapsed; whether there was any.
    pub(crate) async fn release_rebuilds(&self) -> Result<bool, Error> {
        let waiting = Arc::clone(&self.rebuilds);
        let after = move |_: &bool| waiting.notify_waiters();
        let job =
            |transaction: &Transaction<'_>| Ok(rebuilds::requeue_lapsed(transaction, Timestamp::MAX)? > 0);
        self.database.write_then("release rebuilds", job, after).await
    }

    /// Wakes workers if the experiment waits for one.
    fn wakes_workers(&self) -> impl FnOnce(&Experiment) + Send + use<> {
        let work = Arc::clone(&self.work);
        move |experiment| {
            if experiment.status == Status::Queued {
                work.notify_waiters();
            }
        }
    }

    async fn has_work(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        self.database.read("look for work", move |snapshot| work::is_waiting(snapshot, now)).await
    }

    async fn has_rebuilds(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        self.database.read("look for rebuilds", move |snapshot| rebuilds::is_waiting(snapshot, now)).await
    }
}

/// Waits for `notify`, but not if `ready` says that there is something already. The waiter is registered before it is
/// asked, so that what arrives in between is not missed.
async fn wait(notify: &Notify, ready: impl Future<Output = Result<bool, Error>>, at_most: Duration) {
    let notified = notify.notified();
    tokio::pin!(notified);
    notified.as_mut().enable();
    // A store that cannot be asked is waited for like an empty one; the next claim says what is wrong with it.
    if !ready.await.unwrap_or(false) {
        let _ = tokio::time::timeout(at_most, notified).await;
    }
}

#[async_trait]
impl Catalog for EmbeddedCatalog {
    async fn submit(&self, new: &NewExperiment) -> Result<Submitted, Error> {
        let (new, now, work) = (new.clone(), self.clock.now(), Arc::clone(&self.work));
        let job = move |transaction: &Transaction<'_>| submit::submit(transaction, &new, now);
        self.database.write_then("submit an experiment", job, move |_| work.notify_waiters()).await
    }

    async fn experiment(&self, id: &ExperimentId) -> Result<Option<Experiment>, Error> {
        let id = id.clone();
        let found = self.database.read("read an experiment", move |snapshot| rows::find(snapshot, &id));
        Ok(found.await?.map(|row| row.experiment))
    }

    async fn record(&self, id: &ExperimentId) -> Result<Option<Record>, Error> {
        let id = id.clone();
        self.database.read("read a record", move |snapshot| lab::record(snapshot, &id)).await
    }

    async fn list(&self, query: &Query) -> Result<Page, Error> {
        let query = query.clone();
        self.database.read("list experiments", move |snapshot| list::list(snapshot, &query)).await
    }

    async fn counts(&self) -> Result<Counts, Error> {
        self.database.read("count experiments", rows::counts).await
    }

    async fn overview(&self) -> Result<Overview, Error> {
        let now = self.clock.now();
        self.database.read("read the overview", move |snapshot| lab::overview(snapshot, now)).await
    }

    async fn revision(&self) -> Result<u64, Error> {
        self.database.read("read the revision", lab::revision).await
    }

    async fn act(&self, id: &ExperimentId, by: &str, action: &Action) -> Result<Experiment, Error> {
        let (id, by, action, now) = (id.clone(), by.to_owned(), action.clone(), self.clock.now());
        let job = move |transaction: &Transaction<'_>| journal::act(transaction, &id, &by, &action, now);
        self.database.write_then("do something to an experiment", job, self.wakes_workers()).await
    }

    async fn note(&self, by: &str, note: &Note) -> Result<LoopState, Error> {
        let (by, note, now) = (by.to_owned(), note.clone(), self.clock.now());
        let job = move |transaction: &Transaction<'_>| journal::note(transaction, &by, &note, now);
        self.database.write("note what happened to the lab", job).await
    }

    async fn journal(&self, cursor: Option<&str>, limit: u32) -> Result<JournalPage, Error> {
        let cursor = cursor.map(ToOwned::to_owned);
        self.database
            .read("read the journal", move |snapshot| journal::page(snapshot, cursor.as_deref(), limit))
            .await
    }

    async fn claim_asked(
        &self,
        worker: &WorkerInfo,
        asked_at: Timestamp,
    ) -> Result<Option<ClaimedWork>, Error> {
        let (worker, now, work) = (worker.clone(), self.clock.now(), Arc::clone(&self.work));
        let asked_at = asked_at.min(now);
        let job = move |transaction: &Transaction<'_>| work::claim(transaction, &worker, asked_at, now);
        // What was taken from lost workers may be for others than this one.
        let after = move |(_, lost): &(Option<ClaimedWork>, bool)| {
            if *lost {
                work.notify_waiters();
            }
        };
        Ok(self.database.write_then("claim work", job, after).await?.0)
    }

    async fn heartbeat(&self, id: &ExperimentId, beat: &Heartbeat) -> Result<Timestamp, Error> {
        let (id, beat, now) = (id.clone(), beat.clone(), self.clock.now());
        self.database
            .write("note a heartbeat", move |transaction| work::heartbeat(transaction, &id, &beat, now))
            .await
    }

    async fn phase(&self, id: &ExperimentId, holder: &Holder, phase: &PhaseRecord) -> Result<(), Error> {
        let (id, holder, phase, now) = (id.clone(), holder.clone(), phase.clone(), self.clock.now());
        let noted = self
            .database
            .write("note a phase", move |transaction| work::phase(transaction, &id, &holder, &phase, now));
        noted.await
    }

    async fn end(&self, id: &ExperimentId, holder: &Holder, ended: &Ended) -> Result<Experiment, Error> {
        let (id, holder, ended, now) = (id.clone(), holder.clone(), ended.clone(), self.clock.now());
        let job = move |transaction: &Transaction<'_>| ended::end(transaction, &id, &holder, &ended, now);
        self.database.write_then("end work", job, self.wakes_workers()).await
    }

    async fn wait_for_work(&self, at_most: Duration) {
        wait(&self.work, self.has_work(), at_most).await;
    }

    async fn workers(&self) -> Result<Vec<WorkerStatus>, Error> {
        let now = self.clock.now();
        self.database.read("list workers", move |snapshot| lab::workers(snapshot, now)).await
    }

    async fn codec(&self, source: &Digest) -> Result<Option<Codec>, Error> {
        let source = *source;
        self.database.read("read a codec", move |snapshot| lab::codec(snapshot, &source)).await
    }

    async fn codecs(&self) -> Result<Vec<Codec>, Error> {
        self.database.read("list codecs", lab::codecs).await
    }

    async fn put_clip(&self, clip: &ClipEntry) -> Result<(), Error> {
        let clip = clip.clone();
        self.database.write("keep a clip", move |transaction| lab::put_clip(transaction, &clip)).await
    }

    async fn clips(&self) -> Result<Vec<ClipEntry>, Error> {
        self.database.read("list clips", lab::clips).await
    }

    async fn milestones(&self) -> Result<Vec<Milestone>, Error> {
        self.database.read("list milestones", lab::milestones).await
    }

    async fn loop_state(&self) -> Result<LoopState, Error> {
        self.database.read("read the loop's state", lab::loop_state).await
    }

    async fn request_rebuild(&self, target: &Rebuild) -> Result<RebuildStatus, Error> {
        let (target, now) = (target.clone(), self.clock.now());
        let asked = target.clone();
        let known = self
            .database
            .read("look for a rebuild", move |snapshot| rebuilds::is_asked(snapshot, &asked, now));
        if let Some(status) = known.await? {
            return Ok(status);
        }
        let waiting = Arc::clone(&self.rebuilds);
        let job = move |transaction: &Transaction<'_>| rebuilds::request(transaction, &target, now);
        self.database.write_then("ask for a rebuild", job, move |_| waiting.notify_waiters()).await
    }

    async fn rebuild(&self, target: &Rebuild) -> Result<Option<RebuildStatus>, Error> {
        let target = target.clone();
        self.database.read("read a rebuild", move |snapshot| rebuilds::rebuild(snapshot, &target)).await
    }

    async fn claim_rebuild(&self, lease: SignedDuration) -> Result<Option<RebuildClaim>, Error> {
        let now = self.clock.now();
        self.database
            .write("claim a rebuild", move |transaction| rebuilds::claim(transaction, lease, now))
            .await
    }

    async fn begin_rebuild(
        &self,
        target: &Rebuild,
        lease: SignedDuration,
    ) -> Result<Option<RebuildClaim>, Error> {
        let (target, now) = (target.clone(), self.clock.now());
        self.database
            .write("begin a rebuild", move |transaction| rebuilds::begin(transaction, &target, lease, now))
            .await
    }

    async fn renew_rebuild(&self, claim: &RebuildClaim, lease: SignedDuration) -> Result<bool, Error> {
        let (claim, now) = (claim.clone(), self.clock.now());
        self.database
            .write("renew a rebuild's lease", move |transaction| {
                rebuilds::renew(transaction, &claim, lease, now)
            })
            .await
    }

    async fn release_rebuild(&self, claim: &RebuildClaim, lost: Option<&str>) -> Result<(), Error> {
        let (claim, lost, waiting) = (claim.clone(), lost.map(str::to_owned), Arc::clone(&self.rebuilds));
        let job = move |transaction: &Transaction<'_>| {
            rebuilds::release(transaction, &claim, lost.as_deref()).map(drop)
        };
        self.database.write_then("give a rebuild back", job, move |()| waiting.notify_waiters()).await
    }

    async fn end_rebuild(&self, claim: &RebuildClaim, outcome: &Result<(), String>) -> Result<(), Error> {
        let (claim, outcome) = (claim.clone(), outcome.clone());
        let job = move |transaction: &Transaction<'_>| rebuilds::end(transaction, &claim, &outcome).map(drop);
        self.database.write("end a rebuild", job).await
    }

    async fn wait_for_rebuild(&self, at_most: Duration) {
        wait(&self.rebuilds, self.has_rebuilds(), at_most).await;
    }

    async fn requeue_lapsed(&self) -> Result<u64, Error> {
        let (now, work, waiting) = (self.clock.now(), Arc::clone(&self.work), Arc::clone(&self.rebuilds));
        let job = move |transaction: &Transaction<'_>| {
            Ok(work::requeue_lapsed(transaction, now)? + rebuilds::requeue_lapsed(transaction, now)?)
        };
        let after = move |lapsed: &u64| {
            if *lapsed > 0 {
                work.notify_waiters();
                waiting.notify_waiters();
            }
        };
        self.database.write_then("take back lapsed leases", job, after).await
    }

    async fn put_legacy(&self, record: &LegacyExperiment) -> Result<bool, Error> {
        let record = record.clone();
        self.database
            .write("keep a legacy record", move |transaction| legacy::put(transaction, &record))
            .await
    }

    async fn legacy(&self, id: &str) -> Result<Option<LegacyExperiment>, Error> {
        let id = id.to_owned();
        self.database.read("read a legacy record", move |snapshot| legacy::find(snapshot, &id)).await
    }

    async fn list_legacy(&self, cursor: Option<&str>, limit: u32) -> Result<LegacyPage, Error> {
        let cursor = cursor.map(ToOwned::to_owned);
        self.database
            .read("list legacy records", move |snapshot| legacy::list(snapshot, cursor.as_deref(), limit))
            .await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.revision().await.map(|_| ())
    }
}
