//! Reading experiments: the list with its counts, and one with its record.

use aiv1_model::api::{ExperimentAnswer, ExperimentList};
use aiv1_model::{Arm, Digest, ExperimentId, Status};
use aiv1_presign::ExperimentPath;
use aiv1_store::{Error as StoreError, Order, Query as StoreQuery};
use aiv1_web::{Answers, Freshness, Path, Problem, Query, Services};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

/// How long an answer may be kept before it is asked for again.
pub(crate) const FRESH: Freshness = Freshness::Seconds(1);

/// Which experiments, in which order.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Only in this status.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    status: Option<Status>,
    /// Only of the codec with this source.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    codec: Option<Digest>,
    /// Only proposed by this arm.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    arm: Option<Arm>,
    /// Order; newest first when absent.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    order: Option<Order>,
    /// `next` of the page before.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    cursor: Option<String>,
    /// Rows, 1 to 200; 50 when absent.
    #[schemars(range(min = 1, max = 200))]
    #[serde(default, deserialize_with = "aiv1_web::blank_or_number")]
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(services): State<Services>,
    Query(query): Query<ListQuery>,
    Extension(answers): Extension<Answers>,
    uri: Uri,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let query = query.checked()?;
    answers.json(&request, address(&uri), FRESH, page(&services, &query)).await
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    Extension(answers): Extension<Answers>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    answers.json(&request, &format!("/api/experiments/{}", of.id), FRESH, find(&services, &of.id)).await
}

/// The address of a list, whose query has nothing but what was read.
pub(crate) fn address(uri: &Uri) -> &str {
    uri.path_and_query().map_or(uri.path(), |whole| whole.as_str())
}

/// Changes whenever an answer about experiments could.
pub(crate) async fn version(services: &Services) -> Result<String, Problem> {
    Ok(format!("{}/{}", services.site.version, services.catalog.revision().await?))
}

/// An experiment with its record.
pub(crate) async fn find(services: &Services, id: &ExperimentId) -> Result<ExperimentAnswer, Problem> {
    let experiment =
        services.catalog.experiment(id).await?.ok_or_else(|| StoreError::NoExperiment(id.clone()))?;
    let record = if experiment.bundle.is_some() { services.catalog.record(id).await? } else { None };
    Ok(ExperimentAnswer::new(experiment, record))
}

async fn page(services: &Services, query: &StoreQuery) -> Result<ExperimentList, Problem> {
    let (page, counts) = tokio::try_join!(services.catalog.list(query), services.catalog.counts())?;
    Ok(ExperimentList { counts, experiments: page.experiments, next: page.next })
}

impl ListQuery {
    fn checked(self) -> Result<StoreQuery, Problem> {
        let limit = checked_limit(self.limit, StoreQuery::default().limit, StoreQuery::MAX_LIMIT)?;
        Ok(StoreQuery {
            status: self.status,
            codec: self.codec,
            arm: self.arm,
            order: self.order.unwrap_or_default(),
            cursor: self.cursor,
            limit,
        })
    }
}

/// Rows of a page, as asked, or else as many as usual.
pub(crate) fn checked_limit(asked: Option<u32>, usual: u32, most: u32) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::Invalid(format!("limit is {limit}, but must be 1 to {most}")))
}
