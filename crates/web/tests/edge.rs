//! The edge around real routers: request ids, panics, policy, compression, health.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_model::{Limits, Settings};
use aiv1_store::{Clock, ManualClock};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::{Defaults, Problem, Services, Site, Tokens, edge, health};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::routing::get;
use http_body_util::BodyExt as _;
use std::sync::Arc;
use tower::ServiceExt as _;

fn services(folder: &std::path::Path, media_origin: Option<&str>) -> Services {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    let store = EmbeddedStore::open(folder, Arc::clone(&clock)).unwrap();
    let settings = Settings {
        gop_frames: 1,
        quality_indices: vec![1, 2, 3, 4],
        anchors: Vec::new(),
        limits: Limits::default(),
    };
    Services {
        catalog: store.catalog(),
        blobs: store.blobs("http://lab.test"),
        clock,
        tokens: Arc::new(Tokens::default()),
        site: Arc::new(Site {
            public_url: "http://lab.test".to_owned(),
            media_origin: media_origin.map(str::to_owned),
            version: "1.2.3".to_owned(),
            defaults: Some(Defaults { settings }),
        }),
    }
}

async fn panics() -> &'static str {
    panic!("the secret is {}", 42)
}

async fn fails() -> Problem {
    Problem::internal("password=hunter2")
}

fn router() -> Router {
    let bytes = |kind: &'static str| ([(header::CONTENT_TYPE, kind)], "x".repeat(10_000));
    Router::new()
        .route("/panics", get(panics))
        .route("/fails", get(fails))
        .route("/page", get(async || "a page"))
        .route("/text", get(move || async move { bytes("text/html") }))
        .route("/video", get(move || async move { bytes("video/mp4") }))
        .route("/stream", get(move || async move { bytes("application/octet-stream") }))
}

async fn call(app: &Router, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    call_accepting(app, path, "identity").await
}

async fn call_accepting(app: &Router, path: &str, encoding: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = Request::get(path).header(header::ACCEPT_ENCODING, encoding).body(Body::empty()).unwrap();
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn a_500_says_its_request_s_id_and_nothing_of_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let app = edge(router(), &services(folder.path(), None));
    for path in ["/panics", "/fails"] {
        let (status, headers, body) = call(&app, path).await;
        let text = String::from_utf8(body).unwrap();
        assert_eq!(
            (status, &headers[header::CONTENT_TYPE]),
            (StatusCode::INTERNAL_SERVER_ERROR, &"application/problem+json".parse().unwrap())
        );
        assert!(text.contains(headers["x-request-id"].to_str().unwrap()), "{text}");
        assert!(!text.contains("secret") && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_a_strict_policy() {
    let folder = tempfile::tempdir().unwrap();
    let app = edge(router(), &services(folder.path(), Some("https://media.test")));
    let (_, one, _) = call(&app, "/page").await;
    let (_, other, _) = call(&app, "/nothing").await;
    assert_ne!(one["x-request-id"], other["x-request-id"]);
    for headers in [&one, &other] {
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(policy.contains("media-src 'self' https://media.test"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
    }
}

#[tokio::test]
async fn text_is_compressed_and_what_is_asked_for_in_ranges_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let app = edge(router(), &services(folder.path(), None));
    let (_, text, body) = call_accepting(&app, "/text", "gzip").await;
    assert_eq!(text[header::CONTENT_ENCODING], "gzip");
    assert!(body.len() < 1_000);
    for path in ["/video", "/stream"] {
        let (_, headers, body) = call_accepting(&app, path, "gzip").await;
        assert_eq!((headers.get(header::CONTENT_ENCODING), body.len()), (None, 10_000), "{path}");
    }
}

#[tokio::test]
async fn health_says_the_version_and_whether_the_store_answers() {
    let folder = tempfile::tempdir().unwrap();
    let lab = folder.path().join("lab");
    let app = health(services(&lab, None));
    let (status, headers, body) = call(&app, "/health").await;
    assert_eq!((status, body.as_slice()), (StatusCode::OK, &br#"{"version":"1.2.3","store":"ok"}"#[..]));
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    std::fs::remove_dir_all(&lab).unwrap();
    let (status, _, body) = call(&app, "/health").await;
    assert_eq!(
        (status, body.as_slice()),
        (StatusCode::SERVICE_UNAVAILABLE, &br#"{"version":"1.2.3","store":"error"}"#[..])
    );
}
