//! Submitting: what is asked is made whole with the lab's defaults, checked, and queued.

use crate::experiments::find;
use crate::idempotency::IdempotencyKey;
use crate::texts;
use aiv1_model::api::{ClipEntry, ExperimentAnswer, SubmitRequest};
use aiv1_model::{AnchorEncode, Arm, Digest, Origin, Submission};
use aiv1_store::{BlobKey, NewExperiment, ObjectKind, Submitted};
use aiv1_web::{Allowed, Json, Problem, Scope, Services, Submits};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};

type Answer = (StatusCode, [(HeaderName, String); 1], Json<ExperimentAnswer>);

pub(crate) async fn post(
    State(services): State<Services>,
    allowed: Allowed<Submits>,
    IdempotencyKey(key): IdempotencyKey,
    Json(request): Json<SubmitRequest>,
) -> Result<Described, Problem> {
    let Submitted { experiment, created } = submit(&services, request, key, allowed.scope()).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/api/experiments/{}", experiment.id);
    let answer = if created {
        ExperimentAnswer::new(experiment, None)
    } else {
        find(&services, &experiment.id).await?
    };
    Ok(Described((status, [(header::LOCATION, location)], Json(answer))))
}

/// An answer whose statuses the table of routes describes.
pub(crate) struct Described(Answer);

impl axum::response::IntoResponse for Described {
    fn into_response(self) -> axum::response::Response {
        self.0.into_response()
    }
}

impl aide::OperationOutput for Described {
    type Inner = ExperimentAnswer;
}

/// Queues what is asked, or finds the experiment that asked the same.
async fn submit(
    services: &Services,
    request: SubmitRequest,
    key: Option<String>,
    scope: Scope,
) -> Result<Submitted, Problem> {
    check_texts(&request)?;
    let sha256 = Digest::of(request.source.as_bytes());
    let known = services.catalog.clips().await?;
    let clips = clips(request.clips, &known, scope)?;
    let settings = request.settings.or_else(|| Some(services.site.defaults.as_ref()?.settings.clone()));
    let settings = settings.ok_or_else(|| {
        Problem::Refused("settings is absent, but must be given: this lab has no defaults".to_owned())
    })?;
    let submission =
        Submission { codec: request.codec, source: sha256, parameters: request.parameters, clips, settings };
    submission.check().map_err(|error| Problem::Refused(error.to_string()))?;
    check_anchors(&submission)?;
    check_parameters(services, &submission).await?;
    let source = BlobKey::object(ObjectKind::Source, sha256);
    if services.blobs.head(&source).await?.is_none() {
        services.blobs.put(&source, request.source.into()).await?;
    }
    // Whoever asks about held-out clips takes a look at them, which is counted and ranked nowhere.
    let looks = known.iter().any(|clip| clip.is_held_out() && submission.clips.contains(&clip.info.id));
    let origin = Origin::new(if looks { Arm::HeldOut } else { Arm::Person }, request.rationale);
    Ok(services.catalog.submit(&NewExperiment { submission, origin, idempotency_key: key }).await?)
}

fn check_texts(request: &SubmitRequest) -> Result<(), Problem> {
    let (source, most) = (request.source.len(), Submission::MAX_SOURCE_BYTES);
    if source == 0 || source as u64 > most {
        return Err(Problem::Refused(format!("source has {source} bytes, but must have 1 to {most}")));
    }
    texts::check("rationale", &request.rationale, Origin::MAX_RATIONALE_BYTES)
}

/// The clips asked for, or all of the open set. Whoever could ask for those that are held out would learn from the answer.
fn clips(asked: Option<Vec<Digest>>, known: &[ClipEntry], scope: Scope) -> Result<Vec<Digest>, Problem> {
    let Some(asked) = asked else {
        let open = known.iter().filter(|clip| clip.set == ClipEntry::OPEN);
        let open: Vec<Digest> = open.map(|clip| clip.info.id).take(Submission::MAX_CLIPS).collect();
        if open.is_empty() {
            return Err(Problem::Refused("clips is absent, and the open set has no clip".to_owned()));
        }
        return Ok(open);
    };
    for id in &asked {
        let Some(clip) = known.iter().find(|clip| clip.info.id == *id) else {
            return Err(Problem::Refused(format!("clips names {id}, which /api/clips does not list")));
        };
        if clip.is_held_out() && scope != Scope::Admin {
            let text = format!("clips names {id}, which is held out: only an admin's token may ask for it");
            return Err(Problem::Refused(text));
        }
    }
    Ok(asked)
}

fn check_anchors(submission: &Submission) -> Result<(), Problem> {
    let unknown = |name: &&String| !AnchorEncode::NAMES.contains(&name.as_str());
    match submission.settings.anchors.iter().find(unknown) {
        Some(name) => {
            let known = AnchorEncode::NAMES.join(", ");
            Err(Problem::Refused(format!("settings.anchors names {name:?}, but must name some of {known}")))
        }
        None => Ok(()),
    }
}

/// Where the codec has been compiled before, what it declares is known, and a wrong value need not reach a worker.
async fn check_parameters(services: &Services, submission: &Submission) -> Result<(), Problem> {
    let codec = services.catalog.codec(&submission.source).await?;
    let Some(declaration) = codec.and_then(|codec| codec.declaration) else { return Ok(()) };
    match declaration.resolve(&submission.parameters) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::Refused(error.to_string())),
    }
}
