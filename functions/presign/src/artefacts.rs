//! What is kept for ever: decoder, source, record, manifest, streams, files of the bundle, clips.

use crate::answer::link_to;
use crate::bundle::{bundle, experiment, read_manifest, record as record_of};
use crate::{ClipPath, ExperimentPath, FilePath, StreamPath};
use aiv1_model::api::ClipEntry;
use aiv1_model::{Digest, ExperimentId, Manifest};
use aiv1_store::{BlobKey, ObjectKind};
use aiv1_web::{Path, Problem, Services};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

/// An object that is kept, and the name to save it under.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Artefact {
    key: BlobKey,
    attachment: Option<String>,
}

impl Artefact {
    fn of(id: &ExperimentId, kind: ObjectKind, sha256: Digest) -> Self {
        let key = BlobKey::object(kind, sha256);
        Self { attachment: Some(key.attachment(id)), key }
    }
}

pub(crate) async fn decoder(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    hand_out(&services, find_decoder(&services, &of.id).await?, &request).await
}

pub(crate) async fn source(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let sha256 = experiment(&services, &of.id).await?.submission.source;
    hand_out(&services, Artefact::of(&of.id, ObjectKind::Source, sha256), &request).await
}

pub(crate) async fn record(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let sha256 = bundle(&services, &of.id).await?.record;
    hand_out(&services, Artefact::of(&of.id, ObjectKind::Record, sha256), &request).await
}

pub(crate) async fn manifest(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let sha256 = bundle(&services, &of.id).await?.manifest;
    hand_out(&services, Artefact::of(&of.id, ObjectKind::Manifest, sha256), &request).await
}

pub(crate) async fn stream(
    State(services): State<Services>,
    Path(of): Path<StreamPath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    hand_out(&services, find_stream(&services, &of).await?, &request).await
}

pub(crate) async fn file(
    State(services): State<Services>,
    Path(of): Path<FilePath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    hand_out(&services, find_file(&services, &of).await?, &request).await
}

pub(crate) async fn clip(
    State(services): State<Services>,
    Path(of): Path<ClipPath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    hand_out(&services, find_clip(&services, &of.id).await?, &request).await
}

async fn hand_out(services: &Services, artefact: Artefact, request: &HeaderMap) -> Result<Response, Problem> {
    if services.blobs.head(&artefact.key).await?.is_none() {
        return Err(Problem::NotFound(format!("the store does not have {}", artefact.key)));
    }
    link_to(services, &artefact.key, artefact.attachment, request).await
}

async fn find_decoder(services: &Services, id: &ExperimentId) -> Result<Artefact, Problem> {
    let decoder = record_of(services, id).await?.codec.decoder;
    let decoder = decoder.ok_or_else(|| Problem::NotFound(format!("{id} has no decoder: none was built")))?;
    Ok(Artefact::of(id, ObjectKind::Module, decoder.sha256))
}

async fn find_stream(services: &Services, of: &StreamPath) -> Result<Artefact, Problem> {
    let record = record_of(services, &of.id).await?;
    let point = record.points.iter().find(|point| point.clip == of.clip && point.quality_index == of.q);
    let point = point.ok_or_else(|| {
        let clip = of.clip.abbreviated();
        Problem::NotFound(format!("{} has no point of clip {clip} at quality index {}", of.id, of.q))
    })?;
    Ok(Artefact::of(&of.id, ObjectKind::Stream, point.stream.sha256))
}

async fn find_file(services: &Services, of: &FilePath) -> Result<Artefact, Problem> {
    let sha256 = bundle(services, &of.id).await?.manifest;
    let key = BlobKey::object(ObjectKind::Manifest, sha256);
    if of.path == Manifest::FILE {
        return Ok(Artefact { key, attachment: None });
    }
    let manifest = read_manifest(services.blobs.as_ref(), sha256).await?;
    let manifest = manifest.ok_or_else(|| Problem::NotFound(format!("the store does not have {key}")))?;
    let entry = manifest.files.iter().find(|entry| entry.path == of.path);
    let found = entry.and_then(|entry| Some((ObjectKind::of_bundle_path(&entry.path)?, entry.sha256)));
    let (kind, sha256) = found.ok_or_else(|| {
        Problem::NotFound(format!(
            "the bundle of {} has no file {:?}; its manifest lists all",
            of.id, of.path
        ))
    })?;
    Ok(Artefact { key: BlobKey::object(kind, sha256), attachment: None })
}

async fn find_clip(services: &Services, id: &Digest) -> Result<Artefact, Problem> {
    let clips = services.catalog.clips().await?;
    let clip = clips.into_iter().find(|clip| clip.info.id == *id);
    let clip = clip.ok_or_else(|| Problem::NotFound(format!("there is no clip {id}")))?;
    if clip.is_held_out() {
        return Err(Problem::NotFound(format!("clip {id} is held out: its file is given to workers alone")));
    }
    let attachment = Some(clip_name(&clip));
    Ok(Artefact { key: BlobKey::object(ObjectKind::Clip, clip.file()), attachment })
}

/// Its digest, and the extension of its own name if that is a plain one: the rest of a name is anybody's text.
fn clip_name(clip: &ClipEntry) -> String {
    let id = clip.info.id.abbreviated();
    let extension = clip.info.source.name.rsplit_once('.').map(|(_, extension)| extension);
    let plain =
        |text: &&str| (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match extension.filter(plain) {
        Some(extension) => format!("clip_{id}.{extension}"),
        None => format!("clip_{id}"),
    }
}
