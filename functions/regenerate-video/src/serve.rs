//! One job after the other, from the catalog's queue.

use crate::{Error, Rebuilder};
use aiv1_store::RebuildClaim;
use jiff::SignedDuration;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a job is this consumer's: the longest preview that is worth waiting for takes less. One that takes longer is
/// begun again by whoever asks next, and the first to end wins.
pub const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// How long to wait for a job before looking again, in case another process queued it or a lease lapsed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Pause after the store failed.
const STORE_FAILED: Duration = Duration::from_secs(5);

/// Rebuilds what is asked for until `shutdown`. A job that is stopped midway goes back to the queue.
pub async fn serve(rebuilder: Rebuilder, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let looked = match rebuilder.catalog.claim_rebuild(LEASE).await {
            Ok(Some(claim)) => match job(&rebuilder, &claim, &shutdown).await {
                Ok(()) => continue,
                Err(error) => Err(error),
            },
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        let waited = async {
            match looked {
                Err(error) => {
                    tracing::error!(error = error.to_string(), "the store failed while rebuilding");
                    tokio::time::sleep(STORE_FAILED).await;
                }
                Ok(()) => rebuilder.catalog.wait_for_rebuild(LOOK_AGAIN).await,
            }
        };
        tokio::select! {
            () = waited => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn job(
    rebuilder: &Rebuilder,
    claim: &RebuildClaim,
    shutdown: &CancellationToken,
) -> Result<(), aiv1_store::Error> {
    let (started, key) = (Instant::now(), claim.target.key());
    let outcome = rebuilder.rebuild_until(&claim.target, shutdown).await;
    let milliseconds = started.elapsed().as_millis() as u64;
    match &outcome {
        Ok(rebuilt) => tracing::info!(%key, bytes = rebuilt.bytes, milliseconds, "rebuilt"),
        Err(error) => tracing::warn!(%key, reason = error.reason(), milliseconds, "not rebuilt"),
    }
    let stopped = matches!(outcome, Err(Error::Stopped));
    let outcome = outcome.map(drop).map_err(|error| error.reason());
    rebuilder.catalog.end_rebuild(claim, &outcome).await?;
    if stopped {
        // Whoever asked still waits: it is queued again instead of waiting for the lease to lapse.
        rebuilder.catalog.request_rebuild(&claim.target).await?;
    }
    Ok(())
}
