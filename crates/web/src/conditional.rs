//! Answers that need not be made again: `ETag` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1.2).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use serde::Serialize;

/// How an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Public, for so many seconds; then asked for again with its `ETag`.
    Seconds(u32),
    /// For ever: the address changes when the content does.
    Immutable,
}

/// Answers 304 where the client has this version already; otherwise makes the answer and adds `ETag` and
/// `Cache-Control`. `version` is any text that changes when the answer would; the `ETag` is weak, since answers may be
/// compressed on their way.
pub fn conditional(
    request: &HeaderMap,
    version: &str,
    freshness: Freshness,
    make: impl FnOnce() -> Response,
) -> Response {
    let Some(condition) = Condition::of(request, version) else { return make() };
    let response = if condition.known { StatusCode::NOT_MODIFIED.into_response() } else { make() };
    condition.mark(response, freshness)
}

/// As [`conditional`], for an answer that is waited for; where the client has this version, it is never begun.
pub async fn conditional_on<E>(
    request: &HeaderMap,
    version: &str,
    freshness: Freshness,
    make: impl Future<Output = Result<Response, E>>,
) -> Result<Response, E> {
    let Some(condition) = Condition::of(request, version) else { return make.await };
    let response = if condition.known { StatusCode::NOT_MODIFIED.into_response() } else { make.await? };
    Ok(condition.mark(response, freshness))
}

/// JSON whose version is its own text: for small answers that no revision covers.
pub fn conditional_json<T: Serialize>(request: &HeaderMap, freshness: Freshness, value: &T) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => {
            let version = text.clone();
            conditional(request, &version, freshness, || {
                ([(header::CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
            })
        }
        Err(error) => crate::Problem::internal(error).into_response(),
    }
}

/// The version of an answer, and whether the client has it.
pub(crate) struct Condition {
    etag: ETag,
    known: bool,
}

impl Condition {
    pub(crate) fn of(request: &HeaderMap, version: &str) -> Option<Self> {
        let digest = aiv1_model::Digest::of(version.as_bytes()).to_string();
        let etag = format!("W/\"{}\"", &digest[..24]).parse::<ETag>().ok()?;
        // `precondition_passes` is true when none matches, that is, when the client needs the answer.
        let known = request.typed_get::<IfNoneMatch>().is_some_and(|given| !given.precondition_passes(&etag));
        Some(Self { etag, known })
    }

    /// The client has this version.
    pub(crate) const fn known(&self) -> bool {
        self.known
    }

    /// 304.
    pub(crate) fn not_modified(self, freshness: Freshness) -> Response {
        self.mark(StatusCode::NOT_MODIFIED.into_response(), freshness)
    }

    /// Adds `ETag` and `Cache-Control` to a success.
    pub(crate) fn mark(self, mut response: Response, freshness: Freshness) -> Response {
        if response.status().is_success() || self.known {
            let headers = response.headers_mut();
            headers.typed_insert(self.etag);
            let value = match freshness {
                Freshness::Seconds(seconds) => {
                    HeaderValue::from_str(&format!("public, max-age={seconds}, must-revalidate"))
                }
                Freshness::Immutable => Ok(HeaderValue::from_static("public, max-age=31536000, immutable")),
            };
            if let Ok(value) = value {
                headers.insert(header::CACHE_CONTROL, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tag: Option<&HeaderValue>) -> HeaderMap {
        tag.map(|tag| (header::IF_NONE_MATCH, tag.clone())).into_iter().collect()
    }

    #[test]
    fn a_client_that_has_the_version_gets_304_with_the_same_tag() {
        let make = || "page".into_response();
        let first = conditional(&request(None), "7", Freshness::Seconds(5), make);
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CACHE_CONTROL], "public, max-age=5, must-revalidate");
        let tag = &first.headers()[header::ETAG];
        let again =
            conditional(&request(Some(tag)), "7", Freshness::Seconds(5), || unreachable!("made again"));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(&again.headers()[header::ETAG], tag);
        let changed = conditional(&request(Some(tag)), "8", Freshness::Seconds(5), make);
        assert_eq!(changed.status(), StatusCode::OK);
        assert_ne!(&changed.headers()[header::ETAG], tag);
    }

    #[test]
    fn an_error_gets_no_tag_and_is_not_kept() {
        let response = conditional(&request(None), "7", Freshness::Immutable, || {
            crate::Problem::NotFound("no such clip".into()).into_response()
        });
        assert!(response.headers().get(header::ETAG).is_none());
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn a_header_that_is_no_list_of_tags_is_as_good_as_none() {
        let hostile = HeaderValue::from_bytes(b"\xff\xfe\"unclosed").unwrap();
        let response =
            conditional(&request(Some(&hostile)), "7", Freshness::Immutable, || "page".into_response());
        assert_eq!(response.status(), StatusCode::OK);
    }
}
