//! What is measured, what with, by whom, and how the search goes.

use crate::answers::LoopAnswer;
use crate::experiments::{FRESH, version};
use aiv1_model::Digest;
use aiv1_web::{Json, Path, Problem, Services, conditional_json, conditional_on};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Deserialize;

/// A codec.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct CodecPath {
    /// SHA-256 of its source.
    hash: Digest,
}

pub(crate) async fn clips(State(services): State<Services>, request: HeaderMap) -> Result<Response, Problem> {
    Ok(conditional_json(&request, FRESH, &services.catalog.clips().await?))
}

pub(crate) async fn codecs(
    State(services): State<Services>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    Ok(conditional_json(&request, FRESH, &services.catalog.codecs().await?))
}

pub(crate) async fn codec(
    State(services): State<Services>,
    Path(of): Path<CodecPath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let codec = services.catalog.codec(&of.hash).await?;
    let codec =
        codec.ok_or_else(|| Problem::NotFound(format!("there is no codec with source {}", of.hash)))?;
    Ok(conditional_json(&request, FRESH, &codec))
}

/// When a worker was last seen changes without a revision: the answer's own text is its version.
pub(crate) async fn workers(
    State(services): State<Services>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    Ok(conditional_json(&request, FRESH, &services.catalog.workers().await?))
}

pub(crate) async fn search(
    State(services): State<Services>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let version = version(&services).await?;
    conditional_on(&request, &version, FRESH, async {
        let state = services.catalog.loop_state().await?;
        let milestones = services.catalog.milestones().await?;
        Ok(Json(LoopAnswer { state, milestones }).into_response())
    })
    .await
}
