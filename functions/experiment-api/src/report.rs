//! What workers report: that they live, that a phase ended, how the work ended.

use crate::publish;
use aiv1_model::api::{Beat, Heartbeat, Holder, PhaseReport, ResultReport, WorkResult};
use aiv1_model::{BundleRef, Evidence, Experiment, ExperimentId, Failure, Fault};
use aiv1_presign::ExperimentPath;
use aiv1_store::{Ended, Error as StoreError};
use aiv1_web::{Allowed, Json, Path, Problem, Services, Works};
use axum::extract::State;
use axum::http::StatusCode;

/// Most bytes of a failure's kind.
const MAX_KIND: usize = 64;
/// Most bytes of a failure's message.
const MAX_MESSAGE: usize = 16 << 10;
/// Most pieces of evidence.
const MAX_EVIDENCE: usize = 16;

pub(crate) async fn heartbeat(
    State(services): State<Services>,
    _: Allowed<Works>,
    Path(of): Path<ExperimentPath>,
    Json(beat): Json<Heartbeat>,
) -> Result<Json<Beat>, Problem> {
    if let Some(progress) = beat.progress.filter(|progress| !(0.0..=1.0).contains(progress)) {
        return Err(Problem::Refused(format!("progress is {progress}, but must be 0 to 1")));
    }
    Ok(Json(Beat { lease_expires_at: services.catalog.heartbeat(&of.id, &beat).await? }))
}

pub(crate) async fn phase(
    State(services): State<Services>,
    _: Allowed<Works>,
    Path(of): Path<ExperimentPath>,
    Json(report): Json<PhaseReport>,
) -> Result<StatusCode, Problem> {
    if report.phase.ended_at < report.phase.started_at {
        return Err(Problem::Refused("phase.ended_at is before phase.started_at".to_owned()));
    }
    services.catalog.phase(&of.id, &report.holder, &report.phase).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn result(
    State(services): State<Services>,
    _: Allowed<Works>,
    Path(of): Path<ExperimentPath>,
    Json(report): Json<ResultReport>,
) -> Result<Json<Experiment>, Problem> {
    let ResultReport { holder, result } = report;
    let experiment = match result {
        WorkResult::Published { bundle } => published(&services, &of.id, &holder, bundle).await?,
        WorkResult::Infrastructure { failure } => {
            check_infrastructure(&failure)?;
            services.catalog.end(&of.id, &holder, &Ended::Infrastructure(Box::new(failure))).await?
        }
        WorkResult::GaveBack => services.catalog.end(&of.id, &holder, &Ended::GaveBack).await?,
    };
    Ok(Json(experiment))
}

/// Ends work with a bundle, once its objects are there and say the same as what was asked.
async fn published(
    services: &Services,
    id: &ExperimentId,
    holder: &Holder,
    bundle: BundleRef,
) -> Result<Experiment, Problem> {
    let experiment =
        services.catalog.experiment(id).await?.ok_or_else(|| StoreError::NoExperiment(id.clone()))?;
    if experiment.attempt == holder.attempt && experiment.bundle.as_ref() == Some(&bundle) {
        return Ok(experiment);
    }
    if !experiment.is_held_by(holder) {
        let Holder { worker, attempt } = holder.clone();
        return Err(StoreError::Lost { id: id.clone(), attempt, worker }.into());
    }
    let record = Box::new(publish::read(services, &experiment, &bundle).await?);
    Ok(services.catalog.end(id, holder, &Ended::Published { record, bundle }).await?)
}

fn check_infrastructure(failure: &Failure) -> Result<(), Problem> {
    if failure.fault != Fault::Infrastructure {
        let text = format!(
            "failure.fault is {}, but must be infrastructure: others publish a record",
            failure.fault
        );
        return Err(Problem::Refused(text));
    }
    check_failure(failure)
}

/// Bounds on what a failure says; its texts are anybody's.
pub(crate) fn check_failure(failure: &Failure) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let Failure { kind, message, evidence, .. } = failure;
    if kind.is_empty() || kind.len() > MAX_KIND || !kind.bytes().all(plain) {
        return Err(Problem::Refused(format!(
            "failure.kind is {kind:?}, but must be 1 to {MAX_KIND} of [A-Za-z0-9_]"
        )));
    }
    if message.len() > MAX_MESSAGE {
        let bytes = message.len();
        return Err(Problem::Refused(format!(
            "failure.message has {bytes} bytes, but must have at most {MAX_MESSAGE}"
        )));
    }
    // What was cut is said at the end of a text, beyond the bound.
    let most = Evidence::MAX_BYTES + 64;
    if evidence.len() > MAX_EVIDENCE
        || evidence.iter().any(|one| one.text.len() > most || one.name.len() > MAX_KIND)
    {
        let text = format!("failure.evidence must be at most {MAX_EVIDENCE} texts of at most {most} bytes");
        return Err(Problem::Refused(text));
    }
    Ok(())
}
