//! Believing a published bundle: every file of it is there, its record answers what was asked, and the figures follow from
//! the measurements.

use crate::figures;
use crate::report::check_failure;
use aiv1_model::api::ClipEntry;
use aiv1_model::{
    BundleRef, Digest, Experiment, Fault, Manifest, ManifestEntry, RECORD_VERSION, Record, Status,
};
use aiv1_presign::read_manifest;
use aiv1_store::{BlobKey, Error as StoreError, ObjectKind};
use aiv1_web::{Problem, Services};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeSet;

/// Name of the record inside a bundle.
const RECORD: &str = "record.json";
/// Most bytes of a record without its series: what the catalog keeps.
const MAX_COMPACT: usize = 16 << 20;
/// How many objects are looked for at a time.
const LOOKS_AT_ONCE: usize = 16;

/// The record of a bundle, without per-frame series; 422 names the field that does not fit.
pub(crate) async fn read(
    services: &Services,
    asked: &Experiment,
    bundle: &BundleRef,
) -> Result<Record, Problem> {
    let manifest = read_manifest(services.blobs.as_ref(), bundle.manifest).await.map_err(whose)?;
    let manifest = manifest.ok_or_else(|| absent("bundle.manifest", bundle.manifest))?;
    check_manifest(&manifest, bundle)?;
    let looks = stream::iter(manifest.files.clone()).map(|entry| check_object(services, entry));
    looks.buffer_unordered(LOOKS_AT_ONCE).try_collect::<()>().await?;
    let key = BlobKey::object(ObjectKind::Record, bundle.record);
    let text = services.blobs.get(&key, ObjectKind::Record.max_bytes()).await.map_err(whose)?;
    let text = text.ok_or_else(|| absent("bundle.record", bundle.record))?;
    let known = services.catalog.clips().await?;
    let (asked, sha256) = (asked.clone(), bundle.record);
    // Long series make a record large: reading it would hold up everything else on this thread.
    let read = tokio::task::spawn_blocking(move || check_record(&text, sha256, &manifest, &asked, &known));
    read.await.map_err(Problem::internal)?
}

/// A damaged object is the worker's, whatever else fails is ours.
fn whose(error: StoreError) -> Problem {
    match error {
        StoreError::Damaged { .. } | StoreError::TooLarge { .. } => Problem::Refused(error.to_string()),
        other => other.into(),
    }
}

fn absent(field: &str, sha256: Digest) -> Problem {
    Problem::Refused(format!("{field} is {sha256}, which was not uploaded"))
}

fn refuse<T>(text: String) -> Result<T, Problem> {
    Err(Problem::Refused(text))
}

fn check_manifest(manifest: &Manifest, bundle: &BundleRef) -> Result<(), Problem> {
    if manifest.bytes() != bundle.bytes {
        return refuse(format!("bundle.bytes is {}, but its files have {}", bundle.bytes, manifest.bytes()));
    }
    match manifest.files.iter().find(|entry| entry.path == RECORD) {
        Some(entry) if entry.sha256 == bundle.record => Ok(()),
        Some(entry) => {
            refuse(format!("bundle.record is {}, but the manifest says {}", bundle.record, entry.sha256))
        }
        None => refuse(format!("bundle.manifest names no {RECORD}")),
    }
}

async fn check_object(services: &Services, entry: ManifestEntry) -> Result<(), Problem> {
    let kind = ObjectKind::of_bundle_path(&entry.path).filter(|_| entry.has_plain_path());
    let Some(kind) = kind else { return refuse(format!("{:?} is no path that a bundle has", entry.path)) };
    match services.blobs.head(&BlobKey::object(kind, entry.sha256)).await? {
        Some(there) if there.bytes == entry.bytes => Ok(()),
        Some(there) => refuse(format!(
            "{:?} has {} bytes in the manifest, but {} in the store",
            entry.path, entry.bytes, there.bytes
        )),
        None => refuse(format!("{:?} was not uploaded", entry.path)),
    }
}

fn check_record(
    text: &[u8],
    sha256: Digest,
    manifest: &Manifest,
    asked: &Experiment,
    known: &[ClipEntry],
) -> Result<Record, Problem> {
    if Digest::of(text) != sha256 {
        return refuse(format!("{RECORD} does not have the digest {sha256}"));
    }
    let record: Record = serde_json::from_slice(text)
        .map_err(|error| Problem::Refused(format!("{RECORD} is no record: {error}")))?;
    let mut canonical = serde_json::to_vec(&record).map_err(Problem::internal)?;
    canonical.push(b'\n');
    if canonical != text {
        return refuse(format!("the text of {RECORD} is not the canonical one of what it says"));
    }
    drop(canonical);
    check_answer(&record, asked)?;
    check_files(&record, manifest)?;
    figures::check(&record, known)?;
    let record = record.without_series();
    let bytes = serde_json::to_vec(&record).map_err(Problem::internal)?.len();
    if bytes > MAX_COMPACT {
        return refuse(format!(
            "record has {bytes} bytes without its series, but may have at most {MAX_COMPACT}"
        ));
    }
    Ok(record)
}

/// The record answers what was asked.
fn check_answer(record: &Record, asked: &Experiment) -> Result<(), Problem> {
    let submission = &asked.submission;
    let clips: Vec<Digest> = record.clips.iter().map(|clip| clip.id).collect();
    let fits = [
        ("version", record.version == RECORD_VERSION),
        ("id", record.id == asked.id),
        ("codec.source_sha256", record.codec.source_sha256 == submission.source),
        ("codec.name", record.codec.name == submission.codec),
        ("asked", record.asked == submission.parameters),
        ("clips", clips == submission.clips),
        ("settings", record.settings == submission.settings),
        ("status", matches!(record.status, Status::Successful | Status::Failed)),
        ("ended_at", record.ended_at.is_some_and(|end| end >= record.started_at)),
        ("failure", record.failure.is_some() == (record.status == Status::Failed)),
        // What the infrastructure did to it says nothing of the codec, and is tried again in place of published.
        (
            "failure.fault",
            record.failure.as_ref().is_none_or(|failure| failure.fault != Fault::Infrastructure),
        ),
    ];
    if let Some((field, _)) = fits.iter().find(|(_, fits)| !fits) {
        return refuse(format!("record.{field} does not fit what was asked of {}", asked.id));
    }
    record.failure.as_ref().map_or(Ok(()), check_failure)
}

/// Everything that the record names is in the bundle.
fn check_files(record: &Record, manifest: &Manifest) -> Result<(), Problem> {
    let streams = record.points.iter().map(|point| {
        let stream = &point.stream;
        (stream.path.clone(), stream.bytes, stream.sha256)
    });
    let anchors =
        record.anchors.iter().map(|point| (point.path.clone(), point.stream_bytes, point.stream_sha256));
    let codec = &record.codec;
    let modules = [("encoder", &codec.encoder), ("decoder", &codec.decoder)];
    let modules = modules.into_iter().filter_map(|(name, module)| {
        module.as_ref().map(|module| (format!("codec/{name}.wasm"), module.bytes, module.sha256))
    });
    let clips = record.clips.iter().filter_map(|clip| {
        let source = &clip.source;
        source.bundled.as_ref().map(|path| (path.clone(), source.bytes, source.sha256))
    });
    let source = (format!("codec/{}.rs", codec.name), codec.source_bytes, codec.source_sha256);
    let there: BTreeSet<&ManifestEntry> = manifest.files.iter().collect();
    for (path, bytes, sha256) in streams.chain(anchors).chain(modules).chain(clips).chain([source]) {
        let named = ManifestEntry { path, bytes, sha256 };
        if !there.contains(&named) {
            return refuse(format!(
                "the record names {:?}, which the manifest has not, or has otherwise",
                named.path
            ));
        }
    }
    Ok(())
}
