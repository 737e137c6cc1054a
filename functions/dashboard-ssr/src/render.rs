//! What handlers are given, and how a page is answered: [`Answers`] keeps it until something changes.

use crate::error::PageError;
use crate::pages::Front;
use aiv1_web::{Answers, Freshness, Kind, Problem, Services, Version};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use maud::Markup;
use std::future::Future;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OnceCell, Semaphore};

/// A page is at most this much behind the clock: workers fall silent without writing anything.
const TICK_SECONDS: NonZero<u32> = NonZero::new(15).unwrap();

/// How long a page may be kept before it is asked for again.
const FRESH: Freshness = Freshness::Seconds(3);

/// Content type of pages.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// What is read by the first who asks, while the others wait for it.
type ReadOnce = Arc<OnceCell<Arc<Front>>>;

/// What handlers are given.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// Store, clock, site.
    pub(crate) services: Services,
    answers: Answers,
    front: Arc<Mutex<(Version, ReadOnce)>>,
    /// How many long series may be read at once: each takes a whole record into memory.
    pub(crate) readers: Arc<Semaphore>,
}

impl Pages {
    /// Nothing made yet.
    pub(crate) fn new(services: Services) -> Self {
        let answers = Answers::of_pages(&services, TICK_SECONDS);
        Self { services, answers, front: Arc::default(), readers: Arc::new(Semaphore::new(2)) }
    }

    /// What all lists of the dashboard show beside themselves, read once within a version.
    pub(crate) async fn front(&self, version: Version) -> Result<Arc<Front>, Problem> {
        let cell = {
            let mut front = self.front.lock().unwrap_or_else(PoisonError::into_inner);
            if front.0 != version {
                *front = (version, Arc::default());
            }
            Arc::clone(&front.1)
        };
        let read = async || Ok(Arc::new(Front::read(&self.services).await?));
        cell.get_or_try_init(read).await.cloned()
    }

    /// Answers a page: 304 where the client has it, what is kept where it was made before. `name` is its address with what
    /// it reads of the query and nothing else.
    pub(crate) async fn answer<Making>(
        &self,
        request: &HeaderMap,
        name: &str,
        content_type: &'static str,
        make: impl FnOnce(Version) -> Making,
    ) -> Result<Response, PageError>
    where
        Making: Future<Output = Result<Markup, PageError>>,
    {
        let kind = Kind { content_type, freshness: FRESH };
        let make = async |version| Ok(Bytes::from(make(version).await?.into_string()));
        self.answers.answer(request, name, kind, make).await
    }
}
