//! Repeating a report until it gets through or is refused.

use aiv1_client::{Error, Retry};
use aiv1_lab::chain;
use aiv1_model::ExperimentId;
use std::time::Duration;

/// Pauses between tries; whoever keeps the lease says for how long.
const PAUSES: Retry = Retry { tries: u32::MAX, first: Duration::from_secs(1), most: Duration::from_secs(10) };
/// A server that is out of reach or busy is waited for as long as the lease holds. One that answers so often that it
/// failed, about three minutes' worth, will not take this report: the worker must not be stuck with it for ever.
const MAX_FAILURES: u32 = 20;

/// Repeats `once` while that may help; the error that ended it. A token that is `renewed` from elsewhere may be refused
/// for a while, until every instance of the server has heard of it.
pub(crate) async fn persist<F>(
    experiment: &ExperimentId,
    renewed: bool,
    mut once: impl FnMut() -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let (mut tried, mut failures) = (0, 0);
    loop {
        let Err(error) = once().await else { return Ok(()) };
        let failed = matches!(error, Error::Problem { status: 500, .. });
        failures += u32::from(failed);
        let unheard_of = renewed && matches!(error, Error::Problem { status: 401, .. });
        let may_pass = error.is_transient() || unheard_of || (failed && failures < MAX_FAILURES);
        if !may_pass {
            return Err(error);
        }
        tracing::warn!(%experiment, error = chain(&error), "a report did not get through");
        tried += 1;
        tokio::time::sleep(PAUSES.pause(tried)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    fn answered(status: u16) -> Error {
        Error::Problem { status, detail: String::new(), retry_after: None }
    }

    fn experiment() -> ExperimentId {
        ExperimentId::try_from("exp_0123456789abcdef".to_owned()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_away_is_waited_for() {
        let (tries, started) = (Cell::new(0), Instant::now());
        let once = || {
            tries.set(tries.get() + 1);
            let away = tries.get() < 500;
            async move { if away { Err(answered(503)) } else { Ok(()) } }
        };
        persist(&experiment(), false, once).await.unwrap();
        assert!(started.elapsed() > Duration::from_mins(30), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_that_the_server_fails_at_again_and_again_is_given_up() {
        let (tries, started) = (Cell::new(0), Instant::now());
        let once = || {
            tries.set(tries.get() + 1);
            async { Err(answered(500)) }
        };
        let error = persist(&experiment(), false, once).await.unwrap_err();
        assert!(matches!(error, Error::Problem { status: 500, .. }), "{error}");
        assert_eq!(tries.get(), MAX_FAILURES);
        assert!(started.elapsed() < Duration::from_mins(4), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_repeated() {
        for (status, renewed) in [(422, true), (401, false), (403, true)] {
            let tries = Cell::new(0);
            let once = || {
                tries.set(tries.get() + 1);
                async move { Err(answered(status)) }
            };
            persist(&experiment(), renewed, once).await.unwrap_err();
            assert_eq!(tries.get(), 1, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_being_replaced_may_be_refused_for_a_while() {
        let tries = Cell::new(0);
        let once = || {
            tries.set(tries.get() + 1);
            let refused = tries.get() < 50;
            async move { if refused { Err(answered(401)) } else { Ok(()) } }
        };
        persist(&experiment(), true, once).await.unwrap();
    }
}
