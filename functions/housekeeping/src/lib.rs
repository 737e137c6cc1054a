//! What nobody asks for: once a minute lapsed leases taken back and the backlog told; and what the dead-letter queue holds
//! turned into failures that pages show.
//!
//! Workers and consumers take lapsed leases back themselves when they claim; here it is done for when none is left, and the
//! backlog is what starts some: the fleet's Auto Scaling follows the metrics `Unserved` and `BacklogPerWorker`.

mod backlog;
mod dead_letters;

pub use backlog::{Backlog, tick};
pub use dead_letters::bury;

use aiv1_lambda::{Event, Foreign};
use aiv1_store::{Catalog, Clock};
use aws_lambda_events::event::sqs::SqsBatchResponse;
use serde_json::Value;

/// What came of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// Of the schedule: what is to be told as metrics.
    Counted(Backlog),
    /// Of dead letters: what is to be answered.
    Buried(SqsBatchResponse),
}

/// Why an event came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is none of this function's.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// The store.
    #[error(transparent)]
    Store(#[from] aiv1_store::Error),
}

/// One event: the schedule's or the dead-letter queue's.
pub async fn handle(catalog: &dyn Catalog, clock: &dyn Clock, event: Value) -> Result<Done, Error> {
    match Event::read(event)? {
        Event::Schedule => Ok(Done::Counted(tick(catalog, clock).await?)),
        Event::Messages(messages) => Ok(Done::Buried(bury(catalog, messages).await)),
    }
}
