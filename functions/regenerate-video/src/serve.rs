//! One job after the other, from the catalog's own queue.

use crate::Rebuilder;
use crate::held::{LEASE, Worked, work};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long to wait for a job before looking again, in case another process queued it or a lease lapsed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Pause after the infrastructure failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Rebuilds what is asked for until `shutdown`. A job that is stopped midway goes back to the queue.
pub async fn serve(rebuilder: Rebuilder, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let looked = match rebuilder.catalog.claim_rebuild(LEASE).await {
            Ok(Some(claim)) => work(&rebuilder, &claim, &shutdown, None).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let waited = async {
            match looked {
                Ok(Some(Worked::Rebuilt | Worked::Failed | Worked::Stopped | Worked::Lost)) => {}
                Ok(Some(Worked::Postponed)) => tokio::time::sleep(PAUSE).await,
                Ok(None) => rebuilder.catalog.wait_for_rebuild(LOOK_AGAIN).await,
                Err(error) => {
                    tracing::error!(error = aiv1_model::chain(&error), "the store failed while rebuilding");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        tokio::select! {
            () = waited => {}
            () = shutdown.cancelled() => {}
        }
    }
}
