//! Rebuilding from what a real run stored. A test with a `main` of its own, because compilers and untrusted modules run
//! in children that are this very program.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests report by panicking")]

use aiv1_lab::{Bundle, Lab, Published, Request, Silent, machine};
use aiv1_model::api::Holder;
use aiv1_model::{Arm, BundleRef, Digest, Limits, Origin, Parameters, Record, Settings, Submission};
use aiv1_regenerate_video::{InProcess, Rebuilder, serve};
use aiv1_store::contract::fixtures;
use aiv1_store::{
    BlobKey, Blobs, Catalog, Ended, NewExperiment, ObjectKind, Rebuild, RebuildState, SystemClock,
};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_video::{Clip, ClipOptions};
use bytes::Bytes;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const FRAMES: u64 = 20;
const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

fn main() -> ExitCode {
    if let Some(code) = machine::run_as_child() {
        return code;
    }
    // `cargo test -- --list` and the like want no run.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = machine::lab(THREADS).unwrap_or_else(|error| panic!("{}", aiv1_lab::chain(&error)));
    let published = run(&lab, folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stored = Stored::import(&lab, &published, folder.path()).await;
        a_preview_is_rebuilt_from_its_stream(&stored, &lab).await;
        an_archive_is_rebuilt_byte_for_byte(&stored, &lab).await;
        the_queue_is_served_once_however_many_ask(&stored).await;
        what_cannot_be_rebuilt_says_whose_fault_it_is(&stored).await;
    });
    eprintln!("rebuilds: all passed");
    ExitCode::SUCCESS
}

/// A bundle of the codec `raw` on a small clip.
fn run(lab: &Lab, folder: &Path) -> Published {
    let video = folder.join("clip.y4m");
    let size = "testsrc2=size=64x48:rate=10";
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", size, "-t", "2", "-pix_fmt", "yuv420p"]).arg(&video);
    assert!(command.status().unwrap().success());
    let clip = Clip::open(&lab.ffmpeg, &video, &ClipOptions::default()).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../codecs/raw.rs");
    let request = Request {
        name: "raw".to_owned(),
        source: std::fs::read_to_string(source).unwrap(),
        parameters: Parameters::new(),
        clips: &[clip],
        settings: Settings {
            gop_frames: 8,
            quality_indices: vec![16, 24, 32, 40],
            anchors: Vec::new(),
            limits: Limits::default(),
        },
        results: folder.join("results"),
        again: true,
        submitted: true,
    };
    lab.run(&request, &Silent).unwrap_or_else(|error| panic!("{}", aiv1_lab::chain(&error)))
}

struct Stored {
    catalog: Arc<dyn Catalog>,
    blobs: Arc<dyn Blobs>,
    rebuilder: Rebuilder,
    record: Record,
    bundle: PathBuf,
    folder: PathBuf,
}

impl Stored {
    /// Brings a published bundle into a store, as a worker and the API do.
    async fn import(lab: &Lab, published: &Published, folder: &Path) -> Self {
        let store = EmbeddedStore::open(&folder.join("store"), Arc::new(SystemClock)).unwrap();
        let (catalog, blobs) = (store.catalog(), store.blobs("http://127.0.0.1:9"));
        let opened = Bundle::open(&published.path, &lab.home).unwrap();
        for entry in &opened.manifest().files {
            let kind = ObjectKind::of_bundle_path(&entry.path).unwrap();
            let key = BlobKey::object(kind, entry.sha256);
            blobs.put_file(&key, &published.path.join(&entry.path)).await.unwrap();
        }
        let text = Bytes::from(opened.manifest().canonical_text());
        let manifest = Digest::of(&text);
        blobs.put(&BlobKey::object(ObjectKind::Manifest, manifest), text).await.unwrap();
        let record = opened.record().clone();
        let record_entry = opened.manifest().files.iter().find(|entry| entry.path == aiv1_lab::RECORD);
        let bundle =
            BundleRef { manifest, record: record_entry.unwrap().sha256, bytes: opened.manifest().bytes() };
        publish(&*catalog, submission(&record), record.clone(), bundle).await;
        let compiler = lab.compiler.clone();
        let rebuilder =
            Rebuilder::new(catalog.clone(), blobs.clone(), compiler, folder.join("scratch"), THREADS);
        let (bundle, folder) = (published.path.clone(), folder.to_owned());
        Self { catalog, blobs, rebuilder, record, bundle, folder }
    }

    fn video(&self, quality_index: u8) -> Rebuild {
        let (experiment, clip) = (self.record.id.clone(), self.record.clips[0].id);
        Rebuild::Video { experiment, clip, quality_index }
    }

    /// The rebuilt object, in a file.
    async fn made(&self, target: &Rebuild) -> PathBuf {
        let to = self.folder.join("made");
        self.blobs.download(&target.key(), &to, 1 << 30).await.unwrap().unwrap();
        to
    }

    fn assert_scratch_is_empty(&self) {
        assert_eq!(std::fs::read_dir(self.folder.join("scratch")).unwrap().count(), 0);
    }
}

fn submission(record: &Record) -> Submission {
    Submission {
        codec: record.codec.name.clone(),
        source: record.codec.source_sha256,
        parameters: record.asked.clone(),
        clips: record.clips.iter().map(|clip| clip.id).collect(),
        settings: record.settings.clone(),
    }
}

async fn publish(catalog: &dyn Catalog, submission: Submission, record: Record, bundle: BundleRef) {
    let origin = Origin { arm: Arm::Person, rationale: String::new() };
    catalog.submit(&NewExperiment { submission, origin, idempotency_key: None }).await.unwrap();
    let work = catalog.claim(&fixtures::worker("w")).await.unwrap().unwrap();
    let Holder { worker, attempt } = work.holder;
    let ended = Ended::Published { record: Box::new(record.without_series()), bundle };
    catalog.end(&work.experiment.id, &Holder { worker, attempt }, &ended).await.unwrap();
}

async fn a_preview_is_rebuilt_from_its_stream(stored: &Stored, lab: &Lab) {
    let target = stored.video(24);
    let rebuilt = stored.rebuilder.rebuild(&target).await.unwrap();
    assert_eq!(rebuilt.frames, Some(FRAMES));
    let made = stored.made(&target).await;
    let bytes = std::fs::read(&made).unwrap();
    assert_eq!((bytes.len() as u64, &bytes[4..8]), (rebuilt.bytes, &b"ftyp"[..]));
    let shown = Clip::open(&lab.ffmpeg, &made, &ClipOptions::default()).unwrap();
    assert_eq!(
        (shown.info.frames, shown.info.format.frame_rate),
        (FRAMES, stored.record.clips[0].format.frame_rate)
    );
    // What is there is left as it is; what expired is made again, byte for byte.
    assert_eq!(stored.rebuilder.rebuild(&target).await.unwrap().frames, None);
    stored.blobs.delete(&target.key()).await.unwrap();
    stored.rebuilder.rebuild(&target).await.unwrap();
    assert_eq!(std::fs::read(stored.made(&target).await).unwrap(), bytes);
    // Where the process is the sandbox, the same comes out.
    let (catalog, blobs) = (stored.catalog.clone(), stored.blobs.clone());
    let inside = Rebuilder::new(catalog, blobs, InProcess, stored.folder.join("scratch"), THREADS);
    stored.blobs.delete(&target.key()).await.unwrap();
    inside.rebuild(&target).await.unwrap();
    assert_eq!(std::fs::read(stored.made(&target).await).unwrap(), bytes);
    stored.assert_scratch_is_empty();
}

async fn an_archive_is_rebuilt_byte_for_byte(stored: &Stored, lab: &Lab) {
    let target = Rebuild::Bundle { experiment: stored.record.id.clone() };
    stored.rebuilder.rebuild(&target).await.unwrap();
    let exported = stored.folder.join("exported.tar");
    Bundle::open(&stored.bundle, &lab.home).unwrap().export(&exported).unwrap();
    let made = stored.made(&target).await;
    assert!(std::fs::read(&exported).unwrap() == std::fs::read(&made).unwrap(), "the archives differ");
    assert_eq!(Bundle::open(&made, &lab.home).unwrap().record(), &stored.record);
    stored.assert_scratch_is_empty();
}

async fn the_queue_is_served_once_however_many_ask(stored: &Stored) {
    let target = stored.video(32);
    for _ in 0..50 {
        stored.catalog.request_rebuild(&target).await.unwrap();
    }
    let status = finished(stored, &target).await;
    assert_eq!((status.0, status.1), (RebuildState::Done, 1));
    assert!(stored.blobs.head(&target.key()).await.unwrap().is_some());
}

/// Serves the queue until the target is done or failed; how it ended, and how often it was begun.
async fn finished(stored: &Stored, target: &Rebuild) -> (RebuildState, u32) {
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(stored.rebuilder.clone(), shutdown.clone()));
    let ended = async {
        loop {
            let status = stored.catalog.rebuild(target).await.unwrap().unwrap();
            if !matches!(status.state, RebuildState::Queued | RebuildState::Running) {
                return (status.state, status.attempt);
            }
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(std::time::Duration::from_mins(1), ended).await.unwrap();
    shutdown.cancel();
    serving.await.unwrap();
    ended
}

async fn what_cannot_be_rebuilt_says_whose_fault_it_is(stored: &Stored) {
    let failed = async |target: Rebuild| {
        stored.catalog.request_rebuild(&target).await.unwrap();
        match finished(stored, &target).await.0 {
            RebuildState::Failed { reason } => reason,
            other => panic!("{target:?} is {other:?}"),
        }
    };
    let reason = failed(stored.video(33)).await;
    assert!(reason.starts_with("evaluator: ") && reason.ends_with("at quality index 33"), "{reason}");

    // A decoder that is none, and a stream that is not there.
    let garbage = Bytes::from_static(b"\0asm\x01\0\0\0no module");
    let decoder = Digest::of(&garbage);
    stored.blobs.put(&BlobKey::object(ObjectKind::Module, decoder), garbage).await.unwrap();
    let mut record = stored.record.clone();
    record.asked = fixtures::submission(7).parameters;
    let submission = submission(&record);
    record.id = submission.id();
    record.codec.decoder.as_mut().unwrap().sha256 = decoder;
    record.points[1].stream.sha256 = Digest::of(b"never stored");
    let (experiment, clip) = (record.id.clone(), record.clips[0].id);
    publish(&*stored.catalog, submission, record, fixtures::bundle(1)).await;
    let video = |quality_index| Rebuild::Video { experiment: experiment.clone(), clip, quality_index };
    let reason = failed(video(16)).await;
    assert!(reason.starts_with("candidate: "), "{reason}");
    let reason = failed(video(24)).await;
    assert!(
        reason.starts_with("infrastructure: streams/") && reason.ends_with("is not in the store"),
        "{reason}"
    );
    let reason = failed(Rebuild::Bundle { experiment }).await;
    assert!(reason.starts_with("infrastructure: manifests/"), "{reason}");
    stored.assert_scratch_is_empty();
}
