//! Audits: a worker without work is given a published experiment to derive again, and tells what came of it.
//!
//! Which one is drawn at random, so that nobody knows beforehand what will be looked at, from the newest and the best: those
//! are what people read. Nothing is reserved: two workers that are given the same have both looked. A report names the bundle that
//! it is about, is taken once a day for each experiment, and not from the worker that measured it while another is around.

use crate::claim;
use aiv1_model::api::{Audit, AuditReport, AuditRequest, WorkerInfo};
use aiv1_model::{Action, BundleRef, Digest, Event, Experiment, ExperimentId, Status, Summary};
use aiv1_presign::ExperimentPath;
use aiv1_store::{Catalog, Error, Order, Query, journal_since, midnight};
use aiv1_web::{Allowed, Json, Path, Problem, Services, Works};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};

/// Of the newest and of the best so many are drawn from.
const DRAWN_FROM: u32 = Query::MAX_LIMIT;

/// So many draws are looked at more closely.
const DRAWS: usize = 16;

/// Another worker that was heard of within this time will ask for audits, too.
const AROUND: SignedDuration = SignedDuration::from_mins(30);

pub(crate) async fn post_claim(
    State(services): State<Services>,
    _: Allowed<Works>,
    Json(request): Json<AuditRequest>,
) -> Result<Response, Problem> {
    claim::check_worker(&request.worker)?;
    let Some((drawn, bundle)) = draw(&services, &request).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let clips = claim::clips(&services, &drawn.submission.clips).await?;
    let clips = clips.map_err(|clip| Problem::Conflict(format!("the clip {clip} is not in the store")))?;
    Ok(Json(Audit { id: drawn.id, manifest: bundle.manifest, clips }).into_response())
}

pub(crate) async fn post_report(
    State(services): State<Services>,
    _: Allowed<Works>,
    Path(of): Path<ExperimentPath>,
    Json(report): Json<AuditReport>,
) -> Result<Json<Experiment>, Problem> {
    let AuditReport { worker, manifest, outcome, detail } = report;
    if !WorkerInfo::is_name(&worker) {
        let worker: String = worker.chars().take(80).collect();
        let text = format!("worker is {worker:?}, but must be 1 to 64 of [A-Za-z0-9._-]");
        return Err(Problem::Refused(text));
    }
    let (bytes, most) = (detail.len(), Action::MAX_TEXT_BYTES);
    if bytes > most {
        return Err(Problem::Refused(format!("detail has {bytes} bytes, but must have at most {most}")));
    }
    check_report(&services, &of.id, &worker, manifest).await?;
    let experiment = services.catalog.act(&of.id, &worker, &Action::Verified { outcome, detail }).await?;
    if experiment.retraction.is_some() {
        tracing::warn!(id = %of.id, worker, ?outcome, "a published experiment is retracted");
    }
    Ok(Json(experiment))
}

/// Refuses a report about another bundle than the one that is published, a second one on one day, and a worker's word for its own
/// work.
async fn check_report(
    services: &Services,
    id: &ExperimentId,
    worker: &str,
    manifest: Digest,
) -> Result<(), Problem> {
    let (catalog, now) = (&*services.catalog, services.clock.now());
    let experiment = catalog.experiment(id).await?.ok_or_else(|| Error::NoExperiment(id.clone()))?;
    let conflict = |text: &str| Err(Problem::Conflict(format!("experiment {id}: {text}")));
    if experiment.bundle.as_ref().is_none_or(|bundle| bundle.manifest != manifest) {
        return conflict("the bundle that was derived again is not the one that is published");
    }
    if experiment.verified.as_ref().is_some_and(|verified| verified.at >= midnight(now)) {
        return conflict("it was derived again today, and once is enough");
    }
    if experiment.measured_by.as_deref() == Some(worker) && others_around(catalog, worker, now).await? {
        return conflict("another worker than the one that measured it is to derive it again");
    }
    Ok(())
}

/// An experiment for this worker to derive again, unless there were enough today.
async fn draw(
    services: &Services,
    request: &AuditRequest,
) -> Result<Option<(Experiment, BundleRef)>, Problem> {
    let (catalog, now) = (&*services.catalog, services.clock.now());
    let midnight = midnight(now);
    if audits_since(catalog, midnight).await? >= request.at_most_a_day {
        return Ok(None);
    }
    let others = others_around(catalog, &request.worker.name, now).await?;
    let mut candidates = candidates(catalog, midnight).await?;
    fastrand::shuffle(&mut candidates);
    for summary in candidates.into_iter().take(DRAWS) {
        let Some(experiment) = catalog.experiment(&summary.id).await? else { continue };
        let own = experiment.measured_by.as_deref() == Some(&*request.worker.name);
        let bundle = experiment.bundle.clone().filter(|_| !(own && others));
        if let Some(bundle) = bundle {
            return Ok(Some((experiment, bundle)));
        }
    }
    Ok(None)
}

/// What stands published and was not derived again since.
async fn candidates(catalog: &dyn Catalog, since: Timestamp) -> Result<Vec<Summary>, Error> {
    let mut found: Vec<Summary> = Vec::new();
    for order in [Order::Newest, Order::Best] {
        let query = Query { status: Some(Status::Successful), order, limit: DRAWN_FROM, ..Query::default() };
        let page = catalog.list(&query).await?.experiments;
        let audited =
            |summary: &Summary| summary.verified.as_ref().is_some_and(|verified| verified.at >= since);
        found.extend(page.into_iter().filter(|summary| summary.retraction.is_none() && !audited(summary)));
    }
    found.sort_by_key(|summary| summary.number);
    found.dedup_by_key(|summary| summary.number);
    Ok(found)
}

/// How many experiments were derived again since then.
async fn audits_since(catalog: &dyn Catalog, since: Timestamp) -> Result<u32, Error> {
    let lines = journal_since(catalog, since).await?;
    let audits = lines
        .iter()
        .filter(|line| matches!(line.event, Event::Action { action: Action::Verified { .. }, .. }));
    Ok(u32::try_from(audits.count()).unwrap_or(u32::MAX))
}

/// Whether there is another worker to derive what this one has measured.
async fn others_around(catalog: &dyn Catalog, name: &str, now: Timestamp) -> Result<bool, Error> {
    let since = now.checked_sub(AROUND).unwrap_or(Timestamp::MIN);
    let workers = catalog.workers().await?;
    Ok(workers.iter().any(|worker| worker.info.name != name && worker.last_seen >= since))
}
