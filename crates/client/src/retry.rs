//! How often and after what pause something is tried again.

use crate::Error;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

/// Tries and the pauses between them, which double and are spread at random, so that many clients do not come back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all, at least 1.
    pub tries: u32,
    /// Pause after the first.
    pub first: Duration,
    /// Longest pause.
    pub most: Duration,
}

impl Retry {
    /// One try.
    pub const NEVER: Self = Self { tries: 1, first: Duration::ZERO, most: Duration::ZERO };

    /// The pause after the try number `tried`, counted from 1: between half of its full length and all of it.
    #[must_use]
    pub fn pause(&self, tried: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << tried.saturating_sub(1).min(20));
        let full = doubled.min(self.most);
        full.mul_f64(0.5 + 0.5 * chance())
    }

    /// Repeats `once` while it fails in a way that may pass.
    pub(crate) async fn run<T, F>(&self, mut once: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut tried = 1;
        loop {
            match once().await {
                Err(error) if error.is_transient() && tried < self.tries => {
                    let asked = error.retry_after().unwrap_or_default().min(self.most);
                    tokio::time::sleep(self.pause(tried).max(asked)).await;
                    tried += 1;
                }
                ended => return ended,
            }
        }
    }
}

impl Default for Retry {
    /// Five tries within about eight seconds.
    fn default() -> Self {
        Self { tries: 5, first: Duration::from_millis(250), most: Duration::from_secs(8) }
    }
}

/// A number from 0 to below 1. The standard library's hasher keys are random, and spreading clients asks for no more.
fn chance() -> f64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u8(0);
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn busy() -> Error {
        Error::Problem { status: 503, detail: "busy".to_owned(), retry_after: None }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry::default();
        for (tried, full) in [(1, 250), (2, 500), (3, 1000), (7, 8000), (400, 8000)] {
            let full = Duration::from_millis(full);
            let pause = retry.pause(tried);
            assert!(pause >= full / 2 && pause <= full, "{tried}: {pause:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
        let tries = Cell::new(0);
        let count = |error: fn() -> Error| {
            tries.set(tries.get() + 1);
            async move { Err::<(), _>(error()) }
        };
        Retry::default().run(|| count(busy)).await.unwrap_err();
        assert_eq!(tries.replace(0), 5);
        let lost = || Error::Lost { detail: String::new() };
        Retry::default().run(|| count(lost)).await.unwrap_err();
        assert_eq!(tries.replace(0), 1);
        Retry::NEVER.run(|| count(busy)).await.unwrap_err();
        assert_eq!(tries.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_s_own_pause_is_kept_within_bounds() {
        let started = tokio::time::Instant::now();
        let later = || async {
            let retry_after = Some(Duration::from_secs(1_000_000));
            Err::<(), _>(Error::Problem { status: 429, detail: String::new(), retry_after })
        };
        Retry { tries: 2, ..Retry::default() }.run(later).await.unwrap_err();
        assert_eq!(started.elapsed().as_secs(), 8);
    }
}
