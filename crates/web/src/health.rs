//! `/health`: the version, and whether the store answers.

use crate::Services;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

#[derive(Serialize)]
struct Health {
    version: String,
    store: &'static str,
}

/// `GET /health`: 200 if the store answers, 503 if not.
pub fn health(services: Services) -> Router {
    Router::new().route("/health", get(answer)).with_state(services)
}

async fn answer(State(services): State<Services>) -> Response {
    let checks = [("catalog", services.catalog.ping().await), ("objects", services.blobs.ping().await)];
    let mut answers = true;
    for (part, check) in checks {
        if let Err(error) = check {
            answers = false;
            tracing::error!(part, error = aiv1_model::chain(&error), "the store does not answer");
        }
    }
    let status = if answers { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let store = if answers { "ok" } else { "error" };
    let mut response =
        (status, Json(Health { version: services.site.version.clone(), store })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
