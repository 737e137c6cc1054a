//! A function that does what ours do not: it panics, answers too much or never, sets cookies. Run by `tests/runtime.rs`.

use aiv1_lambda::Access;
use aiv1_web::{Allowed, Services, Submits};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use axum::routing::{any, get};
use std::process::ExitCode;

fn main() -> ExitCode {
    aiv1_lambda::http(Access::Tokens, routes)
}

fn routes(services: Services) -> Router {
    Router::new()
        .route("/panic", get(panics))
        .route("/late-panic", get(panics_late))
        .route("/broken", get(breaks))
        .route("/never", get(async || std::future::pending::<()>().await))
        .route("/cookies", get(async || AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")])))
        .route("/much", get(async || "0123456789".repeat(1 << 20)))
        .route("/noise", get(noise))
        .route(
            "/elsewhere",
            get(async || (StatusCode::FOUND, [(header::LOCATION, "https://elsewhere.example/?a=b&c=d")])),
        )
        .route("/echo/{*path}", any(echo))
        .route("/secret", get(async |_: Allowed<Submits>| "open"))
        .with_state(services)
}

async fn panics() -> &'static str {
    panic!("on purpose, at once")
}

/// The headers are out when the body fails.
async fn panics_late() -> Body {
    Body::from_stream(futures_util::stream::once(async {
        panic!("on purpose, late") as Result<Bytes, std::io::Error>
    }))
}

async fn breaks() -> Body {
    Body::from_stream(futures_util::stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("broken on purpose"))
    }))
}

/// What compression cannot help.
async fn noise() -> Response {
    let noise: Vec<u8> =
        (0..6_u64 << 20).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/wasm"))], noise).into_response()
}

async fn echo(method: Method, uri: Uri, request: Request) -> String {
    let cookies =
        request.headers().get(header::COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or("none");
    format!("{method} {uri} cookies: {cookies}")
}
