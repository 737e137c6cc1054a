//! What the front page shows beside its list, read at once.

use crate::{Catalog, Codec, Error, LegacyPage, LoopState, Milestone, Order, Page, Query};
use aiv1_model::api::WorkerStatus;
use aiv1_model::{Counts, Record, Status, Summary};
use futures_util::future::{try_join, try_join3, try_join4};

/// Where the lab stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Counts by status.
    pub counts: Counts,
    /// The greatest savings at equal quality, best first: at most [`Overview::BEST`].
    pub best: Vec<Summary>,
    /// The record of the first of them, without per-frame series.
    pub record: Option<Record>,
    /// Experiments that improved on all before them.
    pub milestones: Vec<Milestone>,
    /// Where the loop stands.
    pub state: LoopState,
    /// Workers of the last day.
    pub workers: Vec<WorkerStatus>,
    /// What has waited longest: at most [`Overview::WAITING`].
    pub waiting: Page,
    /// Codecs, most recently first seen first.
    pub codecs: Vec<Codec>,
    /// The latest records of the earlier system, at most [`Overview::LEGACY`], and how many there are.
    pub legacy: LegacyPage,
}

impl Overview {
    /// Most of the best.
    pub const BEST: u32 = 3;
    /// Most of what waits.
    pub const WAITING: u32 = 5;
    /// Most of the earlier system's.
    pub const LEGACY: u32 = 3;

    /// What the best are asked for with.
    #[must_use]
    pub fn best_query() -> Query {
        Query { status: Some(Status::Successful), order: Order::Best, limit: Self::BEST, ..Query::default() }
    }

    /// What waits is asked for with.
    #[must_use]
    pub fn waiting_query() -> Query {
        let (status, order) = (Some(Status::Queued), Order::Oldest);
        Query { status, order, limit: Self::WAITING, ..Query::default() }
    }

    /// Part by part, side by side: for a backend that has no snapshot to read all of it from.
    pub(crate) async fn read<C: Catalog + ?Sized>(catalog: &C) -> Result<Self, Error> {
        let best = async {
            let best = catalog.list(&Self::best_query()).await?.experiments;
            let record = match best.first() {
                Some(first) => catalog.record(&first.id).await?,
                None => None,
            };
            Ok((best, record))
        };
        let waiting = Self::waiting_query();
        let moving =
            try_join4(catalog.counts(), catalog.loop_state(), catalog.workers(), catalog.list(&waiting));
        let known =
            try_join3(catalog.milestones(), catalog.codecs(), catalog.list_legacy(None, Self::LEGACY));
        let (best, (moving, known)) = try_join(best, try_join(moving, known)).await?;
        let ((best, record), (counts, state, workers, waiting), (milestones, codecs, legacy)) =
            (best, moving, known);
        Ok(Self { counts, best, record, milestones, state, workers, waiting, codecs, legacy })
    }
}
