//! Answers that are made once for each version, and kept: pages, lists.
//!
//! A version is the catalog's revision and, for what shows who has fallen silent, a slow clock. Asking again costs the
//! revision, and that is read once for all who ask at the same time; a client that has the version is told so before
//! anything else is read. Each answer is made by one of those who ask for it, and, unless it is short, compressed once.
//! Where the machine is busy making answers already, one that was current within the last second may be given instead,
//! with its own `ETag`: it is older than `max-age` allows it to be anyway, and a change then slows nobody down.

mod coding;
mod kept;
mod revision;

use crate::conditional::{Condition, Freshness};
use crate::{Problem, Services};
use aiv1_store::{Catalog, Clock};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use coding::Coding;
use kept::{Found, Kept, Made};
use serde::Serialize;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Whether a client would rather have an answer compressed.
#[must_use]
pub fn prefers_gzip(request: &HeaderMap) -> bool {
    Coding::preferred(request) == Coding::Gzip
}

/// What an answer is a function of, beside its address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    revision: u64,
    tick: i64,
}

/// What an answer is, and how it may be kept by others.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its `Cache-Control`.
    pub freshness: Freshness,
}

/// Answers of one router; clones are the same.
#[derive(Clone, Debug)]
pub struct Answers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    /// Of what is running: another version's answers are others.
    software: String,
    revision: revision::Revision,
    kept: Mutex<Kept>,
    /// How many may be made at once before the machine counts as busy.
    makers: Semaphore,
    tick_seconds: Option<i64>,
    late: bool,
}

impl Answers {
    /// Answers that say what the store says at the moment they are asked for.
    #[must_use]
    pub fn new(services: &Services) -> Self {
        Self(Arc::new(Shared::new(services, None, false)))
    }

    /// Answers that are at most `tick_seconds` behind the clock, and may be up to a second behind the store where the
    /// machine is busy.
    #[must_use]
    pub fn of_pages(services: &Services, tick_seconds: NonZero<u32>) -> Self {
        Self(Arc::new(Shared::new(services, Some(tick_seconds.get().into()), true)))
    }

    /// The version as of now.
    pub async fn version(&self) -> Result<Version, Problem> {
        let Shared { catalog, clock, revision, tick_seconds, .. } = &*self.0;
        let revision = revision.read(async || catalog.revision().await).await?;
        Ok(Version { revision, tick: tick_seconds.map_or(0, |seconds| clock.now().as_second() / seconds) })
    }

    /// Answers what was asked: 304 where the client has it, what is kept where it was made before. `name` is the address
    /// as the route understood it, one for each answer: what clients may write in many ways, or add, would fill what is kept.
    pub async fn answer<Making, Error>(
        &self,
        request: &HeaderMap,
        name: &str,
        kind: Kind,
        make: impl FnOnce(Version) -> Making,
    ) -> Result<Response, Error>
    where
        Making: Future<Output = Result<Bytes, Error>>,
        Error: From<Problem>,
    {
        let version = self.version().await?;
        if let Some(unchanged) = self.0.unchanged(request, version, name, kind) {
            return Ok(unchanged);
        }
        let made = self.0.coded(Coding::preferred(request), version, name, make).await?;
        if made.version != version
            && let Some(unchanged) = self.0.unchanged(request, made.version, name, kind)
        {
            return Ok(unchanged);
        }
        Ok(self.0.respond(made, name, kind))
    }

    /// The same for JSON.
    pub async fn json<T: Serialize>(
        &self,
        request: &HeaderMap,
        name: &str,
        freshness: Freshness,
        make: impl Future<Output = Result<T, Problem>>,
    ) -> Result<Response, Problem> {
        let kind = Kind { content_type: "application/json", freshness };
        let make = async |_| serde_json::to_vec(&make.await?).map(Bytes::from).map_err(Problem::internal);
        self.answer(request, name, kind, make).await
    }
}

impl Shared {
    fn new(services: &Services, tick_seconds: Option<i64>, late: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            catalog: Arc::clone(&services.catalog),
            clock: Arc::clone(&services.clock),
            software: services.site.version.clone(),
            revision: revision::Revision::default(),
            kept: Mutex::default(),
            makers: Semaphore::new(cores),
            tick_seconds,
            late,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn tag(&self, version: Version, name: &str) -> String {
        format!("{} {} {} {name}", self.software, version.revision, version.tick)
    }

    fn unchanged(&self, request: &HeaderMap, version: Version, name: &str, kind: Kind) -> Option<Response> {
        if !request.contains_key(header::IF_NONE_MATCH) {
            return None;
        }
        let condition = Condition::of(request, &self.tag(version, name))?;
        condition.known().then(|| with_vary(condition.not_modified(kind.freshness)))
    }

    fn respond(&self, made: Made, name: &str, kind: Kind) -> Response {
        let content_type = HeaderValue::from_static(kind.content_type);
        let mut response = ([(header::CONTENT_TYPE, content_type)], Body::from(made.body)).into_response();
        if let Some(coding) = made.coding.name() {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        let marked = match Condition::of(&HeaderMap::new(), &self.tag(made.version, name)) {
            Some(condition) => condition.mark(response, kind.freshness),
            None => response,
        };
        with_vary(marked)
    }

    /// The answer in the coding that is wanted, or plain where compressing it gains nothing.
    async fn coded<Making, Error>(
        &self,
        coding: Coding,
        version: Version,
        name: &str,
        make: impl FnOnce(Version) -> Making,
    ) -> Result<Made, Error>
    where
        Making: Future<Output = Result<Bytes, Error>>,
    {
        let plain = |late| {
            self.made(Coding::Identity, version, name, late, async move || {
                let body = make(version).await?;
                Ok(Made { version, coding: Coding::Identity, body })
            })
        };
        match coding {
            Coding::Identity => plain(self.late).await,
            Coding::Gzip => {
                self.made(Coding::Gzip, version, name, self.late, async move || {
                    // Of this very version: what is compressed from it is kept as such.
                    let made = plain(false).await?;
                    Ok(match coding::gzip(&made.body) {
                        Some(body) => Made { coding: Coding::Gzip, body, ..made },
                        None => made,
                    })
                })
                .await
            }
        }
    }

    /// What is kept, or what `make` gives: made once, however many ask.
    async fn made<Error>(
        &self,
        coding: Coding,
        version: Version,
        name: &str,
        late: bool,
        make: impl AsyncFnOnce() -> Result<Made, Error>,
    ) -> Result<Made, Error> {
        let lead = match self.look(coding, version, name, late) {
            Look::Answer(made) => return Ok(made),
            Look::Lead(lead) => Some(lead),
            Look::Wait(mut waiting) => {
                if let Ok(told) = waiting.wait_for(Option::is_some).await
                    && let Some(made) = told.clone()
                {
                    return Ok(made);
                }
                // Whoever made it failed or went away: nobody waits for another who may, too.
                None
            }
        };
        let made = make().await?;
        self.kept().keep(name, coding, &made, self.now());
        if let Some(lead) = lead {
            lead.told.send_replace(Some(made.clone()));
        }
        Ok(made)
    }

    fn look<'a>(&'a self, coding: Coding, version: Version, name: &'a str, late: bool) -> Look<'a> {
        let mut kept = self.kept();
        let (recent, underway) = match kept.find(name, coding, version, self.now()) {
            Found::Current(made) => return Look::Answer(made),
            Found::Behind { recent, underway } => (recent.filter(|_| late), underway),
        };
        let permit = self.makers.try_acquire().ok();
        match (recent, underway) {
            (Some(recent), underway) if underway.is_some() || permit.is_none() => Look::Answer(recent),
            (_, Some(waiting)) => Look::Wait(waiting),
            (_, None) => {
                let told = watch::Sender::new(None);
                kept.begin(name, coding, version, told.subscribe());
                Look::Lead(Lead { answers: self, coding, version, name, told, _permit: permit })
            }
        }
    }
}

/// What is to be done for an answer.
enum Look<'a> {
    Answer(Made),
    Wait(kept::Waiting),
    Lead(Lead<'a>),
}

/// Makes an answer for all who wait; also when it is dropped halfway, they wait no longer.
struct Lead<'a> {
    answers: &'a Shared,
    coding: Coding,
    version: Version,
    name: &'a str,
    told: watch::Sender<Option<Made>>,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.answers.kept().end(self.name, self.coding, self.version);
    }
}

/// The plain and the compressed answer are to be kept apart.
fn with_vary(mut response: Response) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}
