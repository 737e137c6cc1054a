//! What a queue's messages ask for. A message is a nudge: whether there is anything to do, the catalog knows, so that
//! duplicates, late ones and those out of order do no harm.

use crate::Rebuilder;
use crate::held::{LEASE, Worked, work};
use aiv1_lambda::{Message, Metric, redeliver};
use aiv1_store::{Error, RebuildMessage};
use aws_lambda_events::event::sqs::SqsBatchResponse;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

/// Of the time that is left, so much is kept for giving a job back in good order.
pub const MARGIN: Duration = Duration::from_secs(15);
/// So much of it is kept for the answer, whether or not the store has answered by then.
const ANSWERING: Duration = Duration::from_secs(2);

/// What came of an event.
#[derive(Debug)]
pub struct Handled {
    /// The messages that are to be delivered again.
    pub answer: SqsBatchResponse,
    /// What became of the jobs.
    pub figures: Figures,
    /// A job that was stopped still compiles or decodes. The process is to end: frozen and thawed with it, that would go on
    /// beside the next event's job, and memory is not counted for both.
    pub busy: bool,
}

/// How many jobs ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Made.
    pub rebuilt: u64,
    /// Failed for good.
    pub failed: u64,
    /// Waiting for another attempt.
    pub given_back: u64,
    /// Taken by another, or left to its lease because the store did not answer in time.
    pub lost: u64,
}

impl Figures {
    /// As metrics.
    #[must_use]
    pub fn metrics(&self) -> [Metric; 4] {
        [
            Metric::count("Rebuilt", self.rebuilt),
            Metric::count("RebuildsFailed", self.failed),
            Metric::count("RebuildsGivenBack", self.given_back),
            Metric::count("RebuildsLost", self.lost),
        ]
    }

    const fn count(&mut self, worked: Worked) {
        let figure = match worked {
            Worked::Rebuilt => &mut self.rebuilt,
            Worked::Failed => &mut self.failed,
            Worked::Stopped | Worked::Postponed => &mut self.given_back,
            Worked::Lost => &mut self.lost,
        };
        *figure += 1;
    }
}

/// Rebuilds what the messages ask for within `time`; answers which of them are to be delivered again: those that could
/// not be read (until the queue puts them aside), whose job another holds, whose job was stopped by the end of the time or
/// failed by the infrastructure's fault, and those that the time did not suffice for.
///
/// One message a batch is the right number: of several, those after the first are begun only while half of the time is left.
pub async fn handle(rebuilder: &Rebuilder, messages: Vec<Message>, time: Duration) -> Handled {
    let started = Instant::now();
    let usable = time.saturating_sub(MARGIN);
    let answer_at = started + time.saturating_sub(ANSWERING);
    let stop = CancellationToken::new();
    let mut open: Vec<String> = messages.iter().map(|message| message.id.clone()).collect();
    let mut figures = Figures::default();
    let work_through = async {
        for (index, message) in messages.iter().enumerate() {
            let first = index == 0;
            let in_time = if first { usable > Duration::ZERO } else { started.elapsed() < usable / 2 };
            let counts =
                format!("infrastructure: it was not done within the {} s of a function", usable.as_secs());
            if in_time && done(rebuilder, message, &stop, first.then_some(&counts), &mut figures).await {
                open.retain(|id| *id != message.id);
            }
        }
    };
    let clock = async {
        sleep_until(started + usable).await;
        stop.cancel();
        sleep_until(answer_at).await;
    };
    let in_time = tokio::select! {
        biased;
        () = work_through => true,
        () = clock => false,
    };
    if !in_time {
        tracing::error!(?open, "the store did not answer in time: a job is left to its lease");
        figures.count(Worked::Lost);
    }
    let busy = timeout_at(answer_at, rebuilder.idle()).await.is_err();
    Handled { answer: redeliver(open), figures, busy }
}

/// Whether a message has done its duty.
async fn done(
    rebuilder: &Rebuilder,
    message: &Message,
    stop: &CancellationToken,
    stopping_counts: Option<&String>,
    figures: &mut Figures,
) -> bool {
    let Some(RebuildMessage { rebuild, .. }) = message.document() else { return false };
    let ended = async {
        let Some(claim) = rebuilder.catalog.begin_rebuild(&rebuild, LEASE).await? else {
            let known = rebuilder.catalog.rebuild(&rebuild).await?;
            return Ok::<_, Error>(!known.is_some_and(|status| status.state.is_under_way()));
        };
        let worked = work(rebuilder, &claim, stop, stopping_counts.map(String::as_str)).await?;
        figures.count(worked);
        Ok(matches!(worked, Worked::Rebuilt | Worked::Failed))
    };
    ended.await.unwrap_or_else(|error| {
        let (key, error) = (rebuild.key(), aiv1_model::chain(&error));
        let Message { id, deliveries, .. } = message;
        tracing::error!(%key, id, deliveries, error, "the store failed while rebuilding");
        false
    })
}
