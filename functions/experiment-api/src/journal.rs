//! The journal: what was done to experiments and to the lab, by whom and when.

use crate::experiments::{FRESH, address, checked_limit};
use aiv1_store::Query as StoreQuery;
use aiv1_web::{Answers, Problem, Query, Services};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which lines.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalQuery {
    /// `next` of the page before.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    cursor: Option<String>,
    /// Lines, 1 to 200; 50 when absent.
    #[schemars(range(min = 1, max = 200))]
    #[serde(default, deserialize_with = "aiv1_web::blank_or_number")]
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(services): State<Services>,
    Query(query): Query<JournalQuery>,
    Extension(answers): Extension<Answers>,
    uri: Uri,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let limit = checked_limit(query.limit, StoreQuery::default().limit, StoreQuery::MAX_LIMIT)?;
    let found = async { Ok(services.catalog.journal(query.cursor.as_deref(), limit).await?) };
    answers.json(&request, address(&uri), FRESH, found).await
}
