//! Claims, leases, heartbeats, phases.

use super::DynamoCatalog;
use super::entries::{Change, Stored, released};
use super::workers::{self, Worker};
use crate::table::item::text;
use crate::table::{Edit, Item, Key, Stretch, Transaction, Turns, key, token};
use aiv1_model::api::{Heartbeat, Holder, WorkerInfo};
use aiv1_model::{ExperimentId, PhaseRecord, Status};
use aiv1_store::{ClaimedWork, Entry, Error, HEARD_FOR, Lost};
use futures_util::future::{ready, try_join, try_join3};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

const ID: &str = "id";
const CLAIM: &str = "claim work";

/// Most lapsed leases that one claim looks at; the next one looks at the next.
const LAPSED: usize = 8;
/// Most that are looked at where no worker waits for it.
const REQUEUED: usize = 1000;
/// So many of them at once: those that only move do not meet, those that are taken back do.
const AT_ONCE: usize = 4;

/// How often a waiting worker looks: the service does not say when something arrives. Two reads at half price.
const LOOK: Duration = Duration::from_secs(1);

/// Of how many waiting experiments one is taken at random after a lost race, so that those who collided part.
const SPREAD: usize = 16;

/// Most experiments that one claim passes over because they cannot be read; of more, the last one's error is told.
const PASSED_OVER: usize = 16;

impl DynamoCatalog {
    pub(super) async fn claim_work(
        &self,
        info: &WorkerInfo,
        asked_at: Timestamp,
    ) -> Result<Option<ClaimedWork>, Error> {
        let mut now = self.clock.now();
        let asked_at = asked_at.min(now);
        // As it is kept.
        let asked_at = Timestamp::from_microsecond(asked_at.as_microsecond()).unwrap_or(asked_at);
        let lapsed = Stretch::until(key::LEASES, key::leases_until(now), LAPSED);
        let (lapsed, mut known, mut waiting) = try_join3(
            self.table.query(CLAIM, lapsed),
            self.worker(CLAIM, &info.name),
            self.table.query(CLAIM, Stretch::whole(key::QUEUE, 1)),
        )
        .await?;
        let mut lost = self.take_back(&lapsed, now).await?;
        let (mut turns, mut stale, mut spread) = (Turns::new(CLAIM), lost > 0, 1);
        let mut unreadable = BTreeSet::new();
        loop {
            if stale {
                now = self.clock.now();
                known = self.worker(CLAIM, &info.name).await?;
                let first = Stretch::whole(key::QUEUE, spread + unreadable.len());
                waiting = self.table.query(CLAIM, first).await?;
                waiting.retain(|place| place.key().is_ok_and(|key| !unreadable.contains(&key)));
            }
            stale = true;
            if known.has_asked_since(asked_at) || now.duration_since(asked_at) > HEARD_FOR {
                return Ok(None);
            }
            if let Some(id) = &known.holds {
                lost += u64::from(self.lose(id, &info.name, now).await?);
            } else if let Some(next) = pick(&waiting) {
                let given = async { self.give(&id_of(next)?, &known, info, asked_at, now).await };
                match given.await {
                    Ok(Some(work)) => return Ok(Some(work)),
                    Ok(None) => spread = SPREAD,
                    Err(error) if is_unreadable(&error) && unreadable.len() < PASSED_OVER => {
                        tracing::error!(%error, "an experiment that waits cannot be read and is passed over");
                        unreadable.insert(next.key()?);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            } else if self.see(&known, info, lost > 0, asked_at, now).await? {
                return Ok(None);
            }
            turns.next().await?;
        }
    }

    /// Gives what waits to a worker; `None` if somebody else was first.
    async fn give(
        &self,
        id: &ExperimentId,
        known: &Worker,
        info: &WorkerInfo,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<ClaimedWork>, Error> {
        let before = self.stored(CLAIM, id).await?;
        if before.entry.experiment.status != Status::Queued {
            return Ok(None);
        }
        let mut after = before.clone();
        let holder = after.entry.claim(&info.name, now);
        after.follow_lease(&before);
        let mut change = Change::of(Some(&before), &after, Edit::default())?;
        workers::ask(&mut change.transaction, known, info, Some(id), (asked_at, now))?;
        let given = self.make(CLAIM, change).await?;
        Ok(given.then_some(ClaimedWork { experiment: after.entry.experiment, holder }))
    }

    /// Notes a worker that finds nothing to do, once for each time it asks, and now and then; `false` if it has been noted
    /// otherwise meanwhile.
    async fn see(
        &self,
        known: &Worker,
        info: &WorkerInfo,
        changed: bool,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if !changed && !known.is_news(info, asked_at, now) {
            return Ok(true);
        }
        let mut transaction = Transaction::default();
        workers::ask(&mut transaction, known, info, None, (asked_at, now))?;
        let noted = self.table.commit(CLAIM, &token(), transaction).await?;
        self.bump(CLAIM).await?;
        Ok(noted)
    }

    /// Takes work from workers whose leases have lapsed; from how many.
    async fn take_back(&self, lapsed: &[Item], now: Timestamp) -> Result<u64, Error> {
        let looks: Vec<_> = lapsed.iter().map(|lease| self.look_at(lease, now)).collect();
        let looks = stream::iter(looks).buffer_unordered(AT_ONCE);
        looks.try_fold(0, |lost, taken| ready(Ok(lost + u64::from(taken)))).await
    }

    /// [`Self::take_lapsed`], passing over what cannot be read, so that the others are looked at all the same.
    async fn look_at(&self, lease: &Item, now: Timestamp) -> Result<bool, Error> {
        let taken = async { self.take_lapsed(&id_of(lease)?, &lease.key()?, now).await };
        match taken.await {
            Err(error) if is_unreadable(&error) => {
                tracing::error!(%error, "an experiment whose lease has lapsed cannot be read and is passed over");
                Ok(false)
            }
            taken => taken,
        }
    }

    /// Looks at what the index says has lapsed: takes it back, or moves the index if heartbeats have come since.
    async fn take_lapsed(&self, id: &ExperimentId, lease: &Key, now: Timestamp) -> Result<bool, Error> {
        let mut turns = Turns::new("take back a lapsed lease");
        loop {
            let before = self.stored(turns.action(), id).await?;
            let work = before.entry.experiment.work.as_ref();
            let Some(work) = work.filter(|_| before.lease.as_ref() == Some(lease)) else { return Ok(false) };
            let (worker, until) = (Key::worker(&work.worker), work.lease_expires_at);
            let (mut after, lapsed) = (before.clone(), until <= now);
            if lapsed {
                after.entry.lose(Lost::Silent, now);
                after.lease = None;
            } else {
                after.lease = Some(Key::lease(before.entry.experiment.number, until));
            }
            let mut change = Change::of(Some(&before), &after, Edit::default())?;
            if lapsed {
                change.transaction.update(worker, released());
            }
            if self.make(turns.action(), change).await? {
                return Ok(lapsed);
            }
            turns.next().await?;
        }
    }

    /// Takes from a worker what it holds while it asks for more.
    async fn lose(&self, id: &ExperimentId, worker: &str, now: Timestamp) -> Result<bool, Error> {
        let mut turns = Turns::new("take work from a worker that was restarted");
        loop {
            let before = match self.stored(turns.action(), id).await {
                Err(error) if is_unreadable(&error) => {
                    tracing::error!(%error, "what a worker holds cannot be read: it is given other work");
                    None
                }
                before => Some(before?),
            };
            let held = |before: &Stored| {
                before.entry.experiment.work.as_ref().is_some_and(|work| work.worker == worker)
            };
            let Some(before) = before.filter(held) else {
                // It was taken from it a moment ago, or its own item says so wrongly.
                let edit = released().only_if("holds", Some(text(id.as_str())));
                self.table.update(turns.action(), &Key::worker(worker), edit).await?;
                return Ok(false);
            };
            let mut after = before.clone();
            after.entry.lose(Lost::AskedAgain, now);
            after.lease = None;
            let mut change = Change::of(Some(&before), &after, Edit::default())?;
            change.transaction.update(Key::worker(worker), released());
            if self.make(turns.action(), change).await? {
                return Ok(true);
            }
            turns.next().await?;
        }
    }

    /// Queues again what lapsed leases left behind; how many experiments.
    pub(super) async fn requeue_work(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        let lapsed = Stretch::until(key::LEASES, key::leases_until(now), REQUEUED);
        let lapsed = self.table.query("look for lapsed leases", lapsed).await?;
        self.take_back(&lapsed, now).await
    }

    pub(super) async fn beat(&self, id: &ExperimentId, beat: &Heartbeat) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        let mut lease = now;
        self.report("note a heartbeat", id, &beat.holder, now, |entry| {
            lease = entry.heartbeat(beat, now)?;
            Ok(true)
        })
        .await?;
        Ok(lease)
    }

    pub(super) async fn end_phase(
        &self,
        id: &ExperimentId,
        holder: &Holder,
        phase: &PhaseRecord,
    ) -> Result<(), Error> {
        self.report("note a phase", id, holder, self.clock.now(), |entry| entry.phase(holder, phase)).await
    }

    /// Notes what a holder says while it is at work. No transaction: nothing here is listed or counted, so reports of
    /// different workers meet nowhere.
    async fn report(
        &self,
        action: &'static str,
        id: &ExperimentId,
        holder: &Holder,
        now: Timestamp,
        mut rule: impl FnMut(&mut Entry) -> Result<bool, Error> + Send,
    ) -> Result<(), Error> {
        let mut turns = Turns::new(action);
        loop {
            let before = self.stored(action, id).await?;
            let mut after = before.entry.clone();
            // A report that was noted before may be repeated because the revision was not counted up after it.
            if !rule(&mut after)? {
                return self.bump(action).await;
            }
            if self.note(action, &before, &after).await? {
                self.hear_of(action, &holder.worker, now).await?;
                return self.bump(action).await;
            }
            turns.next().await?;
        }
    }

    /// Returns once there may be work, or after `at_most`. Who waits has just looked, so it begins with a pause: nobody asks
    /// without end for what is listed but cannot be had.
    pub(super) async fn await_work(&self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while pause_until(deadline).await {
            let lapsed = Stretch::until(key::LEASES, key::leases_until(self.clock.now()), 1);
            if self.looks_ready("look for work", Stretch::whole(key::QUEUE, 1), lapsed).await {
                return;
            }
        }
    }

    /// Whether something waits, or a lease has lapsed. A store that cannot be asked is waited for like an empty one; the
    /// next claim says what is wrong with it.
    pub(super) async fn looks_ready(
        &self,
        action: &'static str,
        waiting: Stretch<'_>,
        lapsed: Stretch<'_>,
    ) -> bool {
        let found = try_join(self.table.has_any(action, waiting), self.table.has_any(action, lapsed)).await;
        found.is_ok_and(|(waits, lapsed)| waits || lapsed)
    }
}

/// Waits a moment; `false` once the deadline is reached.
pub(super) async fn pause_until(deadline: Instant) -> bool {
    let now = Instant::now();
    tokio::time::sleep_until(deadline.min(now + LOOK)).await;
    now < deadline
}

/// Whether an item is at fault, and not the service: others may be read.
pub(super) const fn is_unreadable(error: &Error) -> bool {
    matches!(error, Error::Damaged { .. } | Error::NoExperiment(_))
}

/// The experiment that an index entry names.
fn id_of(item: &Item) -> Result<ExperimentId, Error> {
    ExperimentId::try_from(item.get_text(ID)?.to_owned()).map_err(|error| item.damaged(ID, &error))
}

/// One of those that wait: the first, unless there are several to choose from.
fn pick(waiting: &[Item]) -> Option<&Item> {
    if waiting.is_empty() { None } else { waiting.get(fastrand::usize(..waiting.len())) }
}
