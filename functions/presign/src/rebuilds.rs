//! Previews and archives: handed out if they are there, asked to be made if not.

use crate::answer::{RebuildAnswer, link_to, progress};
use crate::bundle::{bundle, record};
use crate::{ExperimentPath, VideoQuery};
use aiv1_model::{Digest, ExperimentId, Record};
use aiv1_store::{Rebuild, RebuildState, RebuildStatus};
use aiv1_web::{Path, Problem, Query, Services};
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;

pub(crate) async fn get_video(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    Query(which): Query<VideoQuery>,
    method: Method,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let target = video(&services, &of.id, &which).await?;
    let attachment = which.download.unwrap_or(false).then(|| target.key().attachment(&of.id));
    get(&services, &target, attachment, &method, &request).await
}

pub(crate) async fn post_video(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    Query(which): Query<VideoQuery>,
) -> Result<Response, Problem> {
    progress(ask(&services, &video(&services, &of.id, &which).await?).await?)
}

pub(crate) async fn get_bundle(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    method: Method,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let target = archive(&services, &of.id).await?;
    let attachment = Some(target.key().attachment(&of.id));
    get(&services, &target, attachment, &method, &request).await
}

pub(crate) async fn post_bundle(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
) -> Result<Response, Problem> {
    progress(ask(&services, &archive(&services, &of.id).await?).await?)
}

async fn get(
    services: &Services,
    target: &Rebuild,
    attachment: Option<String>,
    method: &Method,
    request: &HeaderMap,
) -> Result<Response, Problem> {
    if is_there(services, target).await? {
        return link_to(services, &target.key(), attachment, request).await;
    }
    let status = match services.catalog.rebuild(target).await? {
        Some(RebuildStatus { state: RebuildState::Failed { reason }, .. }) => {
            let text = format!("it could not be made: {reason}; POST {} asks again", location(target));
            return Err(Problem::NotMade(text));
        }
        // Made between the two looks, unless it has expired since.
        Some(RebuildStatus { state: RebuildState::Done, .. }) if is_there(services, target).await? => {
            return link_to(services, &target.key(), attachment, request).await;
        }
        Some(at_work @ RebuildStatus { state: RebuildState::Running, .. }) => at_work,
        // Whoever only looks asks for nothing: the answer is what a `GET` would get.
        known if method == Method::HEAD => {
            let location = location(target);
            let (requested_at, attempt) = known.map(|known| (known.requested_at, known.attempt)).unzip();
            return progress(RebuildAnswer { state: RebuildState::Queued, requested_at, attempt, location });
        }
        // One that waits is asked for again, in case the consumers never heard of it.
        _ => services.catalog.request_rebuild(target).await?,
    };
    progress(answer(target, Some(status)))
}

/// Asks for a rebuild unless the object is there: one job however many ask.
async fn ask(services: &Services, target: &Rebuild) -> Result<RebuildAnswer, Problem> {
    if is_there(services, target).await? {
        return Ok(answer(target, None));
    }
    Ok(answer(target, Some(services.catalog.request_rebuild(target).await?)))
}

async fn is_there(services: &Services, target: &Rebuild) -> Result<bool, Problem> {
    Ok(services.blobs.head(&target.key()).await?.is_some())
}

fn answer(target: &Rebuild, status: Option<RebuildStatus>) -> RebuildAnswer {
    let location = location(target);
    match status {
        Some(RebuildStatus { state, requested_at, attempt, .. }) => {
            RebuildAnswer { state, requested_at: Some(requested_at), attempt: Some(attempt), location }
        }
        None => RebuildAnswer { state: RebuildState::Done, requested_at: None, attempt: None, location },
    }
}

/// The durable address.
fn location(target: &Rebuild) -> String {
    match target {
        Rebuild::Video { experiment, clip, quality_index } => {
            format!("/api/experiments/{experiment}/video?clip={clip}&q={quality_index}")
        }
        Rebuild::Bundle { experiment } => format!("/api/experiments/{experiment}/bundle"),
    }
}

async fn archive(services: &Services, id: &ExperimentId) -> Result<Rebuild, Problem> {
    bundle(services, id).await?;
    Ok(Rebuild::Bundle { experiment: id.clone() })
}

/// Which preview is meant: only of a stream that the record has.
async fn video(services: &Services, id: &ExperimentId, which: &VideoQuery) -> Result<Rebuild, Problem> {
    let record = record(services, id).await?;
    let (clip, quality_index) = choose(&record, which)?;
    Ok(Rebuild::Video { experiment: id.clone(), clip, quality_index })
}

fn choose(record: &Record, which: &VideoQuery) -> Result<(Digest, u8), Problem> {
    let first = record.points.first().map(|point| point.clip);
    let first = first
        .ok_or_else(|| Problem::NotFound(format!("{} has no streams: nothing was measured", record.id)))?;
    let clip = which.clip.unwrap_or(first);
    let mut measured: Vec<u8> =
        record.points.iter().filter(|point| point.clip == clip).map(|point| point.quality_index).collect();
    measured.sort_unstable();
    let quality_index = which.q.or_else(|| measured.get(measured.len() / 2).copied());
    match quality_index.filter(|index| measured.contains(index)) {
        Some(index) => Ok((clip, index)),
        None if measured.is_empty() => {
            Err(Problem::NotFound(format!("{} was not measured on clip {clip}", record.id)))
        }
        None => {
            let asked = which.q.unwrap_or_default();
            let text =
                format!("{} was not measured at quality index {asked}, but at {measured:?}", record.id);
            Err(Problem::NotFound(text))
        }
    }
}
