//! Reading what an experiment keeps: itself, its record, its manifest.

use aiv1_model::{BundleRef, Digest, Experiment, ExperimentId, Manifest, Record, Status};
use aiv1_store::{BlobKey, Blobs, Error as StoreError, ObjectKind};
use aiv1_web::{Problem, Services};

/// An experiment, or 404.
pub(crate) async fn experiment(services: &Services, id: &ExperimentId) -> Result<Experiment, Problem> {
    Ok(services.catalog.experiment(id).await?.ok_or_else(|| StoreError::NoExperiment(id.clone()))?)
}

/// Its record without series, or 404 with why there is none.
pub(crate) async fn record(services: &Services, id: &ExperimentId) -> Result<Record, Problem> {
    if let Some(record) = services.catalog.record(id).await? {
        return Ok(record);
    }
    Err(nothing_published(&experiment(services, id).await?, "record"))
}

/// Where its bundle is, or 404 with why there is none.
pub(crate) async fn bundle(services: &Services, id: &ExperimentId) -> Result<BundleRef, Problem> {
    let experiment = experiment(services, id).await?;
    experiment.bundle.clone().ok_or_else(|| nothing_published(&experiment, "bundle"))
}

fn nothing_published(experiment: &Experiment, what: &str) -> Problem {
    let why = match experiment.status {
        _ if experiment.purged_at.is_some() => "what came of it was purged",
        Status::Queued => "it waits for a worker",
        Status::InProgress => "it is being measured",
        Status::Failed => "it failed before anything could be published",
        Status::Successful | Status::Other => "nothing was published",
    };
    Problem::NotFound(format!("{} has no {what}: {why}", experiment.id))
}

/// A stored manifest; `None` if it is not there. Its bytes are those of the digest and of its one canonical text, or it
/// is damaged.
pub async fn read_manifest(blobs: &dyn Blobs, sha256: Digest) -> Result<Option<Manifest>, StoreError> {
    let key = BlobKey::object(ObjectKind::Manifest, sha256);
    let Some(text) = blobs.get(&key, ObjectKind::Manifest.max_bytes()).await? else { return Ok(None) };
    let damaged = |reason: String| StoreError::Damaged { what: key.to_string(), reason };
    if Digest::of(&text) != sha256 {
        return Err(damaged("its bytes have another digest".to_owned()));
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if manifest.format != Manifest::FORMAT || manifest.canonical_text() != text {
        return Err(damaged("its text is not the canonical one of a manifest".to_owned()));
    }
    Ok(Some(manifest))
}
