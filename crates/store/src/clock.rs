//! Time, handed in: leases, links and lifecycles are tested by moving a clock, never by waiting.

use jiff::{SignedDuration, Timestamp};
use std::fmt::Debug;
use std::sync::Mutex;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// When the day (UTC) began that `time` is on.
#[must_use]
pub fn midnight(time: Timestamp) -> Timestamp {
    let since = time.as_second().rem_euclid(24 * 60 * 60);
    Timestamp::from_second(time.as_second() - since).unwrap_or(Timestamp::MIN)
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands until it is moved; for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub const fn at(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves it; a move past the end of time leaves it where it is.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now = now.checked_add(by).unwrap_or(*now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
