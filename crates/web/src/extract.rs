//! `Json`, `Query` and `Path` as in axum, but refusing with [`Problem`]s, bounded, and described in the API's document.

use crate::{MAX_JSON_BYTES, Problem};
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as ResponseObject, StatusCode as DocumentedStatus};
use aide::{OperationInput, OperationOutput};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt::Display;
use std::str::FromStr;

/// Responses that the document infers from a type.
pub(crate) type Inferred = Vec<(Option<DocumentedStatus>, ResponseObject)>;

/// JSON: a body of at most [`MAX_JSON_BYTES`], or an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        DefaultBodyLimit::max(MAX_JSON_BYTES).apply(&mut request);
        let axum::Json(value) = axum::Json::from_request(request, state).await?;
        Ok(Self(value))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: JsonSchema> OperationInput for Json<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        axum::Json::<T>::operation_input(context, operation);
    }
}

impl<T: JsonSchema> OperationOutput for Json<T> {
    type Inner = T;

    fn operation_response(context: &mut GenContext, operation: &mut Operation) -> Option<ResponseObject> {
        axum::Json::<T>::operation_response(context, operation)
    }

    fn inferred_responses(context: &mut GenContext, operation: &mut Operation) -> Inferred {
        axum::Json::<T>::inferred_responses(context, operation)
    }
}

/// The query: 400 names what does not read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Query(value) = axum::extract::Query::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

impl<T: JsonSchema> OperationInput for Query<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        axum::extract::Query::<T>::operation_input(context, operation);
    }
}

/// Parts of the path, read before the handler runs: 404 says what would have been one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Path(value) = axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

impl<T: JsonSchema> OperationInput for Path<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        axum::extract::Path::<T>::operation_input(context, operation);
    }
}

/// For `deserialize_with`: `?status=` says the same as no `status` at all.
pub fn blank_is_absent<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    match String::deserialize(from)? {
        text if text.is_empty() => Ok(None),
        text => T::deserialize(text.into_deserializer()).map(Some),
    }
}

/// As [`blank_is_absent`], for numbers and flags.
pub fn blank_or_number<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    match String::deserialize(from)? {
        text if text.is_empty() => Ok(None),
        text => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(error) => Err(serde::de::Error::custom(format!("{text:?} does not fit: {error}"))),
        },
    }
}
