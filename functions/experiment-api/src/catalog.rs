//! What is measured, what with, by whom, and how the search goes.

use crate::answers::LoopAnswer;
use crate::experiments::FRESH;
use aiv1_model::Digest;
use aiv1_web::{Answers, Path, Problem, Services, conditional_json};
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

/// A codec.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct CodecPath {
    /// SHA-256 of its source.
    hash: Digest,
}

pub(crate) async fn clips(
    State(services): State<Services>,
    Extension(answers): Extension<Answers>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    answers.json(&request, "/api/clips", FRESH, async { Ok(services.catalog.clips().await?) }).await
}

pub(crate) async fn codecs(
    State(services): State<Services>,
    Extension(answers): Extension<Answers>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    answers.json(&request, "/api/codecs", FRESH, async { Ok(services.catalog.codecs().await?) }).await
}

pub(crate) async fn codec(
    State(services): State<Services>,
    Path(of): Path<CodecPath>,
    Extension(answers): Extension<Answers>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let codec = async {
        let codec = services.catalog.codec(&of.hash).await?;
        codec.ok_or_else(|| Problem::NotFound(format!("there is no codec with source {}", of.hash)))
    };
    answers.json(&request, &format!("/api/codecs/{}", of.hash), FRESH, codec).await
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
    Extension(answers): Extension<Answers>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let found = async {
        let catalog = &services.catalog;
        let (state, milestones) = tokio::try_join!(catalog.loop_state(), catalog.milestones())?;
        Ok(LoopAnswer { state, milestones })
    };
    answers.json(&request, "/api/loop", FRESH, found).await
}
