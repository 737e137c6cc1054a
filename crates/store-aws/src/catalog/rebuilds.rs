//! Previews and archives that are asked for, as items; what happens to one is the rule of [`RebuildJob`].

use super::DynamoCatalog;
use super::entries::micros;
use super::work::{is_unreadable, pause_until};
use crate::table::item::{text, write_document};
use crate::table::{Condition, Edit, Item, Key, MARK, REVISION, Stretch, Transaction, Turns, key, token};
use aiv1_store::{
    BlobKey, Error, MAX_WAITING_REBUILDS, Rebuild, RebuildClaim, RebuildJob, RebuildState, RebuildStatus,
};
use futures_util::future::try_join;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

const JOB: &str = "job";
const PATH: &str = "path";
/// Of a place in the queue: when consumers were last told of it.
const ANNOUNCED: &str = "announced_at";
const CLAIM: &str = "claim a rebuild";
const REQUEUE: &str = "queue lapsed rebuilds again";

/// Most lapsed leases that one claim looks at; the next one looks at the next.
const LAPSED: usize = 8;
/// Most that are looked at where no consumer waits for it.
const REQUEUED: usize = 100;

/// Consumers are told again of what waits for so long after they were told last: the message may have been lost, or have
/// outlived the queue's retention.
const ANNOUNCED_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// A rebuild as it is stored.
struct Stored {
    job: RebuildJob,
    mark: String,
}

impl Stored {
    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self { job: item.document(JOB)?, mark: item.get_text(MARK)?.to_owned() })
    }
}

/// Where a job is listed as it stands: among those that wait, or those that are held.
fn listed(target: &Rebuild, job: &RebuildJob) -> Option<Key> {
    match job.state {
        RebuildState::Queued => Some(Key::rebuild_waiting(target, job.queued_at)),
        RebuildState::Running => {
            Some(Key::rebuild_held(target, job.lease_expires_at.unwrap_or(Timestamp::UNIX_EPOCH)))
        }
        RebuildState::Done | RebuildState::Failed { .. } => None,
    }
}

/// What an index entry names.
fn target_of(item: &Item) -> Result<Rebuild, Error> {
    let path = item.get_text(PATH)?;
    match BlobKey::parse(path).map_err(|error| item.damaged(PATH, &error))? {
        BlobKey::Reconstructed(target) => Ok(target),
        BlobKey::Object { .. } => Err(item.damaged(PATH, &"names what is never rebuilt")),
    }
}

impl DynamoCatalog {
    async fn job(&self, action: &'static str, target: &Rebuild) -> Result<Option<Stored>, Error> {
        self.table.get(action, &Key::rebuild(target)).await?.as_ref().map(Stored::read).transpose()
    }

    /// Applies a rule to a job, if there is one; what came of it, and whether that was a change.
    async fn change_job(
        &self,
        action: &'static str,
        target: &Rebuild,
        rule: impl Fn(&mut RebuildJob) -> bool + Send + Sync,
    ) -> Result<Option<(RebuildJob, bool)>, Error> {
        let mut turns = Turns::new(action);
        loop {
            let Some(before) = self.job(action, target).await? else { return Ok(None) };
            let mut job = before.job.clone();
            if !rule(&mut job) {
                return Ok(Some((job, false)));
            }
            if self.write_job(action, target, Some(&before), &job, None).await? {
                return Ok(Some((job, true)));
            }
            turns.next().await?;
        }
    }

    /// Writes a job with its place in the queue or among the leases; `false` if somebody else was first. `announced` is when
    /// consumers are told that it waits, if they are told now.
    async fn write_job(
        &self,
        action: &'static str,
        target: &Rebuild,
        before: Option<&Stored>,
        job: &RebuildJob,
        announced: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let (path, token, mut transaction) = (target.key().path(), token(), Transaction::default());
        let document = write_document(&format!("the rebuild of {path}"), job)?;
        let item = Item::new(&Key::rebuild(target)).text(JOB, document).text(MARK, &token);
        let condition = before.map_or(Condition::Absent, |before| Condition::Is(MARK, text(&before.mark)));
        transaction.put_if(item, condition);
        let (old, new) = (before.and_then(|before| listed(target, &before.job)), listed(target, job));
        if old != new {
            if let Some(old) = old {
                transaction.delete(old);
            }
            if let Some(new) = new {
                let mut place = Item::new(&new).text(PATH, path);
                if let Some(at) = announced {
                    place = place.number(ANNOUNCED, at.as_microsecond());
                }
                transaction.put(place);
            }
        }
        // Renewed, or asked for once more: that is on no page.
        if before.is_none_or(|before| before.job.state != job.state) {
            transaction.update(Key::revision(), Edit::default().add(REVISION, 1));
        }
        self.table.commit_marked(action, &token, transaction, &Key::rebuild(target)).await
    }

    pub(super) async fn ask_for_rebuild(&self, target: &Rebuild) -> Result<RebuildStatus, Error> {
        let mut turns = Turns::new("ask for a rebuild");
        loop {
            let now = self.clock.now();
            let before = self.job(turns.action(), target).await?;
            let mut job = before.as_ref().map_or_else(|| RebuildJob::new(now), |before| before.job.clone());
            if before.is_some() && !job.ask(now) {
                return Ok(job.status());
            }
            if !before.as_ref().is_some_and(|before| before.job.state.is_under_way()) {
                self.refuse_a_flood(turns.action()).await?;
            }
            if self.write_job(turns.action(), target, before.as_ref(), &job, Some(now)).await? {
                if job.state == RebuildState::Queued {
                    self.announce(target, &job).await?;
                }
                return Ok(job.status());
            }
            turns.next().await?;
        }
    }

    /// Refuses one more rebuild while as many wait as may.
    async fn refuse_a_flood(&self, action: &'static str) -> Result<(), Error> {
        let most = MAX_WAITING_REBUILDS;
        let waiting =
            self.table.count(action, key::REBUILDS, usize::try_from(most).unwrap_or(usize::MAX)).await?;
        if waiting < most { Ok(()) } else { Err(Error::Busy { waiting, most }) }
    }

    /// Tells consumers. Where no queue is set, they look into the table.
    async fn announce(&self, target: &Rebuild, job: &RebuildJob) -> Result<(), Error> {
        match &self.queue {
            Some(queue) => queue.announce(target, job.requested_at).await,
            None => Ok(()),
        }
    }

    pub(super) async fn rebuild_status(&self, target: &Rebuild) -> Result<Option<RebuildStatus>, Error> {
        Ok(self.job("read a rebuild", target).await?.map(|stored| stored.job.status()))
    }

    pub(super) async fn claim_any_rebuild(
        &self,
        lease: SignedDuration,
    ) -> Result<Option<RebuildClaim>, Error> {
        let now = self.clock.now();
        let lapsed = Stretch::until(key::REBUILD_LEASES, key::hashed_until(now), LAPSED);
        let waiting = || self.table.query(CLAIM, Stretch::whole(key::REBUILDS, 1));
        let (lapsed, mut next) = try_join(self.table.query(CLAIM, lapsed), waiting()).await?;
        let mut turns = Turns::new(CLAIM);
        if self.take_back_rebuilds(&lapsed, now).await? > 0 {
            next = waiting().await?;
        }
        loop {
            let Some(first) = next.first() else { return Ok(None) };
            let target = target_of(first)?;
            if let Some(claim) = self.begin(&target, lease, now).await? {
                return Ok(Some(claim));
            }
            turns.next().await?;
            next = waiting().await?;
        }
    }

    pub(super) async fn begin(
        &self,
        target: &Rebuild,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<RebuildClaim>, Error> {
        let begun = self.change_job("begin a rebuild", target, |job| {
            let lapsed = job.lapse(now);
            job.begin(lease, now) || lapsed
        });
        let begun = begun.await?.filter(|(job, changed)| *changed && job.state == RebuildState::Running);
        Ok(begun.map(|(job, _)| RebuildClaim { target: target.clone(), attempt: job.attempt }))
    }

    pub(super) async fn renew(&self, claim: &RebuildClaim, lease: SignedDuration) -> Result<bool, Error> {
        let now = self.clock.now();
        let renewed = self
            .change_job("renew a rebuild's lease", &claim.target, |job| job.renew(claim.attempt, lease, now));
        Ok(renewed.await?.is_some_and(|(_, held)| held))
    }

    pub(super) async fn release(&self, claim: &RebuildClaim, lost: Option<&str>) -> Result<(), Error> {
        let released =
            self.change_job("give a rebuild back", &claim.target, |job| job.release(claim.attempt, lost));
        released.await.map(drop)
    }

    pub(super) async fn finish(
        &self,
        claim: &RebuildClaim,
        outcome: &Result<(), String>,
    ) -> Result<(), Error> {
        let ended = self.change_job("end a rebuild", &claim.target, |job| job.end(claim.attempt, outcome));
        ended.await.map(drop)
    }

    /// Takes back what lost consumers left behind, or gives it up; how many rebuilds.
    async fn take_back_rebuilds(&self, lapsed: &[Item], now: Timestamp) -> Result<u64, Error> {
        let mut taken = 0;
        for entry in lapsed {
            let change = async {
                self.change_job("take back a rebuild", &target_of(entry)?, |job| job.lapse(now)).await
            };
            match change.await {
                Ok(change) => taken += u64::from(change.is_some_and(|(_, lapsed)| lapsed)),
                Err(error) if is_unreadable(&error) => {
                    tracing::error!(%error, "a rebuild whose lease has lapsed cannot be read and is passed over");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Queues again what lapsed leases left behind; how many rebuilds. Consumers are told of those, and again of what was
    /// not taken up since they were told.
    pub(super) async fn requeue_rebuilds(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        let lapsed = Stretch::until(key::REBUILD_LEASES, key::hashed_until(now), REQUEUED);
        let lapsed = self.table.query(REQUEUE, lapsed).await?;
        let taken = self.take_back_rebuilds(&lapsed, now).await?;
        if self.queue.is_some() {
            let told = now.checked_sub(ANNOUNCED_AGAIN).unwrap_or(Timestamp::MIN).as_microsecond();
            for entry in self.table.query(REQUEUE, Stretch::whole(key::REBUILDS, REQUEUED)).await? {
                if entry.find_number::<i64>(ANNOUNCED)?.is_none_or(|at| at <= told) {
                    self.announce_again(&entry, now).await?;
                }
            }
        }
        Ok(taken)
    }

    /// Tells consumers of what waits at this place of the queue. It is noted after they were told, so that it is tried
    /// again if that fails.
    async fn announce_again(&self, place: &Item, now: Timestamp) -> Result<(), Error> {
        let job = async {
            let target = target_of(place)?;
            Ok(self.job(REQUEUE, &target).await?.map(|stored| (target, stored.job)))
        };
        match job.await {
            Ok(Some((target, job))) if job.state == RebuildState::Queued => {
                self.announce(&target, &job).await?;
                let edit = Edit::default().set(ANNOUNCED, micros(now)).only_if_there();
                self.table.update(REQUEUE, &place.key()?, edit).await.map(drop)
            }
            // It was begun meanwhile.
            Ok(_) => Ok(()),
            Err(error) if is_unreadable(&error) => {
                tracing::error!(%error, "a rebuild that waits cannot be read and is passed over");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Returns once there may be a rebuild to claim, or after `at_most`.
    pub(super) async fn await_rebuild(&self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while pause_until(deadline).await {
            let lapsed = Stretch::until(key::REBUILD_LEASES, key::hashed_until(self.clock.now()), 1);
            let waiting = Stretch::whole(key::REBUILDS, 1);
            if self.looks_ready("look for rebuilds", waiting, lapsed).await {
                return;
            }
        }
    }
}
