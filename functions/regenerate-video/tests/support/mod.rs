//! A store with one experiment in it, as a run and a worker leave it.

use aiv1_decoder::ModuleCompiler;
use aiv1_lab::{Bundle, Lab, Published, Request, Silent};
use aiv1_model::api::Holder;
use aiv1_model::{Arm, BundleRef, Digest, Limits, Origin, Parameters, Record, Settings, Submission};
use aiv1_regenerate_video::Rebuilder;
use aiv1_store::contract::fixtures;
use aiv1_store::{BlobKey, Blobs, Catalog, Ended, ManualClock, NewExperiment, ObjectKind, Rebuild};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_video::{Clip, ClipOptions};
use bytes::Bytes;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

pub(crate) const FRAMES: u64 = 20;
pub(crate) const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// A bundle of a starting codec on a small clip.
pub(crate) fn run(lab: &Lab, codec: &str, folder: &Path) -> Published {
    let video = folder.join("clip.y4m");
    let size = "testsrc2=size=64x48:rate=10";
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", size, "-t", "2", "-pix_fmt", "yuv420p"]).arg(&video);
    assert!(command.status().unwrap().success());
    let clip = Clip::open(&lab.ffmpeg, &video, &ClipOptions::default()).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../codecs/{codec}.rs"));
    let request = Request {
        name: codec.to_owned(),
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
        bar: None,
        duplicate_of: Vec::new(),
    };
    lab.run(&request, &Silent).unwrap_or_else(|error| panic!("{}", aiv1_lab::chain(&error)))
}

/// What a worker brought into a store, and what rebuilds from it.
pub(crate) struct Stored {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) blobs: Arc<dyn Blobs>,
    /// Stands unless it is moved.
    pub(crate) clock: Arc<ManualClock>,
    /// How decoders are compiled.
    pub(crate) compiler: ModuleCompiler,
    pub(crate) rebuilder: Rebuilder,
    pub(crate) record: Record,
    pub(crate) bundle: PathBuf,
    pub(crate) folder: PathBuf,
}

impl Stored {
    /// Brings a published bundle into a store, as a worker and the API do.
    pub(crate) async fn import(lab: &Lab, published: &Published, folder: &Path) -> Self {
        let clock = fixtures::clock();
        let store = EmbeddedStore::open(&folder.join("store"), Arc::clone(&clock) as _).unwrap();
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
        let scratch = folder.join("scratch");
        let rebuilder = Rebuilder::new(catalog.clone(), blobs.clone(), compiler.clone(), scratch, THREADS);
        let (bundle, folder) = (published.path.clone(), folder.to_owned());
        Self { catalog, blobs, clock, compiler, rebuilder, record, bundle, folder }
    }

    pub(crate) fn video(&self, quality_index: u8) -> Rebuild {
        let (experiment, clip) = (self.record.id.clone(), self.record.clips[0].id);
        Rebuild::Video { experiment, clip, quality_index }
    }

    /// The rebuilt object, in a file.
    pub(crate) async fn made(&self, target: &Rebuild) -> PathBuf {
        let to = self.folder.join("made");
        self.blobs.download(&target.key(), &to, 1 << 30).await.unwrap().unwrap();
        to
    }
}

/// What a record answers.
pub(crate) fn submission(record: &Record) -> Submission {
    Submission {
        codec: record.codec.name.clone(),
        source: record.codec.source_sha256,
        parameters: record.asked.clone(),
        clips: record.clips.iter().map(|clip| clip.id).collect(),
        settings: record.settings.clone(),
    }
}

/// Submits, claims and ends with a record.
pub(crate) async fn publish(
    catalog: &dyn Catalog,
    submission: Submission,
    record: Record,
    bundle: BundleRef,
) {
    let origin = Origin::new(Arm::Person, "");
    catalog.submit(&NewExperiment { submission, origin, idempotency_key: None }).await.unwrap();
    let work = catalog.claim(&fixtures::worker("w")).await.unwrap().unwrap();
    let Holder { worker, attempt } = work.holder;
    let ended = Ended::Published { record: Box::new(record.without_series()), bundle };
    catalog.end(&work.experiment.id, &Holder { worker, attempt }, &ended).await.unwrap();
}
