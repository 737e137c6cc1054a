//! What a queue's messages ask for. A message is a nudge: whether there is anything to do, the catalog knows, so that
//! duplicates, late ones and those out of order do no harm.

use crate::Rebuilder;
use crate::held::{LEASE, Worked, work};
use aiv1_lambda::{Message, redeliver};
use aiv1_store::{Error, RebuildMessage, RebuildState};
use aws_lambda_events::event::sqs::SqsBatchResponse;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Of the time that is left, so much is kept for giving a job back in good order.
pub const MARGIN: Duration = Duration::from_secs(15);

/// Rebuilds what the messages ask for within `time`; answers which of them are to be delivered again: those that could
/// not be read (until the queue puts them aside), whose job another holds, whose job was stopped by the end of the time or
/// failed by the infrastructure's fault.
///
/// One message a batch is the right number: of several, those after the first are begun only while half of the time is left.
pub async fn handle(rebuilder: &Rebuilder, messages: Vec<Message>, time: Duration) -> SqsBatchResponse {
    let started = Instant::now();
    let usable = time.saturating_sub(MARGIN);
    let stop = CancellationToken::new();
    let work_through = async {
        let mut again = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            let first = index == 0;
            let in_time = if first { usable > Duration::ZERO } else { started.elapsed() < usable / 2 };
            let counts =
                format!("infrastructure: it was not done within the {} s of a function", usable.as_secs());
            let done = in_time && done(rebuilder, &message, &stop, first.then_some(&counts)).await;
            if !done {
                again.push(message.id);
            }
        }
        redeliver(again)
    };
    tokio::pin!(work_through);
    tokio::select! {
        answer = &mut work_through => return answer,
        () = sleep_until(started + usable) => stop.cancel(),
    }
    work_through.await
}

/// Whether a message has done its duty.
async fn done(
    rebuilder: &Rebuilder,
    message: &Message,
    stop: &CancellationToken,
    stopping_counts: Option<&String>,
) -> bool {
    let Message { id, body, deliveries } = message;
    let rebuild = match serde_json::from_str::<RebuildMessage>(body) {
        Ok(RebuildMessage { rebuild }) => rebuild,
        Err(error) => {
            // Where, not what: a body does not belong in a log.
            let (line, column, kind) = (error.line(), error.column(), error.classify());
            tracing::error!(id, deliveries, line, column, ?kind, "a message that asks for no rebuild");
            return false;
        }
    };
    let worked = async {
        let Some(claim) = rebuilder.catalog.begin_rebuild(&rebuild, LEASE).await? else {
            let known = rebuilder.catalog.rebuild(&rebuild).await?;
            let under_way = known
                .is_some_and(|status| matches!(status.state, RebuildState::Queued | RebuildState::Running));
            return Ok::<_, Error>(if under_way { Worked::Lost } else { Worked::Ended });
        };
        work(rebuilder, &claim, stop, stopping_counts.map(String::as_str)).await
    };
    match worked.await {
        Ok(worked) => worked == Worked::Ended,
        Err(error) => {
            let (key, error) = (rebuild.key(), aiv1_model::chain(&error));
            tracing::error!(%key, id, deliveries, error, "the store failed while rebuilding");
            false
        }
    }
}
