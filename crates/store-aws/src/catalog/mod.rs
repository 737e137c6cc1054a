//! [`Catalog`] on one `DynamoDB` table; what a method does is in the module named after it.
//!
//! A change reads what it is about, consistently, applies the rule ([`aiv1_store::Entry`], [`aiv1_store::RebuildJob`]),
//! and writes the result with everything that goes with it in one transaction, on condition that nobody has changed it
//! since. Whoever was second reads again and decides anew, after a pause whose length is chosen at random.

mod ended;
mod entries;
mod import;
mod journal;
mod lab;
mod legacy;
mod lists;
mod rebuilds;
mod records;
mod submit;
mod work;
mod workers;

use crate::queue::RebuildQueue;
use crate::table::Table;
use aiv1_model::api::{ClipEntry, Heartbeat, Holder, WorkerInfo, WorkerStatus};
use aiv1_model::{
    Action, Counts, Digest, Experiment, ExperimentId, LegacyExperiment, Note, PhaseRecord, Record,
};
use aiv1_store::{
    Catalog, ClaimedWork, Clock, Codec, Ended, Error, JournalPage, LegacyPage, LoopState, Milestone,
    NewExperiment, Page, Query, Rebuild, RebuildClaim, RebuildStatus, Submitted,
};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// The catalog of one table.
#[derive(Clone, Debug)]
pub(crate) struct DynamoCatalog {
    table: Table,
    queue: Option<RebuildQueue>,
    clock: Arc<dyn Clock>,
}

impl DynamoCatalog {
    pub(crate) fn new(table: Table, queue: Option<RebuildQueue>, clock: Arc<dyn Clock>) -> Self {
        Self { table, queue, clock }
    }
}

#[async_trait]
impl Catalog for DynamoCatalog {
    async fn submit(&self, new: &NewExperiment) -> Result<Submitted, Error> {
        self.submit_experiment(new).await
    }

    async fn experiment(&self, id: &ExperimentId) -> Result<Option<Experiment>, Error> {
        Ok(self.find("read an experiment", id).await?.map(|stored| stored.entry.experiment))
    }

    async fn record(&self, id: &ExperimentId) -> Result<Option<Record>, Error> {
        self.find_record(id).await
    }

    async fn list(&self, query: &Query) -> Result<Page, Error> {
        self.list_experiments(query).await
    }

    async fn counts(&self) -> Result<Counts, Error> {
        self.read_counts().await
    }

    async fn revision(&self) -> Result<u64, Error> {
        self.read_revision().await
    }

    async fn act(&self, id: &ExperimentId, by: &str, action: &Action) -> Result<Experiment, Error> {
        self.act_on(id, by, action).await
    }

    async fn note(&self, by: &str, note: &Note) -> Result<LoopState, Error> {
        self.note_of_lab(by, note).await
    }

    async fn journal(&self, cursor: Option<&str>, limit: u32) -> Result<JournalPage, Error> {
        self.page_of_journal(cursor, limit).await
    }

    async fn claim_asked(
        &self,
        worker: &WorkerInfo,
        asked_at: Timestamp,
    ) -> Result<Option<ClaimedWork>, Error> {
        self.claim_work(worker, asked_at).await
    }

    async fn heartbeat(&self, id: &ExperimentId, beat: &Heartbeat) -> Result<Timestamp, Error> {
        self.beat(id, beat).await
    }

    async fn phase(&self, id: &ExperimentId, holder: &Holder, phase: &PhaseRecord) -> Result<(), Error> {
        self.end_phase(id, holder, phase).await
    }

    async fn end(&self, id: &ExperimentId, holder: &Holder, ended: &Ended) -> Result<Experiment, Error> {
        self.end_work(id, holder, ended).await
    }

    async fn wait_for_work(&self, at_most: Duration) {
        self.await_work(at_most).await;
    }

    async fn workers(&self) -> Result<Vec<WorkerStatus>, Error> {
        self.list_workers().await
    }

    async fn codec(&self, source: &Digest) -> Result<Option<Codec>, Error> {
        self.find_codec(source).await
    }

    async fn codecs(&self) -> Result<Vec<Codec>, Error> {
        self.list_codecs().await
    }

    async fn put_clip(&self, clip: &ClipEntry) -> Result<(), Error> {
        self.keep_clip(clip).await
    }

    async fn clips(&self) -> Result<Vec<ClipEntry>, Error> {
        self.list_clips().await
    }

    async fn milestones(&self) -> Result<Vec<Milestone>, Error> {
        self.list_milestones().await
    }

    async fn loop_state(&self) -> Result<LoopState, Error> {
        self.read_loop_state().await
    }

    async fn request_rebuild(&self, target: &Rebuild) -> Result<RebuildStatus, Error> {
        self.ask_for_rebuild(target).await
    }

    async fn rebuild(&self, target: &Rebuild) -> Result<Option<RebuildStatus>, Error> {
        self.rebuild_status(target).await
    }

    async fn claim_rebuild(&self, lease: SignedDuration) -> Result<Option<RebuildClaim>, Error> {
        self.claim_any_rebuild(lease).await
    }

    async fn begin_rebuild(
        &self,
        target: &Rebuild,
        lease: SignedDuration,
    ) -> Result<Option<RebuildClaim>, Error> {
        self.begin(target, lease, self.clock.now()).await
    }

    async fn renew_rebuild(&self, claim: &RebuildClaim, lease: SignedDuration) -> Result<bool, Error> {
        self.renew(claim, lease).await
    }

    async fn release_rebuild(&self, claim: &RebuildClaim, lost: Option<&str>) -> Result<(), Error> {
        self.release(claim, lost).await
    }

    async fn end_rebuild(&self, claim: &RebuildClaim, outcome: &Result<(), String>) -> Result<(), Error> {
        self.finish(claim, outcome).await
    }

    async fn wait_for_rebuild(&self, at_most: Duration) {
        self.await_rebuild(at_most).await;
    }

    async fn requeue_lapsed(&self) -> Result<u64, Error> {
        Ok(self.requeue_work().await? + self.requeue_rebuilds().await?)
    }

    async fn put_legacy(&self, legacy: &LegacyExperiment) -> Result<bool, Error> {
        self.keep_legacy(legacy).await
    }

    async fn legacy(&self, id: &str) -> Result<Option<LegacyExperiment>, Error> {
        self.find_legacy(id).await
    }

    async fn list_legacy(&self, cursor: Option<&str>, limit: u32) -> Result<LegacyPage, Error> {
        self.page_of_legacy(cursor, limit).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.read_revision().await.map(drop)
    }
}
