//! A worker against the functions themselves, on a store of their own, with a real codec on a real clip. A test with a
//! `main` of its own, because compilers and untrusted modules run in children that are this very program.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests report by panicking")]

use aiv1_lab::{Lab, machine};
use aiv1_model::api::ClipEntry;
use aiv1_model::{
    Arm, Digest, Experiment, ExperimentId, Limits, Origin, ParameterValue, Parameters, Settings, Status,
    Submission,
};
use aiv1_store::{BlobKey, Blobs, Catalog, NewExperiment, ObjectKind, SystemClock};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_video::{Clip, ClipOptions};
use aiv1_web::{Defaults, Scope, Services, Site, Tokens};
use aiv1_worker::{Bounds, ClipCache, Config, Error, Worker};
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

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
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let site = Installation::start(Arc::new(lab), folder.path()).await;
        claimed_work_is_measured_and_published(&site).await;
        a_wrong_parameter_is_a_failed_experiment(&site).await;
        a_worker_that_stops_gives_its_work_back(&site).await;
        cancelled_work_is_dropped_and_the_next_is_done(&site).await;
        a_wrong_token_ends_the_worker(&site).await;
    });
    eprintln!("work: all passed");
    ExitCode::SUCCESS
}

struct Installation {
    lab: Arc<Lab>,
    folder: PathBuf,
    base: String,
    catalog: Arc<dyn Catalog>,
    blobs: Arc<dyn Blobs>,
    clips: ClipCache,
    short: Digest,
    long: Digest,
}

impl Installation {
    async fn start(lab: Arc<Lab>, folder: &Path) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let clock = Arc::new(SystemClock);
        let store = EmbeddedStore::open(&folder.join("store"), clock.clone()).unwrap();
        let (catalog, blobs) = (store.catalog(), store.blobs(&base));
        let site = Site {
            public_url: base.clone(),
            media_origin: None,
            version: "1".to_owned(),
            defaults: Defaults { settings: settings() },
        };
        let tokens = Arc::new(Tokens::new([(Scope::Worker, "works")]));
        let services =
            Services { catalog: catalog.clone(), blobs: blobs.clone(), clock, tokens, site: Arc::new(site) };
        let functions =
            aiv1_experiment_api::router(services.clone()).merge(aiv1_presign::router(services.clone()));
        let router = aiv1_web::edge(functions, &services).merge(store.router());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let clips = ClipCache::open(&folder.join("clips"), Bounds { bytes: 1 << 30, keep_free: 0 }).unwrap();
        let none = Digest::of(b"");
        let mut site =
            Self { lab, folder: folder.to_owned(), base, catalog, blobs, clips, short: none, long: none };
        site.short = site.add_clip("size=64x48:rate=10", "2").await;
        site.long = site.add_clip("size=640x360:rate=30", "20").await;
        site
    }

    async fn add_clip(&self, source: &str, seconds: &str) -> Digest {
        let video = self.folder.join(format!("clip-{seconds}.mp4"));
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", &format!("testsrc2={source}"), "-t", seconds]);
        command.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]).arg(&video);
        assert!(command.status().unwrap().success());
        let info = Clip::open(&self.lab.ffmpeg, &video, &ClipOptions::default()).unwrap().info;
        let entry = ClipEntry { info, set: ClipEntry::OPEN.to_owned() };
        self.blobs.put_file(&BlobKey::object(ObjectKind::Clip, entry.file()), &video).await.unwrap();
        self.catalog.put_clip(&entry).await.unwrap();
        entry.info.id
    }

    async fn submit(&self, codec: &str, clip: Digest, parameters: Parameters) -> ExperimentId {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codecs").join(format!("{codec}.rs"));
        let source = std::fs::read(path).unwrap();
        let sha256 = Digest::of(&source);
        self.blobs.put(&BlobKey::object(ObjectKind::Source, sha256), source.into()).await.unwrap();
        let submission = Submission {
            codec: codec.to_owned(),
            source: sha256,
            parameters,
            clips: vec![clip],
            settings: settings(),
        };
        let origin = Origin { arm: Arm::Person, rationale: String::new() };
        let new = NewExperiment { submission, origin, idempotency_key: None };
        self.catalog.submit(&new).await.unwrap().experiment.id
    }

    fn worker(&self, token: &str) -> Worker {
        let config = Config {
            url: self.base.clone(),
            token: Some(token.to_owned()),
            name: "w".to_owned(),
            folder: self.folder.join("worker"),
            listen: None,
        };
        Worker::new(config, self.lab.clone(), self.clips.clone()).unwrap()
    }

    /// Starts a worker; cancelling what is returned stops it.
    fn start_worker(&self) -> (CancellationToken, JoinHandle<Result<(), Error>>, axum::Router) {
        let (worker, shutdown) = (self.worker("works"), CancellationToken::new());
        let router = worker.router();
        (shutdown.clone(), tokio::spawn(worker.run(shutdown)), router)
    }

    /// The experiment, once it is as wanted.
    async fn once(&self, id: &ExperimentId, wanted: impl Fn(&Experiment) -> bool) -> Experiment {
        let look = async {
            loop {
                let experiment = self.catalog.experiment(id).await.unwrap().unwrap();
                if wanted(&experiment) {
                    return experiment;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(3), look).await.unwrap()
    }

    fn assert_no_run_is_left(&self) {
        let runs = std::fs::read_dir(self.folder.join("worker/.runs")).unwrap();
        let left: Vec<_> = runs.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn settings() -> Settings {
    let quality_indices = vec![16, 24, 32, 40];
    Settings { gop_frames: 8, quality_indices, anchors: Vec::new(), limits: Limits::default() }
}

async fn page(router: &axum::Router, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let body = router.clone().oneshot(request).await.unwrap().into_body();
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn claimed_work_is_measured_and_published(site: &Installation) {
    let id = site.submit("raw", site.short, Parameters::new()).await;
    let (shutdown, worker, router) = site.start_worker();
    let ended = site.once(&id, |experiment| experiment.ended_at.is_some()).await;
    assert_eq!(ended.status, Status::Successful, "{:?}", ended.failure);
    let record = site.catalog.record(&id).await.unwrap().unwrap();
    assert_eq!((record.points.len(), record.clips[0].name.as_str()), (4, "clip-2"));
    let bundle = ended.bundle.unwrap();
    assert!(
        site.blobs.head(&BlobKey::object(ObjectKind::Manifest, bundle.manifest)).await.unwrap().is_some()
    );
    shutdown.cancel();
    worker.await.unwrap().unwrap();
    let metrics = page(&router, "/metrics").await;
    assert!(metrics.contains(r#"aiv1_worker_experiments_total{outcome="successful"} 1"#), "{metrics}");
    let health: serde_json::Value = serde_json::from_str(&page(&router, "/health").await).unwrap();
    assert_eq!((&health["state"], &health["worker"]), (&"idle".into(), &"w".into()));
    site.assert_no_run_is_left();
}

async fn a_wrong_parameter_is_a_failed_experiment(site: &Installation) {
    let wrong = Parameters::from([("no_such".to_owned(), ParameterValue::Int(1))]);
    let id = site.submit("raw", site.short, wrong).await;
    let (shutdown, worker, _) = site.start_worker();
    let ended = site.once(&id, |experiment| experiment.ended_at.is_some()).await;
    assert_eq!((ended.status, ended.failure.unwrap().kind.as_str()), (Status::Failed, "parameters"));
    assert!(ended.bundle.is_some());
    shutdown.cancel();
    worker.await.unwrap().unwrap();
}

async fn a_worker_that_stops_gives_its_work_back(site: &Installation) {
    let id = site.submit("transform", site.long, Parameters::new()).await;
    let (shutdown, worker, router) = site.start_worker();
    let runs = |experiment: &Experiment| experiment.work.as_ref().is_some_and(|work| work.phase.is_some());
    site.once(&id, runs).await;
    let health: serde_json::Value = serde_json::from_str(&page(&router, "/health").await).unwrap();
    assert_eq!((&health["state"], &health["experiment"]), (&"running".into(), &id.as_str().into()));
    shutdown.cancel();
    worker.await.unwrap().unwrap();
    let given_back = site.catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!((given_back.status, given_back.lost_attempts, given_back.work), (Status::Queued, 0, None));
    assert!(page(&router, "/metrics").await.contains(r#"experiments_total{outcome="gave_back"} 1"#));
    site.assert_no_run_is_left();
}

async fn cancelled_work_is_dropped_and_the_next_is_done(site: &Installation) {
    // What the test before gave back is claimed again, and cancelled while it runs.
    let queued = aiv1_store::Query { status: Some(Status::Queued), ..Default::default() };
    let id = site.catalog.list(&queued).await.unwrap().experiments[0].id.clone();
    let next =
        site.submit("raw", site.short, Parameters::from([("none".to_owned(), ParameterValue::Int(2))])).await;
    let (shutdown, worker, router) = site.start_worker();
    let runs = |experiment: &Experiment| experiment.work.as_ref().is_some_and(|work| work.phase.is_some());
    site.once(&id, runs).await;
    site.catalog.cancel(&id).await.unwrap();
    site.once(&next, |experiment| experiment.ended_at.is_some()).await;
    let cancelled = site.catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!((cancelled.status, cancelled.bundle), (Status::Other, None));
    shutdown.cancel();
    worker.await.unwrap().unwrap();
    assert!(page(&router, "/metrics").await.contains(r#"experiments_total{outcome="lost"} 1"#));
    site.assert_no_run_is_left();
}

async fn a_wrong_token_ends_the_worker(site: &Installation) {
    let error = site.worker("does not work").run(CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, Error::Client(refused) if refused.is_unauthorized()), "{error:?}");
}
