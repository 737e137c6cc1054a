//! The client against the functions themselves, on a store of their own: one experiment from its submission to its files.

#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_client::{Client, Error};
use aiv1_model::api::{
    ClaimRequest, Holder, PhaseReport, ResultReport, SubmitRequest, UploadsRequest, WorkResult,
};
use aiv1_model::{BundleRef, Digest, Manifest, ManifestEntry, Phase, Record, Settings, Status};
use aiv1_store::contract::fixtures;
use aiv1_store::{BlobKey, ObjectKind};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::{Defaults, Scope, Services, Site, Tokens};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SOURCE: &str = "// a codec\n";
const CLIP: &[u8] = b"the file of a clip";
const SOON: Duration = Duration::from_secs(10);

/// The functions on a port, with one clip; and that port's address.
async fn lab(folder: &Path, settings: Settings) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let clock = fixtures::clock();
    let store = EmbeddedStore::open(folder, clock.clone()).unwrap();
    let (catalog, blobs) = (store.catalog(), store.blobs(&base));
    let mut clip = fixtures::clip(0);
    (clip.info.source.sha256, clip.info.source.bytes) = (Digest::of(CLIP), CLIP.len() as u64);
    blobs.put(&BlobKey::object(ObjectKind::Clip, clip.file()), Bytes::from_static(CLIP)).await.unwrap();
    catalog.put_clip(&clip).await.unwrap();
    let site = Site {
        public_url: base.clone(),
        media_origin: None,
        version: "1".to_owned(),
        defaults: Some(Defaults { settings }),
    };
    let tokens = Arc::new(Tokens::new([(Scope::Submit, "submits"), (Scope::Worker, "works")]));
    let services = Services { catalog, blobs, clock, tokens, site: Arc::new(site) };
    let functions =
        aiv1_experiment_api::router(services.clone()).merge(aiv1_presign::router(services.clone()));
    let router = aiv1_web::edge(functions, &services).merge(store.router());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

/// The bundle of a failed experiment in `folder`: record, source, manifest.
fn bundle(folder: &Path, record: &Record) -> (Manifest, BundleRef) {
    let mut text = serde_json::to_vec(record).unwrap();
    text.push(b'\n');
    let files = [("codec/sample.rs", SOURCE.as_bytes()), ("record.json", &text[..])];
    std::fs::create_dir(folder.join("codec")).unwrap();
    let write = |(path, content): (&str, &[u8])| {
        std::fs::write(folder.join(path), content).unwrap();
        ManifestEntry { path: path.to_owned(), bytes: content.len() as u64, sha256: Digest::of(content) }
    };
    let manifest = Manifest { format: Manifest::FORMAT.to_owned(), files: files.map(write).to_vec() };
    let text = manifest.canonical_text();
    std::fs::write(folder.join(Manifest::FILE), &text).unwrap();
    let record = manifest.files[1].sha256;
    let reference = BundleRef { manifest: Digest::of(&text), record, bytes: manifest.bytes() };
    (manifest, reference)
}

#[tokio::test]
async fn one_experiment_from_its_submission_to_its_files() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let base = lab(data.path(), fixtures::submission(1).settings).await;
    let reader = Client::new(&base, None).unwrap();
    assert_eq!(reader.clips().await.unwrap().len(), 1);

    let submission = SubmitRequest {
        codec: "sample".to_owned(),
        source: SOURCE.to_owned(),
        parameters: fixtures::submission(1).parameters,
        clips: None,
        settings: None,
        rationale: "It may be better.".to_owned(),
    };
    let refused = reader.submit(&submission, None).await.unwrap_err();
    assert!(refused.is_unauthorized(), "{refused}");
    let submitter = Client::new(&base, Some("submits")).unwrap();
    let submitted = submitter.submit(&submission, None).await.unwrap();
    assert!(submitted.created && !submitter.submit(&submission, None).await.unwrap().created);
    let asked = submitted.answer.experiment.submission;

    let worker = Client::new(&base, Some("works")).unwrap();
    let request = ClaimRequest { worker: fixtures::worker("w"), wait_seconds: 0 };
    let claim = worker.claim(&request).await.unwrap().unwrap();
    assert_eq!((&claim.submission, claim.source.as_str()), (&asked, SOURCE));
    let clip = &claim.clips[0];
    let to = scratch.path().join("clip");
    worker.download(&clip.url, clip.clip.file_bytes(), &clip.clip.file(), &to).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), CLIP);

    let holder = Holder { worker: "w".to_owned(), attempt: claim.attempt };
    worker.heartbeat(&claim.id, &fixtures::beat(&holder), SOON).await.unwrap();
    let phase = PhaseReport { holder: holder.clone(), phase: fixtures::phase(Phase::Validation) };
    worker.phase(&claim.id, &phase).await.unwrap();

    let mut record = fixtures::record_for(&asked, Status::Failed, None);
    (record.codec.encoder, record.codec.decoder) = (None, None);
    record.codec.source_bytes = SOURCE.len() as u64;
    record.clips = vec![clip.clip.info.clone()];
    let folder = scratch.path().join("bundle");
    std::fs::create_dir(&folder).unwrap();
    let (manifest, reference) = bundle(&folder, &record);
    let request = UploadsRequest { holder: holder.clone(), manifest: manifest.clone() };
    let uploads = worker.uploads(&claim.id, &request).await.unwrap().uploads;
    let paths: Vec<&str> = uploads.iter().map(|upload| upload.path.as_str()).collect();
    // The source is there since the submission.
    assert_eq!(paths, ["record.json", "manifest.json"]);
    for upload in &uploads {
        worker.upload(upload, &folder.join(&upload.path)).await.unwrap();
    }
    assert!(worker.uploads(&claim.id, &request).await.unwrap().uploads.is_empty());
    let result = WorkResult::Published { bundle: reference.clone() };
    let report = ResultReport { holder: holder.clone(), result };
    worker.result(&claim.id, &report).await.unwrap();
    worker.result(&claim.id, &report).await.unwrap();
    let late = worker.heartbeat(&claim.id, &fixtures::beat(&holder), SOON).await.unwrap_err();
    assert!(matches!(late, Error::Lost { .. }), "{late:?}");

    let answer = reader.experiment(&claim.id).await.unwrap();
    assert_eq!(
        (answer.experiment.status, answer.experiment.bundle),
        (Status::Failed, Some(reference.clone()))
    );
    assert_eq!(answer.record, Some(record));
    let (text, published) = reader.manifest(&claim.id).await.unwrap();
    assert_eq!((Digest::of(&text), &published), (reference.manifest, &manifest));
    for entry in &published.files {
        let to = scratch.path().join("file");
        reader.file(&claim.id, entry, &to).await.unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(folder.join(&entry.path)).unwrap());
    }
}
