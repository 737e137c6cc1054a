//! A fresh link, as `302` or as JSON; or how far its object is.

use crate::LIFETIME;
use aiv1_model::api::LinkAnswer;
use aiv1_store::{BlobKey, LinkOptions, RebuildState};
use aiv1_web::{Json, Problem, Services};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the making of a preview or an archive stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RebuildAnswer {
    /// Where it stands.
    #[serde(flatten)]
    pub state: RebuildState,
    /// When it was last asked for; absent if it is there and nobody had to ask.
    pub requested_at: Option<Timestamp>,
    /// How often it was begun.
    pub attempt: Option<u32>,
    /// Its durable address.
    pub location: String,
}

/// A fresh link to an object, saved under `attachment` if that is given.
pub(crate) async fn link_to(
    services: &Services,
    key: &BlobKey,
    attachment: Option<String>,
    request: &HeaderMap,
) -> Result<Response, Problem> {
    let link = services.blobs.link(key, &LinkOptions { lifetime: LIFETIME, attachment }).await?;
    let location = HeaderValue::from_str(&link.url).map_err(Problem::internal)?;
    if wants_json(request) {
        let body = Json(LinkAnswer { url: link.url, expires_at: link.expires_at });
        return Ok((no_store(), body).into_response());
    }
    Ok((StatusCode::FOUND, no_store(), [(header::LOCATION, location)]).into_response())
}

/// `202` with where to ask again, or `200` if it is there.
pub(crate) fn progress(answer: RebuildAnswer) -> Result<Response, Problem> {
    if answer.state == RebuildState::Done {
        return Ok((no_store(), Json(answer)).into_response());
    }
    let location = HeaderValue::from_str(&answer.location).map_err(Problem::internal)?;
    let headers = [(header::LOCATION, location), (header::RETRY_AFTER, HeaderValue::from_static("1"))];
    Ok((StatusCode::ACCEPTED, no_store(), headers, Json(answer)).into_response())
}

fn no_store() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept")),
    ]
}

fn wants_json(request: &HeaderMap) -> bool {
    let accepted = request.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(','));
    types.any(|one| {
        one.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    })
}
