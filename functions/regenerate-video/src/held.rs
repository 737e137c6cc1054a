//! A claimed job: its lease is kept while it runs, and however it ends the catalog hears of it.

use crate::{Error, Rebuilder};
use aiv1_model::chain;
use aiv1_store::{Catalog, Error as StoreError, RebuildClaim, RebuildState};
use jiff::SignedDuration;
use std::time::{Duration, Instant};
use tokio::time::{Instant as TokioInstant, sleep};
use tokio_util::sync::CancellationToken;

/// How long a job is its consumer's after the last word: so long it waits if the consumer was killed.
pub const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// How long after the last word to send the next.
const RENEWAL: Duration = Duration::from_secs(30);

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worked {
    /// It is made.
    Rebuilt,
    /// It failed for good.
    Failed,
    /// The consumer was stopped: the job waits for another attempt.
    Stopped,
    /// The infrastructure failed: the job waits for another attempt, and at once is too soon.
    Postponed,
    /// Another has it.
    Lost,
}

/// Rebuilds what was claimed until `stop`; then gives it back, as lost if there is a reason why that counts.
pub(crate) async fn work(
    rebuilder: &Rebuilder,
    claim: &RebuildClaim,
    stop: &CancellationToken,
    stopping_counts: Option<&str>,
) -> Result<Worked, StoreError> {
    let (started, key) = (Instant::now(), claim.target.key());
    let (catalog, held) = (&rebuilder.catalog, stop.child_token());
    let outcome = {
        let job = rebuilder.rebuild_until(&claim.target, &held);
        tokio::pin!(job);
        tokio::select! {
            outcome = &mut job => outcome,
            () = keep(|| catalog.renew_rebuild(claim, LEASE)) => {
                held.cancel();
                // What it has stored so far is removed in good order.
                let _ = job.await;
                tracing::warn!(%key, attempt = claim.attempt, "the lease was lost while rebuilding");
                return Ok(Worked::Lost);
            }
        }
    };
    let milliseconds = started.elapsed().as_millis() as u64;
    match &outcome {
        Ok(rebuilt) => tracing::info!(%key, bytes = rebuilt.bytes, milliseconds, "rebuilt"),
        Err(error) => {
            tracing::warn!(%key, fault = %error.fault(), error = chain(error), milliseconds, "not rebuilt");
        }
    }
    match outcome {
        Ok(_) => catalog.end_rebuild(claim, &Ok(())).await.map(|()| Worked::Rebuilt),
        Err(Error::Stopped) => give_back(&**catalog, claim, stopping_counts, Worked::Stopped).await,
        Err(error) if error.may_pass() => {
            give_back(&**catalog, claim, Some(&error.reason()), Worked::Postponed).await
        }
        Err(error) => catalog.end_rebuild(claim, &Err(error.reason())).await.map(|()| Worked::Failed),
    }
}

/// Gives a job back; it is `back`, unless it was lost once too often.
async fn give_back(
    catalog: &dyn Catalog,
    claim: &RebuildClaim,
    lost: Option<&str>,
    back: Worked,
) -> Result<Worked, StoreError> {
    catalog.release_rebuild(claim, lost).await?;
    let known = if lost.is_some() { catalog.rebuild(&claim.target).await? } else { None };
    let failed = known.is_some_and(|known| matches!(known.state, RebuildState::Failed { .. }));
    Ok(if failed { Worked::Failed } else { back })
}

/// Renews a lease again and again; returns once it is lost. The lease counts from when a renewal was *sent*: at the store
/// it can only lapse later.
async fn keep<R: Future<Output = Result<bool, StoreError>>>(renew: impl Fn() -> R) {
    let lease = LEASE.unsigned_abs();
    let mut held_until = TokioInstant::now() + lease;
    loop {
        sleep(RENEWAL).await;
        let sent = TokioInstant::now();
        match renew().await {
            Ok(true) => held_until = sent + lease,
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(error = chain(&error), "a lease was not renewed");
                if TokioInstant::now() >= held_until {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    async fn kept_for(answers: impl Fn(u32) -> Result<bool, StoreError>) -> (Duration, u32) {
        let (started, asked) = (TokioInstant::now(), Cell::new(0));
        keep(|| {
            asked.set(asked.get() + 1);
            std::future::ready(answers(asked.get()))
        })
        .await;
        (started.elapsed(), asked.get())
    }

    fn silent<T>() -> Result<T, StoreError> {
        Err(StoreError::backend("renew a rebuild's lease")("no answer"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_renewed_until_another_has_the_job() {
        assert_eq!(kept_for(|asked| Ok(asked < 100)).await, (RENEWAL * 100, 100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_silent_for_a_while_loses_nothing() {
        let (kept, _) = kept_for(|asked| if asked % 3 == 0 { Ok(asked < 60) } else { silent() }).await;
        assert_eq!(kept, RENEWAL * 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_nobody_answers_for_is_lost_when_it_lapses() {
        let (kept, _) = kept_for(|asked| if asked == 1 { Ok(true) } else { silent() }).await;
        assert_eq!(kept, RENEWAL + LEASE.unsigned_abs());
    }
}
