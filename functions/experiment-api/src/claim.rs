//! Claiming work: a long poll that ends with work, or with nothing after a while.

use crate::standards::{self, Standards};
use aiv1_model::api::{Claim, ClaimRequest, ClaimedClip, ClipEntry, WorkerInfo};
use aiv1_model::{Digest, Failure, Fault, Phase};
use aiv1_store::{BlobKey, ClaimedWork, Ended, LEASE, LinkOptions, ObjectKind};
use aiv1_web::{Allowed, Json, Problem, Services, Works};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait, in seconds: below what proxies and load balancers cut.
const MAX_WAIT_SECONDS: u64 = 25;
/// Most bytes of what a worker says of itself, each.
const MAX_TEXT: usize = 200;

pub(crate) async fn post(
    State(services): State<Services>,
    _: Allowed<Works>,
    Json(request): Json<ClaimRequest>,
) -> Result<Response, Problem> {
    check(&request)?;
    let wait = Duration::from_secs(request.wait_seconds);
    Ok(match claim(&services, &request.worker, wait).await? {
        Some(claim) => Json(claim).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

fn check(request: &ClaimRequest) -> Result<(), Problem> {
    check_worker(&request.worker)?;
    if request.wait_seconds > MAX_WAIT_SECONDS {
        let asked = request.wait_seconds;
        return Err(Problem::Invalid(format!(
            "wait_seconds is {asked}, but must be 0 to {MAX_WAIT_SECONDS}"
        )));
    }
    Ok(())
}

/// Refuses what no worker says of itself.
pub(crate) fn check_worker(worker: &WorkerInfo) -> Result<(), Problem> {
    let machine = worker.machine.as_deref().unwrap_or_default();
    if !worker.has_valid_name() {
        let text = format!("worker.name is {:?}, but must be 1 to 64 of [A-Za-z0-9._-]", worker.name);
        return Err(Problem::Refused(text));
    }
    if worker.version.len() > MAX_TEXT || machine.len() > MAX_TEXT {
        let text = format!("worker.version and worker.machine must have at most {MAX_TEXT} bytes each");
        return Err(Problem::Refused(text));
    }
    Ok(())
}

/// Claims the longest-waiting experiment, waiting for one at most so long. This goes on when the client is gone: the
/// catalog is told when it asked, and gives nothing to one that has asked anew since.
async fn claim(services: &Services, worker: &WorkerInfo, wait: Duration) -> Result<Option<Claim>, Problem> {
    let (until, asked_at) = (Instant::now() + wait, services.clock.now());
    loop {
        if let Some(work) = services.catalog.claim_asked(worker, asked_at).await? {
            match describe(services, &work).await? {
                Ok(claim) => return Ok(Some(claim)),
                // Bounded: an experiment fails for good after a few attempts lost.
                Err(failure) => {
                    let id = &work.experiment.id;
                    tracing::error!(%id, failure.message, "claimed work cannot be handed out");
                    services.catalog.end(id, &work.holder, &Ended::Infrastructure(failure)).await?;
                }
            }
            continue;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        services.catalog.wait_for_work(left).await;
    }
}

/// Everything that a worker needs for it; or why that cannot be had.
async fn describe(services: &Services, work: &ClaimedWork) -> Result<Result<Claim, Box<Failure>>, Problem> {
    let experiment = &work.experiment;
    let Some(source) = source(services, experiment.submission.source).await? else {
        return Ok(Err(Box::new(missing(
            "source_missing",
            "the codec's source",
            experiment.submission.source,
        ))));
    };
    let clips = match clips(services, &experiment.submission.clips).await? {
        Ok(clips) => clips,
        Err(id) => return Ok(Err(Box::new(missing("clip_missing", "the clip", id)))),
    };
    let Standards { bar, duplicate_of } = standards::of(services.catalog.as_ref(), experiment).await?;
    Ok(Ok(Claim {
        id: experiment.id.clone(),
        attempt: work.holder.attempt,
        submission: experiment.submission.clone(),
        source,
        clips,
        lease_seconds: LEASE.as_secs().unsigned_abs(),
        bar,
        duplicate_of,
    }))
}

/// Clips with fresh links, or the first that is not known.
pub(crate) async fn clips(
    services: &Services,
    ids: &[Digest],
) -> Result<Result<Vec<ClaimedClip>, Digest>, Problem> {
    let known = services.catalog.clips().await?;
    let mut clips = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(clip) = known.iter().find(|clip| clip.info.id == *id) else { return Ok(Err(*id)) };
        clips.push(with_link(services, clip.clone()).await?);
    }
    Ok(Ok(clips))
}

async fn source(services: &Services, sha256: Digest) -> Result<Option<String>, Problem> {
    let kind = ObjectKind::Source;
    let bytes = services.blobs.get(&BlobKey::object(kind, sha256), kind.max_bytes()).await?;
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()))
}

async fn with_link(services: &Services, clip: ClipEntry) -> Result<ClaimedClip, Problem> {
    let key = BlobKey::object(ObjectKind::Clip, clip.file());
    let link = services
        .blobs
        .link(&key, &LinkOptions { lifetime: aiv1_presign::LIFETIME, attachment: None })
        .await?;
    Ok(ClaimedClip { clip, url: link.url })
}

fn missing(kind: &str, what: &str, sha256: Digest) -> Failure {
    Failure {
        fault: Fault::Infrastructure,
        phase: Phase::Deployment,
        kind: kind.to_owned(),
        message: format!("{what} {sha256} is not in the store"),
        clip: None,
        quality_index: None,
        evidence: Vec::new(),
    }
}
