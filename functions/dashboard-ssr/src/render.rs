//! Pages that were rendered, kept until something changes.
//!
//! A page's version is the catalog's revision and a slow clock (workers fall silent without writing anything). Within a
//! version each address is rendered once; asking again costs the revision, one indexed read.

use crate::error::PageError;
use aiv1_web::{Freshness, Problem, Services, conditional};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use maud::Markup;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

/// A page is at most this much behind the clock.
const TICK_SECONDS: i64 = 15;

/// Most bytes of pages that are kept.
const MOST_BYTES: usize = 24 << 20;

/// Largest page that is kept.
const LARGEST: usize = 512 << 10;

/// Content type of pages.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// What handlers are given.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// Store, clock, site.
    pub(crate) services: Services,
    rendered: Arc<Mutex<Kept>>,
    /// How many long series may be read at once: each takes a whole record into memory.
    pub(crate) readers: Arc<tokio::sync::Semaphore>,
}

/// What a page is a function of, beside its address: the catalog's revision and the slow clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version(u64, i64);

#[derive(Debug, Default)]
struct Kept {
    version: Version,
    bytes: usize,
    answers: HashMap<String, Bytes>,
}

impl Pages {
    /// Nothing rendered yet.
    pub(crate) fn new(services: Services) -> Self {
        Self { services, rendered: Arc::default(), readers: Arc::new(tokio::sync::Semaphore::new(2)) }
    }

    async fn version(&self) -> Result<Version, Problem> {
        let revision = self.services.catalog.revision().await?;
        Ok(Version(revision, self.services.clock.now().as_second() / TICK_SECONDS))
    }

    /// Something that is rendered once within a version. Addresses begin with a slash, names of parts do not.
    pub(crate) async fn kept<Making>(
        &self,
        version: Version,
        name: &str,
        make: impl FnOnce() -> Making,
    ) -> Result<Bytes, PageError>
    where
        Making: Future<Output = Result<Markup, PageError>>,
    {
        if let Some(body) = self.find(version, name) {
            return Ok(body);
        }
        let body = Bytes::from(make().await?.into_string());
        self.keep(version, name, &body);
        Ok(body)
    }

    fn find(&self, version: Version, name: &str) -> Option<Bytes> {
        let kept = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.version == version).then(|| kept.answers.get(name).cloned()).flatten()
    }

    fn keep(&self, version: Version, name: &str, body: &Bytes) {
        let mut kept = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version != version || kept.bytes > MOST_BYTES {
            *kept = Kept { version, ..Kept::default() };
        }
        if body.len() <= LARGEST {
            kept.bytes += body.len() + name.len();
            kept.answers.insert(name.to_owned(), body.clone());
        }
    }

    /// Answers a page: 304 where the client has it, what is kept where it was rendered before.
    pub(crate) async fn answer<Making>(
        &self,
        request: &HeaderMap,
        uri: &Uri,
        content_type: &'static str,
        make: impl FnOnce(Version) -> Making,
    ) -> Result<Response, PageError>
    where
        Making: Future<Output = Result<Markup, PageError>>,
    {
        let version = self.version().await?;
        let name = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
        let tag = format!("{} {version:?} {name}", self.services.site.version);
        if request.contains_key(header::IF_NONE_MATCH) {
            let unchanged = conditional(request, &tag, Freshness::Seconds(3), || {
                axum::http::StatusCode::OK.into_response()
            });
            if unchanged.status() == axum::http::StatusCode::NOT_MODIFIED {
                return Ok(unchanged);
            }
        }
        let body = self.kept(version, &name, || make(version)).await?;
        let type_of = HeaderValue::from_static(content_type);
        Ok(conditional(request, &tag, Freshness::Seconds(3), || {
            ([(header::CONTENT_TYPE, type_of)], body).into_response()
        }))
    }
}
