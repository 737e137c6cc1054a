//! Once a minute: what waits, and who works.

use aiv1_lambda::{Metric, Unit};
use aiv1_store::{Catalog, Clock, Error};
use jiff::SignedDuration;

/// A worker that was not heard of for so long is none: one at work sends heartbeats, an idle one asks, both more often.
const SILENT: SignedDuration = SignedDuration::from_mins(2);

/// What there is to do, and who does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    /// Experiments that wait.
    pub queued: u64,
    /// Experiments that are worked at.
    pub in_progress: u64,
    /// Workers heard of lately; 100 at most are counted.
    pub workers: u64,
    /// Experiments and rebuilds whose lease had lapsed, now taken back.
    pub taken_back: u64,
}

impl Backlog {
    /// Experiments for each worker; for the first one, where there is none yet.
    #[must_use]
    pub fn per_worker(&self) -> f64 {
        (self.queued + self.in_progress) as f64 / self.workers.max(1) as f64
    }

    /// Experiments that wait while nobody is there to take them: what the first machine is started by.
    #[must_use]
    pub const fn unserved(&self) -> u64 {
        if self.workers == 0 { self.queued } else { 0 }
    }

    /// As metrics.
    #[must_use]
    pub fn metrics(&self) -> [Metric; 5] {
        [
            Metric::count("Queued", self.queued),
            Metric::count("InProgress", self.in_progress),
            Metric::count("Workers", self.workers),
            Metric::count("Unserved", self.unserved()),
            Metric { name: "BacklogPerWorker", value: self.per_worker(), unit: Unit::None },
        ]
    }
}

/// Takes lapsed leases back, then counts.
pub async fn tick(catalog: &dyn Catalog, clock: &dyn Clock) -> Result<Backlog, Error> {
    let taken_back = catalog.requeue_lapsed().await?;
    let counts = catalog.counts().await?;
    let heard = clock.now().checked_sub(SILENT).unwrap_or(jiff::Timestamp::MIN);
    let workers = catalog.workers().await?.iter().filter(|worker| worker.last_seen >= heard).count();
    Ok(Backlog {
        queued: counts.queued,
        in_progress: counts.in_progress,
        workers: workers as u64,
        taken_back,
    })
}
