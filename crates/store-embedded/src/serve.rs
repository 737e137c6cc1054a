//! Serving signed links: reading with ranges, and uploads that must be exactly what was announced.

use crate::files::{Files, Incoming};
use crate::links::{Grant, LinkQuery, Secret};
use aiv1_store::{BlobKey, Clock};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use std::sync::Arc;
use tower::ServiceExt as _;
use tower_http::cors::{Any, CorsLayer};
use tower_http::services::ServeFile;

#[derive(Clone, Debug)]
struct Served {
    files: Arc<Files>,
    secret: Arc<Secret>,
    clock: Arc<dyn Clock>,
}

/// A refusal with its reason.
type Refused = (StatusCode, String);

/// `/blobs/…`. Pages of every origin may read what a link opens, as they may read the API that gave it to them.
pub(crate) fn router(files: Arc<Files>, secret: Arc<Secret>, clock: Arc<dyn Clock>) -> Router {
    let readable = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .expose_headers([header::ETAG, header::CONTENT_RANGE, header::ACCEPT_RANGES]);
    Router::new().route("/blobs/{*path}", get(read).put(put)).layer(readable).with_state(Served {
        files,
        secret,
        clock,
    })
}

impl Served {
    /// The key, and what the link allows.
    fn check(
        &self,
        path: &str,
        query: Result<Query<LinkQuery>, QueryRejection>,
        put: bool,
    ) -> Result<(BlobKey, Grant), Refused> {
        let key = BlobKey::parse(path).map_err(|error| (StatusCode::NOT_FOUND, error.to_string()))?;
        let forbidden = |reason: &str| (StatusCode::FORBIDDEN, reason.to_owned());
        let Query(query) = query.map_err(|_| forbidden("this is not a signed link of this store"))?;
        let grant = self.secret.check(&key, query, put, self.clock.now()).map_err(forbidden)?;
        Ok((key, grant))
    }
}

async fn read(
    State(served): State<Served>,
    Path(path): Path<String>,
    query: Result<Query<LinkQuery>, QueryRejection>,
    request: Request,
) -> Response {
    match open(&served, &path, query, request).await {
        Ok(response) => response,
        Err(refused) => refusal(refused),
    }
}

async fn open(
    served: &Served,
    path: &str,
    query: Result<Query<LinkQuery>, QueryRejection>,
    mut request: Request,
) -> Result<Response, Refused> {
    let (key, grant) = served.check(path, query, false)?;
    let known = served.files.info(&key, served.clock.now());
    let Some(info) = known.map_err(|error| failed("read an object", &key, &error))? else {
        return Err((StatusCode::NOT_FOUND, format!("{key} is not there, or no longer")));
    };
    let tag = tag(&key, info.stored_at, info.bytes);
    honour_if_range(request.headers_mut(), &tag);
    if matches(request.headers(), &tag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        describe(response.headers_mut(), &key, &grant, &tag);
        return Ok(response);
    }
    // Only ours is compared.
    for name in
        [header::IF_NONE_MATCH, header::IF_MATCH, header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE]
    {
        request.headers_mut().remove(name);
    }
    let Ok(response) = ServeFile::new(served.files.path(&key)).oneshot(request).await;
    let mut response = response.map(axum::body::Body::new);
    if response.status().is_success() {
        describe(response.headers_mut(), &key, &grant, &tag);
    }
    Ok(response)
}

/// A strong tag: an object's is its digest, since it can have no other bytes.
fn tag(key: &BlobKey, stored_at: jiff::Timestamp, bytes: u64) -> String {
    match key {
        BlobKey::Object { sha256, .. } => format!("\"{sha256}\""),
        BlobKey::Reconstructed(_) => format!("\"{:x}-{bytes:x}\"", stored_at.as_nanosecond()),
    }
}

/// A range of another version is answered with the whole of this one (RFC 9110, section 13.1.5).
fn honour_if_range(headers: &mut HeaderMap, tag: &str) {
    if headers.remove(header::IF_RANGE).is_some_and(|known| known.as_bytes() != tag.as_bytes()) {
        headers.remove(header::RANGE);
    }
}

fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known.trim_start_matches("W/") == tag || known == "*")
}

fn describe(headers: &mut HeaderMap, key: &BlobKey, grant: &Grant, tag: &str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(key.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(key.cache_control()));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Grant::Get { attachment: Some(name) } = grant
        && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
    {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
}

async fn put(
    State(served): State<Served>,
    Path(path): Path<String>,
    query: Result<Query<LinkQuery>, QueryRejection>,
    request: Request,
) -> Response {
    match receive(&served, &path, query, request).await {
        Ok(key) => (StatusCode::OK, format!("{key} is stored\n")).into_response(),
        Err(refused) => refusal(refused),
    }
}

async fn receive(
    served: &Served,
    path: &str,
    query: Result<Query<LinkQuery>, QueryRejection>,
    request: Request,
) -> Result<BlobKey, Refused> {
    let (key, grant) = served.check(path, query, true)?;
    let Grant::Put { bytes, sha256 } = grant else {
        return Err((StatusCode::FORBIDDEN, "this link is for reading".to_owned()));
    };
    check_headers(request.headers(), &key, bytes)?;
    let (files, now) = (Arc::clone(&served.files), served.clock.now());
    let begun = tokio::task::spawn_blocking(move || files.begin()).await;
    let begun = begun.map_err(|error| failed("begin an upload", &key, &error))?;
    let incoming = begun.map_err(|error| failed("begin an upload", &key, &error))?;
    let incoming = stream(incoming, request, &key, bytes).await?;
    let (draft, found) = incoming.finish();
    if found != sha256 {
        let reason = format!("this link is for bytes with the SHA-256 {sha256}, those sent have {found}");
        return Err((StatusCode::FORBIDDEN, reason));
    }
    let (files, place) = (Arc::clone(&served.files), key.clone());
    let done = tokio::task::spawn_blocking(move || files.finish(draft, &place, now)).await;
    let done = done.map_err(|error| failed("store an upload", &key, &error))?;
    done.map_err(|error| failed("store an upload", &key, &error))?;
    Ok(key)
}

/// Refuses before reading what is announced to be something else; a length that is not announced is counted.
fn check_headers(headers: &HeaderMap, key: &BlobKey, bytes: u64) -> Result<(), Refused> {
    let given = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if given(header::CONTENT_TYPE) != Some(key.content_type()) {
        return Err((
            StatusCode::FORBIDDEN,
            format!("this link is for content of type {}", key.content_type()),
        ));
    }
    match given(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > bytes => Err(too_large(bytes)),
        Some(length) if length < bytes => {
            Err((StatusCode::FORBIDDEN, format!("this link is for {bytes} bytes, {length} are announced")))
        }
        _ => Ok(()),
    }
}

fn too_large(bytes: u64) -> Refused {
    (StatusCode::PAYLOAD_TOO_LARGE, format!("this link is for {bytes} bytes, more are sent"))
}

async fn stream(
    mut incoming: Incoming,
    request: Request,
    key: &BlobKey,
    bytes: u64,
) -> Result<Incoming, Refused> {
    let mut body = request.into_body().into_data_stream();
    let mut received = 0;
    while let Some(chunk) = body.next().await {
        let broken = |error| {
            (StatusCode::BAD_REQUEST, format!("the upload broke off after {received} bytes: {error}"))
        };
        let chunk = chunk.map_err(broken)?;
        received += chunk.len() as u64;
        if received > bytes {
            return Err(too_large(bytes));
        }
        let written = tokio::task::spawn_blocking(move || incoming.write(&chunk).map(|()| incoming)).await;
        let written = written.map_err(|error| failed("write an upload", key, &error))?;
        incoming = written.map_err(|error| failed("write an upload", key, &error))?;
    }
    if received < bytes {
        return Err((StatusCode::FORBIDDEN, format!("this link is for {bytes} bytes, {received} were sent")));
    }
    Ok(incoming)
}

/// A failure on our side: the log has it, the client does not.
fn failed(action: &'static str, key: &BlobKey, error: &dyn std::fmt::Display) -> Refused {
    tracing::error!(action, %key, %error, "the store failed");
    (StatusCode::INTERNAL_SERVER_ERROR, "an error on our side; the log has it".to_owned())
}

fn refusal((status, reason): Refused) -> Response {
    let mut response = (status, reason + "\n").into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
