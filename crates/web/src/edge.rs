//! One wrapper around every router: request ids, a log line, panics as 500, bounds, compression, security headers.

use crate::problem::PROBLEM_JSON;
use crate::{Problem, Services};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use std::any::Any;
use std::time::Instant;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tracing::Instrument as _;

/// Most bytes of a request's body, but for uploads, which are bound by their link.
pub const MAX_BODY_BYTES: usize = 20 << 20;

/// Most bytes of a JSON body: a source of the greatest size, escaped, or the largest manifest, and some.
pub const MAX_JSON_BYTES: usize = 2 << 20;

/// The policy of every page: nothing from elsewhere, no inline script, no inline style, no frame.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Id of a request, in its log lines, in `X-Request-Id` and in the body of a 500.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Wraps the mounted routers.
pub fn edge(router: Router, services: &Services) -> Router {
    let policy = match &services.site.media_origin {
        Some(origin) => format!("{CONTENT_SECURITY_POLICY}; media-src 'self' {origin}"),
        None => format!("{CONTENT_SECURITY_POLICY}; media-src 'self'"),
    };
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    router
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| {
            let said = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Problem::internal(format!("a handler panicked: {said}")).into_response()
        }))
        .layer(middleware::from_fn_with_state(policy, around))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_compressing()))
}

/// Text is; streams, modules, videos and archives are not, and are asked for in ranges.
fn worth_compressing() -> impl Predicate {
    DefaultPredicate::new()
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("application/wasm"))
        .and(NotForContentType::const_new("application/x-tar"))
}

async fn around(State(policy): State<HeaderValue>, mut request: Request, next: Next) -> Response {
    let id = request_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = Instant::now();
    let span = tracing::error_span!(target: "aiv1::request", "request", id);
    let mut response = next.run(request).instrument(span).await;
    let status = response.status();
    if status == StatusCode::INTERNAL_SERVER_ERROR && is_problem(&response) {
        response = with_request_id(response, &id);
    }
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers
        .insert("permissions-policy", HeaderValue::from_static("camera=(), microphone=(), geolocation=()"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    let micros = started.elapsed().as_micros() as u64;
    tracing::debug!(target: "aiv1::request", id, %method, path, status = status.as_u16(), micros, "answered");
    response
}

fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON)
}

/// A 500 says only its request id; the log has the rest under the same id.
fn with_request_id(response: Response, id: &str) -> Response {
    tracing::error!(target: "aiv1::request", id, "answered 500");
    let document = problem_details::ProblemDetails::from_status_code(StatusCode::INTERNAL_SERVER_ERROR)
        .with_detail(format!("an error on our side; the log has it as request {id}"));
    let (parts, _) = response.into_parts();
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = Response::from_parts(parts, Body::from(body));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn request_id() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    // The standard library's hasher keys are random: unique enough to find a line in a log, and nothing more is asked.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u8(0);
    format!("{:016x}", hasher.finish())
}
