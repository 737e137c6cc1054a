//! Trying again after somebody else was first: with full jitter, so that those who collided do not collide again, and
//! bounded, so that nobody tries for ever.

use aiv1_store::Error;
use std::time::Duration;

/// Most tries of one change. With the pauses between them, ten seconds or so.
const MAX_TURNS: u32 = 60;

/// The longest pause after the first try; it doubles with every try.
const FIRST_PAUSE: Duration = Duration::from_millis(16);

/// The longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Tries of one change.
#[derive(Debug)]
pub(crate) struct Turns {
    action: &'static str,
    lost: u32,
}

impl Turns {
    pub(crate) const fn new(action: &'static str) -> Self {
        Self { action, lost: 0 }
    }

    /// What is tried.
    pub(crate) const fn action(&self) -> &'static str {
        self.action
    }

    /// Waits for the next try, or says that there were enough.
    pub(crate) async fn next(&mut self) -> Result<(), Error> {
        self.lost += 1;
        if self.lost >= MAX_TURNS {
            return Err(Error::Contended { action: self.action, times: MAX_TURNS });
        }
        let most = FIRST_PAUSE.saturating_mul(1 << (self.lost - 1).min(10)).min(LONGEST_PAUSE);
        tokio::time::sleep(most.mul_f64(fastrand::f64())).await;
        Ok(())
    }
}
