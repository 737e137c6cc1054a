//! The catalog's revision, read once for all who ask at the same time.

use crate::Problem;
use aiv1_store::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// One read after another. Who asks while one is under way shares the next with all others who do: that one began after
/// they asked, so it cannot miss a change that any of them has seen.
#[derive(Debug, Default)]
pub(super) struct Revision {
    begun: AtomicU64,
    latest: Mutex<Option<Read>>,
}

#[derive(Debug)]
struct Read {
    number: u64,
    said: Result<u64, Arc<Error>>,
}

/// A failure that all who waited for the same read are told of.
#[derive(Debug, thiserror::Error)]
#[error("the revision cannot be read")]
struct Shared(#[source] Arc<Error>);

impl Revision {
    pub(super) async fn read(&self, read: impl AsyncFnOnce() -> Result<u64, Error>) -> Result<u64, Problem> {
        let asked = self.begun.load(Ordering::SeqCst);
        let mut latest = self.latest.lock().await;
        let said = match &*latest {
            Some(latest) if latest.number > asked => latest.said.clone(),
            _ => {
                let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
                let said = read().await.map_err(Arc::new);
                latest.insert(Read { number, said }).said.clone()
            }
        };
        said.map_err(|error| Problem::internal(Shared(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn all_who_ask_during_a_read_share_the_next_one() {
        let (revision, reads, gate) = (Arc::new(Revision::default()), AtomicU64::new(0), Semaphore::new(0));
        let (reads, gate) = (Arc::new(reads), Arc::new(gate));
        let asks: Vec<_> = (0..32)
            .map(|_| {
                let (revision, reads, gate) = (Arc::clone(&revision), Arc::clone(&reads), Arc::clone(&gate));
                tokio::spawn(async move {
                    let read = async || {
                        let number = reads.fetch_add(1, Ordering::SeqCst) + 1;
                        gate.acquire().await.unwrap().forget();
                        Ok(number)
                    };
                    revision.read(read).await.unwrap()
                })
            })
            .collect();
        // All have asked, and the first of them reads.
        while reads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(2);
        let mut said = Vec::new();
        for ask in asks {
            said.push(ask.await.unwrap());
        }
        said.sort_unstable();
        assert_eq!((said[0], said[1], said[31]), (1, 2, 2), "{said:?}");
        assert_eq!(reads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_who_waited_for_it_and_to_nobody_later() {
        let revision = Revision::default();
        let fails = async || Err(Error::Cursor("x".to_owned()));
        assert!(revision.read(fails).await.is_err());
        assert_eq!(revision.read(async || Ok(7)).await.unwrap(), 7);
    }
}
