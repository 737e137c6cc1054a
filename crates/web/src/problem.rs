//! Errors at the edge, as RFC 9457 problem documents.

use crate::extract::Inferred;
use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as ResponseObject};
use aiv1_model::chain;
use aiv1_store::Error as StoreError;
use axum::Json;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use problem_details::ProblemDetails;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Content type of a problem document.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// When whoever is told [`Problem::Busy`] may ask again, in seconds: about as long as one rebuild takes.
const BUSY_SECONDS: &str = "30";

/// When whoever is told [`Problem::Unavailable`] may ask again, in seconds.
const UNAVAILABLE_SECONDS: &str = "2";

/// Why a request was not answered as asked. Its text is for the client and names the thing, its value and the bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// 404.
    #[error("{0}")]
    NotFound(String),
    /// 400: what was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// 401: no token, or none that is known.
    #[error("this needs a token: Authorization: Bearer …")]
    Unauthorized,
    /// 403: the token's scope does not allow it.
    #[error("the token does not allow this")]
    Forbidden,
    /// 405.
    #[error("{0}")]
    Method(String),
    /// 406: not in a form that the client takes.
    #[error("{0}")]
    NotAcceptable(String),
    /// 409: it contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// 410: it was there, and was removed for good.
    #[error("{0}")]
    Gone(String),
    /// 413.
    #[error("{0}")]
    TooLarge(String),
    /// 415.
    #[error("{0}")]
    MediaType(String),
    /// 422: well-formed, but refused.
    #[error("{0}")]
    Refused(String),
    /// 429: too much is waiting already.
    #[error("{0}")]
    Busy(String),
    /// 502: what was to be made on demand could not be.
    #[error("{0}")]
    NotMade(String),
    /// 503, worth trying again.
    #[error("{0}")]
    Unavailable(String),
    /// 500. What is inside goes to the log, never to the client.
    #[error("an error on our side")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Problem {
    /// For `map_err`: an error that the client cannot help.
    pub fn internal<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> Self {
        Self::Internal(error.into())
    }

    /// The status it is answered with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Gone(_) => StatusCode::GONE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotMade(_) => StatusCode::BAD_GATEWAY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Most characters of what a client is told: what it sent may be in it.
    pub const MAX_DETAIL: usize = 600;

    /// The problem document. The edge adds the request's id to it.
    #[must_use]
    pub fn document(&self) -> ProblemDetails {
        let detail = self.to_string();
        let characters = detail.chars().count();
        if characters <= Self::MAX_DETAIL {
            return ProblemDetails::from_status_code(self.status()).with_detail(detail);
        }
        // What was sent stands in the middle, what must be at the end.
        let half = Self::MAX_DETAIL / 2;
        let start = detail.chars().take(half);
        let end = detail.chars().skip(characters - half);
        let detail: String = start.chain(['…']).chain(end).collect();
        ProblemDetails::from_status_code(self.status()).with_detail(detail)
    }

    /// Writes the chain of a 500 to the log; quiet for everything else. Called once, where the answer is made.
    pub fn log(&self) {
        if let Self::Internal(source) = self {
            tracing::error!(error = chain(source.as_ref()), "a request failed on our side");
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let mut response = (self.status(), Json(self.document())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::Unauthorized) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let again = match self {
            Self::Busy(_) => Some(BUSY_SECONDS),
            Self::Unavailable(_) => Some(UNAVAILABLE_SECONDS),
            _ => None,
        };
        if let Some(seconds) = again {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoExperiment(_) => Self::NotFound(error.to_string()),
            StoreError::State { .. } | StoreError::Lost { .. } | StoreError::KeyReused { .. } => {
                Self::Conflict(error.to_string())
            }
            StoreError::Busy { .. } => Self::Busy(error.to_string()),
            StoreError::Contended { .. } => Self::Unavailable(error.to_string()),
            StoreError::Cursor(_) => Self::Invalid(error.to_string()),
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let text = rejection.body_text();
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge(format!(
                "the body is larger than the {} bytes that are read",
                crate::MAX_JSON_BYTES
            )),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::MediaType("Content-Type must be application/json, in UTF-8".to_owned())
            }
            StatusCode::UNPROCESSABLE_ENTITY => Self::Refused(after_colon("the body does not fit", &text)),
            _ => Self::Invalid(after_colon("the body is no JSON", &text)),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::Invalid(after_colon("the query does not read", &rejection.body_text()))
    }
}

/// What the framework says of the types it reads into is replaced by what the client can see; what follows names the field.
fn after_colon(what: &str, text: &str) -> String {
    match text.split_once(": ") {
        Some((_, detail)) => format!("{what}: {detail}"),
        None => what.to_owned(),
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        if let PathRejection::FailedToDeserializePathParams(failed) = &rejection {
            match failed.kind() {
                ErrorKind::DeserializeError { message, .. } | ErrorKind::Message(message) => {
                    return Self::NotFound(message.clone());
                }
                ErrorKind::ParseErrorAtKey { key, value, expected_type } => {
                    return Self::NotFound(format!(
                        "{key} is {value:?}, but must be a number that fits {expected_type}"
                    ));
                }
                _ => {}
            }
        }
        Self::NotFound(rejection.body_text())
    }
}

/// A problem document, as RFC 9457 has it; for the API's own document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "Problem")]
pub struct ProblemDocument {
    /// The status of the answer.
    pub status: u16,
    /// Its name.
    pub title: String,
    /// What was wrong: the thing, its value and the bound. A 500 says only the request's id.
    pub detail: String,
}

impl OperationOutput for Problem {
    type Inner = ProblemDocument;

    fn operation_response(context: &mut GenContext, operation: &mut Operation) -> Option<ResponseObject> {
        let mut response = axum::Json::<ProblemDocument>::operation_response(context, operation)?;
        "A problem document (RFC 9457)".clone_into(&mut response.description);
        let content = std::mem::take(&mut response.content);
        response.content = content.into_iter().map(|(_, body)| (PROBLEM_JSON.to_owned(), body)).collect();
        Some(response)
    }

    fn inferred_responses(context: &mut GenContext, operation: &mut Operation) -> Inferred {
        Self::operation_response(context, operation).map(|response| (None, response)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::{Digest, ExperimentId};

    #[test]
    fn what_the_store_says_becomes_the_status_that_fits() {
        let id = ExperimentId::of(&Digest::of(b"question"));
        let status = |error: StoreError| Problem::from(error).status().as_u16();
        assert_eq!(status(StoreError::NoExperiment(id.clone())), 404);
        assert_eq!(status(StoreError::Lost { id: id.clone(), attempt: 1, worker: "w".into() }), 409);
        assert_eq!(status(StoreError::KeyReused { key: "k".into(), first: id }), 409);
        assert_eq!(status(StoreError::Cursor("x".into())), 400);
        assert_eq!(status(StoreError::Busy { waiting: 2, most: 2 }), 429);
        assert_eq!(status(StoreError::Contended { action: "read", times: 2 }), 503);
        assert_eq!(status(StoreError::backend("read")("disk full")), 500);
    }

    #[test]
    fn a_500_never_says_what_is_inside() {
        let problem = Problem::internal("password=hunter2");
        assert!(!serde_json::to_string(&problem.document()).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_detail_is_bounded_whatever_was_sent() {
        let document = Problem::Invalid("é".repeat(100_000)).document();
        assert_eq!(document.detail.unwrap().chars().count(), Problem::MAX_DETAIL + 1);
    }
}
