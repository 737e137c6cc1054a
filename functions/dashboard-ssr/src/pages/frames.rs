//! `/blog/{id}/frames.svg`: quality frame by frame of one rate point, read from the stored record.

use crate::address::Question;
use crate::error::PageError;
use crate::pages::experiment;
use crate::render::Pages;
use crate::text;
use aiv1_charts::Theme;
use aiv1_model::{Experiment, Record};
use aiv1_store::{BlobKey, ObjectKind};
use aiv1_web::{Freshness, Problem, conditional};
use axum::extract::{Path, Query as Asked, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

/// Largest record that is read for a picture.
const MOST: u64 = 48 << 20;

/// The picture carries its own stylesheet and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");

/// `GET /blog/{id}/frames.svg`
pub(crate) async fn image(
    State(pages): State<Pages>,
    Path(id): Path<String>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let question = Question::new(pairs)?;
    let missing = |name: &str| Problem::Invalid(format!("{name} is missing"));
    let clip = question.digest("clip")?.ok_or_else(|| missing("clip"))?;
    let quality = question.quality("q")?.ok_or_else(|| missing("q"))?;
    let experiment = experiment::find(&pages, &experiment::id_of(&id)?).await?;
    let nothing = || Problem::NotFound("this experiment has no record to draw from".to_owned());
    let bundle = experiment.bundle.clone().ok_or_else(nothing)?;
    let version = format!("{} {} {clip} {quality}", pages.services.site.version, bundle.record);
    // The address of a picture names its record: only then may it be kept for ever.
    let named = question.get("record") == Some(bundle.record.abbreviated().as_str());
    let freshness = if named { Freshness::Immutable } else { Freshness::Seconds(60) };
    let known = conditional(&headers, &version, freshness, || axum::http::StatusCode::OK.into_response());
    if known.status() == axum::http::StatusCode::NOT_MODIFIED {
        return Ok(known);
    }
    let svg = draw(&pages, &experiment, BlobKey::object(ObjectKind::Record, bundle.record), move |record| {
        let point =
            record.points.iter().find(|point| point.clip == clip && point.quality_index == quality)?;
        let name = record.clips.iter().find(|known| known.id == clip).map(|known| text::name(&known.name));
        let name = format!("{}, quality index {quality}", name.unwrap_or_else(|| clip.abbreviated()));
        Some(aiv1_charts::frames(&point.quality, &name, Theme::Image))
    })
    .await?;
    let type_of = HeaderValue::from_static("image/svg+xml");
    let mut response = conditional(&headers, &version, freshness, || {
        ([(header::CONTENT_TYPE, type_of)], svg).into_response()
    });
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

/// Reads the record and draws from it, away from the threads that answer; a few at a time, for a record is large.
async fn draw(
    pages: &Pages,
    experiment: &Experiment,
    key: BlobKey,
    draw: impl FnOnce(&Record) -> Option<String> + Send + 'static,
) -> Result<String, PageError> {
    let _turn = pages.readers.acquire().await.map_err(Problem::internal)?;
    let read = pages.services.blobs.get(&key, MOST).await;
    let bytes = match read {
        Err(aiv1_store::Error::TooLarge { bytes, most, .. }) => {
            let reason =
                format!("the record of {} has {bytes} bytes, at most {most} are drawn from", experiment.id);
            return Err(PageError(Problem::TooLarge(reason)));
        }
        other => other?
            .ok_or_else(|| Problem::NotFound(format!("the record of {} is not stored", experiment.id)))?,
    };
    let drawn = tokio::task::spawn_blocking(move || {
        let record: Record = serde_json::from_slice(&bytes).map_err(Problem::internal)?;
        draw(&record).ok_or_else(|| Problem::NotFound("this experiment has no such rate point".to_owned()))
    });
    Ok(drawn.await.map_err(Problem::internal)??)
}
