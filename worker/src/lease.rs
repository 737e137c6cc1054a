//! Keeping a lease: heartbeats a quarter of it apart, until it is given up or lost.

use aiv1_client::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// At least so long between two heartbeats, however much there is to tell.
const LEAST: Duration = Duration::from_secs(1);

/// Sends heartbeats until the lease is lost; then returns why. Cancelled by being dropped.
///
/// The lease counts from when a heartbeat was *sent*: at the server it can only lapse later. So once nobody has answered
/// for a whole lease, somebody else may have the work.
pub(crate) async fn keep<B, M>(
    lease: Duration,
    mut beat: impl FnMut(Duration) -> B,
    mut news: impl FnMut() -> M,
) -> String
where
    B: Future<Output = Result<(), Error>>,
    M: Future<Output = ()>,
{
    let interval = lease / 4;
    let mut held_until = Instant::now() + lease;
    loop {
        let next = Instant::now() + interval;
        sleep(LEAST.min(interval)).await;
        tokio::select! {
            () = sleep_until(next) => {}
            () = news() => {}
        }
        loop {
            let sent = Instant::now();
            match beat(interval).await {
                Ok(()) => {
                    held_until = sent + lease;
                    break;
                }
                Err(Error::Lost { detail }) => return detail,
                Err(error) if Instant::now() >= held_until => {
                    return format!("no heartbeat got through for {} s: {error}", lease.as_secs());
                }
                Err(error) => {
                    tracing::warn!(error = aiv1_lab::chain(&error), "a heartbeat did not get through");
                    let again = Instant::now() + interval / 2;
                    sleep_until(again.min(held_until)).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::future::pending;

    const LEASE: Duration = Duration::from_mins(1);

    fn unreachable() -> Error {
        Error::Problem { status: 503, detail: "down".to_owned(), retry_after: None }
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_go_out_a_quarter_of_the_lease_apart_and_a_refusal_ends_them() {
        let (started, sent) = (Instant::now(), RefCell::new(Vec::new()));
        let beat = |_| {
            sent.borrow_mut().push(started.elapsed().as_secs());
            let lost = sent.borrow().len() == 4;
            async move { if lost { Err(Error::Lost { detail: "taken over".to_owned() }) } else { Ok(()) } }
        };
        assert_eq!(keep(LEASE, beat, pending::<()>).await, "taken over");
        assert_eq!(*sent.borrow(), [15, 30, 45, 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn with_the_network_down_the_lease_is_held_to_its_end_and_no_longer() {
        let (started, tries) = (Instant::now(), RefCell::new(0));
        let beat = |_| {
            *tries.borrow_mut() += 1;
            // The first gets through, at 15 s: the lease holds until 75 s.
            let first = *tries.borrow() == 1;
            async move { if first { Ok(()) } else { Err(unreachable()) } }
        };
        let said = keep(LEASE, beat, pending::<()>).await;
        assert!(said.starts_with("no heartbeat got through for 60 s"), "{said}");
        assert_eq!(started.elapsed().as_secs(), 75);
        assert!(*tries.borrow() > 4, "{} tries", tries.borrow());
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_that_gets_through_again_keeps_the_lease() {
        let (started, tries) = (Instant::now(), RefCell::new(0));
        let beat = |_| {
            *tries.borrow_mut() += 1;
            let tries = *tries.borrow();
            async move {
                match tries {
                    1..=5 => Err(unreachable()),
                    6 => Ok(()),
                    _ => Err(Error::Lost { detail: "ended".to_owned() }),
                }
            }
        };
        assert_eq!(keep(LEASE, beat, pending::<()>).await, "ended");
        assert!(started.elapsed() > LEASE, "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn news_goes_out_early_but_not_in_a_flood() {
        let (started, sent) = (Instant::now(), RefCell::new(0));
        let beat = |_| {
            *sent.borrow_mut() += 1;
            let lost = *sent.borrow() == 10;
            async move { if lost { Err(Error::Lost { detail: String::new() }) } else { Ok(()) } }
        };
        keep(LEASE, beat, || async {}).await;
        assert_eq!(started.elapsed().as_secs(), 10);
    }
}
