//! A store in a folder of its own, with its links followed in the process.

use aiv1_store::contract::{Backend, Http, HttpAnswer, HttpRequest, fixtures};
use aiv1_store_embedded::EmbeddedStore;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use std::sync::Arc;
use tower::ServiceExt as _;

/// What links of these stores begin with.
pub(crate) const BASE_URL: &str = "http://127.0.0.1:8437";

/// Follows links without a wire.
#[derive(Debug)]
struct InProcess(Router);

#[async_trait]
impl Http for InProcess {
    async fn send(&self, request: HttpRequest) -> HttpAnswer {
        let path = request.url.strip_prefix(BASE_URL).expect("a link of this store");
        let mut builder = Request::builder().method(request.method).uri(path);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let response = self.0.clone().oneshot(builder.body(Body::from(request.body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        HttpAnswer {
            status: parts.status.as_u16(),
            headers: parts.headers.iter().map(text).collect(),
            body: body.collect().await.unwrap().to_bytes(),
        }
    }
}

/// An empty store.
#[allow(clippy::unused_async, reason = "the suite awaits it: opening another backend may take a while")]
pub(crate) async fn open() -> Backend {
    let folder = tempfile::tempdir().unwrap();
    let clock = fixtures::clock();
    let store = EmbeddedStore::open(&folder.path().join("lab"), Arc::clone(&clock) as _).unwrap();
    Backend {
        catalog: store.catalog(),
        blobs: store.blobs(BASE_URL),
        clock,
        http: Arc::new(InProcess(store.router())),
        scratch: folder.path().to_owned(),
        gaps: &[],
        keep: Box::new((folder, store)),
    }
}
