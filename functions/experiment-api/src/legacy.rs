//! Records of the earlier system: what they claimed, measured by nobody here.

use crate::answers::LegacyList;
use crate::experiments::{FRESH, address, checked_limit};
use aiv1_model::LegacyId;
use aiv1_web::{Answers, Path, Problem, Query, Services};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

/// Most rows of a page: with every text at its bound, still less than a function may answer.
const MAX_LIMIT: u32 = 50;

/// Which records.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LegacyQuery {
    /// `next` of the page before.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    cursor: Option<String>,
    /// Rows, 1 to 50, which is also the number when absent.
    #[schemars(range(min = 1, max = 50))]
    #[serde(default, deserialize_with = "aiv1_web::blank_or_number")]
    limit: Option<u32>,
}

/// A record of the earlier system.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct LegacyPath {
    /// Its id there.
    id: LegacyId,
}

pub(crate) async fn list(
    State(services): State<Services>,
    Query(query): Query<LegacyQuery>,
    Extension(answers): Extension<Answers>,
    uri: Uri,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let limit = checked_limit(query.limit, MAX_LIMIT, MAX_LIMIT)?;
    let found = async {
        let page = services.catalog.list_legacy(query.cursor.as_deref(), limit).await?;
        Ok(LegacyList { total: page.total, records: page.experiments, next: page.next })
    };
    answers.json(&request, address(&uri), FRESH, found).await
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path(of): Path<LegacyPath>,
    Extension(answers): Extension<Answers>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let found = async {
        let record = services.catalog.legacy(of.id.as_str()).await?;
        record.ok_or_else(|| Problem::NotFound(format!("the earlier system has no record {}", of.id)))
    };
    answers.json(&request, &format!("/api/legacy/{}", of.id), FRESH, found).await
}
