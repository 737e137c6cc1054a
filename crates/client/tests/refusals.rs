//! What a server may do wrong, and what the client makes of it. The servers are made to misbehave; the real one is in
//! `api.rs`.

#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_client::{Client, Error, Retry, TokenSource};
use aiv1_model::api::{ClaimRequest, Holder, ResultReport, Upload, WorkResult, WorkerInfo};
use aiv1_model::{Digest, ExperimentId, ManifestEntry};
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn client(base: &str) -> Client {
    let first = Duration::from_millis(1);
    Client::new(base, Some("a-secret")).unwrap().with_retry(Retry { tries: 3, first, most: first })
}

fn id() -> ExperimentId {
    ExperimentId::of(&Digest::of(b"question"))
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let document = serde_json::json!({ "title": "a title", "status": status.as_u16(), "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response()
}

/// Answers 503 so many times, then as told.
fn busy(
    times: usize,
    then: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> (Router, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let handler = move || async move {
        if count.fetch_add(1, Ordering::Relaxed) < times {
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        } else {
            then()
        }
    };
    (Router::new().fallback(handler), asked)
}

#[tokio::test]
async fn a_read_is_tried_again_while_the_server_is_busy() {
    let (router, asked) = busy(2, || Json(serde_json::json!([])).into_response());
    assert!(client(&serve(router).await).clips().await.unwrap().is_empty());
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    let (router, asked) = busy(3, || Json(serde_json::json!([])).into_response());
    let error = client(&serve(router).await).clips().await.unwrap_err();
    assert!(matches!(error, Error::Problem { status: 503, .. }), "{error:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_claim_is_never_said_twice() {
    let (router, asked) = busy(1, || StatusCode::NO_CONTENT.into_response());
    let worker = WorkerInfo { name: "w".into(), version: "1".into(), machine: None, threads: 1 };
    let claim = ClaimRequest { worker, wait_seconds: 0 };
    let client = client(&serve(router).await);
    client.claim(&claim).await.unwrap_err();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(client.claim(&claim).await.unwrap().is_none());
}

#[tokio::test]
async fn the_servers_reason_arrives_and_a_conflict_about_work_is_lost_work() {
    let router = Router::new()
        .route("/api/work/{id}/result", post(|| async { problem(StatusCode::CONFLICT, "attempt 1 is over") }))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is\u{1b}[2J none") });
    let client = client(&serve(router).await);
    let holder = Holder { worker: "w".into(), attempt: 1 };
    let lost =
        client.result(&id(), &ResultReport { holder, result: WorkResult::GaveBack }).await.unwrap_err();
    assert_eq!(lost.to_string(), "the work is no longer held: attempt 1 is over");
    let unknown = client.experiment(&id()).await.unwrap_err();
    assert_eq!(unknown.to_string(), "the server answered 404: there is [2J none");
}

#[tokio::test]
async fn nobody_there_is_a_network_error_that_names_no_address() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let error = client(&base).clips().await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }) && error.is_transient(), "{error:?}");
    assert!(!format!("{error:?}").contains("/api/clips"), "{error:?}");
}

#[tokio::test]
async fn an_answer_past_its_bound_is_not_read() {
    let endless = || async { Body::from_stream(tokio_util::io::ReaderStream::new(tokio::io::repeat(b' '))) };
    let error = client(&serve(Router::new().fallback(endless)).await).manifest(&id()).await.unwrap_err();
    assert_eq!(error.to_string(), "the manifest has more than the 16777216 bytes that are read");
}

#[tokio::test]
async fn a_file_is_only_there_if_it_is_the_right_one_and_the_token_stays_at_home() {
    let seen = Arc::new(Mutex::new(HeaderMap::new()));
    let note = seen.clone();
    let elsewhere = Router::new().fallback(move |headers: HeaderMap| async move {
        *note.lock().unwrap() = headers;
        "content"
    });
    let elsewhere = serve(elsewhere).await;
    let home = Router::new().route(
        "/api/experiments/{id}/files/{*path}",
        get(move || async move { Redirect::temporary(&format!("{elsewhere}/object")) }),
    );
    let client = client(&serve(home).await);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file");
    let entry = |content: &[u8], bytes| ManifestEntry {
        path: "streams/a/q01.aiv1".to_owned(),
        bytes,
        sha256: Digest::of(content),
    };
    client.file(&id(), &entry(b"content", 7), &to).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), b"content");
    assert!(!seen.lock().unwrap().contains_key(header::AUTHORIZATION));
    for (wrong, reason) in [
        (entry(b"other", 7), "its SHA-256 is"),
        (entry(b"content", 8), "it has 7 bytes, not 8"),
        (entry(b"content", 6), "it has more than 6 bytes"),
    ] {
        let error = client.file(&id(), &wrong, &to).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!to.exists());
    }
    let outside = ManifestEntry { path: "../../etc/passwd".to_owned(), ..entry(b"content", 7) };
    assert!(matches!(client.file(&id(), &outside, &to).await, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn an_upload_carries_the_headers_asked_for_and_is_sent_whole_again() {
    let received = Arc::new(Mutex::new(Vec::<(HeaderMap, Bytes)>::new()));
    let note = received.clone();
    let handler = move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let mut received = note.lock().unwrap();
        received.push((parts.headers, body));
        if received.len() == 1 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
    };
    let base = serve(Router::new().route("/put", put(handler))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream");
    std::fs::write(&file, vec![7; 200_000]).unwrap();
    let headers = vec![("x-amz-checksum-sha256".to_owned(), "abc=".to_owned())];
    let upload = Upload { path: "streams/a/q01.aiv1".to_owned(), url: format!("{base}/put"), headers };
    client(&base).upload(&upload, &file).await.unwrap();
    let received = received.lock().unwrap();
    assert_eq!(received.len(), 2);
    for (headers, body) in received.iter() {
        assert_eq!(
            (&headers["x-amz-checksum-sha256"], &headers["content-length"]),
            (&"abc=".parse().unwrap(), &"200000".parse().unwrap())
        );
        assert!(
            !headers.contains_key(header::AUTHORIZATION) && !headers.contains_key(header::TRANSFER_ENCODING)
        );
        assert_eq!(body.len(), 200_000);
    }
}

#[derive(Debug)]
struct Vault(Mutex<&'static str>);

#[async_trait::async_trait]
impl TokenSource for Vault {
    async fn token(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok((*self.0.lock().unwrap()).to_owned())
    }
}

#[tokio::test]
async fn a_token_that_was_replaced_is_read_again_and_one_that_stays_refused_is_an_error() {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = refused.clone();
    let handler = move |headers: HeaderMap| async move {
        if headers[header::AUTHORIZATION] == "Bearer second" {
            return StatusCode::NO_CONTENT.into_response();
        }
        count.fetch_add(1, Ordering::Relaxed);
        problem(StatusCode::UNAUTHORIZED, "no token that is known")
    };
    let vault = Arc::new(Vault(Mutex::new("first")));
    let base = serve(Router::new().route("/api/work/claim", post(handler))).await;
    let client = Client::new(&base, Some("first")).unwrap().with_token_source(vault.clone());
    let worker = WorkerInfo { name: "w".to_owned(), version: "1".to_owned(), machine: None, threads: 1 };
    let claim = ClaimRequest { worker, wait_seconds: 0 };
    let error = client.claim(&claim).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(refused.swap(0, Ordering::Relaxed), 1, "the same token is not tried twice");
    *vault.0.lock().unwrap() = "second";
    // Each clone learns of it.
    let clone = client.clone();
    assert!(client.claim(&claim).await.unwrap().is_none());
    assert!(clone.claim(&claim).await.unwrap().is_none());
    assert_eq!(refused.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn while_a_token_is_replaced_every_instance_is_given_the_one_it_knows() {
    let answered = Arc::new(AtomicUsize::new(0));
    let count = answered.clone();
    // Two instances in turn: one knows the old token alone, one the new one alone.
    let handler = move |headers: HeaderMap| async move {
        let knows =
            if count.load(Ordering::Relaxed).is_multiple_of(2) { "Bearer second" } else { "Bearer first" };
        if headers[header::AUTHORIZATION] != knows {
            return problem(StatusCode::UNAUTHORIZED, "no token that is known");
        }
        count.fetch_add(1, Ordering::Relaxed);
        StatusCode::NO_CONTENT.into_response()
    };
    let base = serve(Router::new().route("/api/work/claim", post(handler))).await;
    let vault = Arc::new(Vault(Mutex::new("second")));
    let client = Client::new(&base, Some("first")).unwrap().with_token_source(vault);
    let worker = WorkerInfo { name: "w".to_owned(), version: "1".to_owned(), machine: None, threads: 1 };
    let claim = ClaimRequest { worker, wait_seconds: 0 };
    for _ in 0..4 {
        assert!(client.claim(&claim).await.unwrap().is_none());
    }
    assert_eq!(answered.load(Ordering::Relaxed), 4);
}
