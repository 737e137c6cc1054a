//! What every REST router does alike: reads from any origin, 404 and 405 as problem documents.

use crate::Problem;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

/// Wraps a REST router: a wrong method is a 405 problem with `Allow`, `OPTIONS` is answered with `Allow`, and pages of other origins may read (`GET`, `HEAD`;
/// never with credentials, never anything else).
pub fn rest<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.method_not_allowed_fallback(wrong_method).layer(middleware::from_fn(reads_from_anywhere))
}

/// 404 for a path of the API that is none.
pub async fn no_such_path(uri: Uri) -> Problem {
    Problem::NotFound(format!("there is nothing at {}; /api/openapi.json lists what there is", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let text = format!("{} does not take {method}; the Allow header has what it takes", uri.path());
    Problem::Method(text).into_response()
}

async fn reads_from_anywhere(request: Request, next: Next) -> Response {
    let preflight = *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if preflight || reads {
        allow(response.headers_mut());
    }
    response
}

fn allow(headers: &mut HeaderMap) {
    let all = HeaderValue::from_static;
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, all("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, all("GET, HEAD"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, all("accept, if-none-match"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, all("etag, location, retry-after, x-request-id"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, all("86400"));
}
