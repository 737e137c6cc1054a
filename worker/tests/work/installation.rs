//! The functions themselves on a store of their own, and workers that talk to them.

use crate::traffic::{self, Traffic};
use aiv1_client::TokenSource;
use aiv1_lab::Lab;
use aiv1_model::api::ClipEntry;
use aiv1_model::{Arm, Digest, Experiment, ExperimentId, Limits, Origin, Parameters, Settings, Submission};
use aiv1_store::{BlobKey, Blobs, Catalog, ManualClock, NewExperiment, ObjectKind};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_video::{Clip, ClipOptions};
use aiv1_web::{Defaults, Scope, Services, Site, Tokens};
use aiv1_worker::{Bounds, ClipCache, Config, Error, Worker};
use axum::body::Body;
use axum::http::Request;
use axum::middleware;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// A worker at work.
pub(crate) struct Running {
    pub(crate) shutdown: CancellationToken,
    ended: JoinHandle<Result<(), Error>>,
    router: axum::Router,
}

impl Running {
    /// What it serves.
    pub(crate) async fn page(&self, path: &str) -> String {
        text(self.router.clone(), Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn health(&self) -> serde_json::Value {
        serde_json::from_str(&self.page("/health").await).unwrap()
    }

    /// Stops it; its metrics after that.
    pub(crate) async fn stop(self) -> String {
        self.shutdown.cancel();
        self.ended.await.unwrap().unwrap();
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        text(self.router, request).await
    }
}

async fn text(router: axum::Router, request: Request<Body>) -> String {
    let body = router.oneshot(request).await.unwrap().into_body();
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// A lab on a port.
pub(crate) struct Installation {
    pub(crate) lab: Arc<Lab>,
    pub(crate) folder: PathBuf,
    pub(crate) base: String,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) traffic: Arc<Traffic>,
    clips: ClipCache,
    pub(crate) short: Digest,
    pub(crate) long: Digest,
}

impl Installation {
    pub(crate) async fn open(lab: Arc<Lab>, folder: &Path) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::now()));
        let store = EmbeddedStore::open(&folder.join("store"), clock.clone()).unwrap();
        // Links without a host: whoever follows one stays on the line it came over.
        let (catalog, blobs) = (store.catalog(), store.blobs(""));
        let site = Site {
            public_url: base.clone(),
            media_origin: None,
            version: "1".to_owned(),
            defaults: Some(Defaults { settings: settings() }),
        };
        let tokens = Arc::new(Tokens::new([(Scope::Worker, "works")]));
        let services = Services {
            catalog: catalog.clone(),
            blobs: blobs.clone(),
            clock: clock.clone(),
            tokens,
            site: Arc::new(site),
        };
        let functions =
            aiv1_experiment_api::router(services.clone()).merge(aiv1_presign::router(services.clone()));
        let traffic = Arc::new(Traffic::default());
        let router = aiv1_web::edge(functions, &services).merge(store.router());
        let router = router.layer(middleware::from_fn_with_state(traffic.clone(), traffic::watch));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let clips = ClipCache::open(&folder.join("clips"), Bounds { bytes: 1 << 30, keep_free: 0 }).unwrap();
        let none = Digest::of(b"");
        let folder = folder.to_owned();
        let mut site =
            Self { lab, folder, base, catalog, blobs, clock, traffic, clips, short: none, long: none };
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

    pub(crate) async fn submit(&self, codec: &str, clip: Digest, parameters: Parameters) -> ExperimentId {
        self.submit_with(codec, clip, parameters, settings()).await
    }

    pub(crate) async fn submit_with(
        &self,
        codec: &str,
        clip: Digest,
        parameters: Parameters,
        settings: Settings,
    ) -> ExperimentId {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codecs").join(format!("{codec}.rs"));
        let source = std::fs::read(path).unwrap();
        let sha256 = Digest::of(&source);
        self.blobs.put(&BlobKey::object(ObjectKind::Source, sha256), source.into()).await.unwrap();
        let submission =
            Submission { codec: codec.to_owned(), source: sha256, parameters, clips: vec![clip], settings };
        let origin = Origin::new(Arm::Person, "");
        let new = NewExperiment { submission, origin, idempotency_key: None };
        self.catalog.submit(&new).await.unwrap().experiment.id
    }

    /// A worker that reaches the functions at `url`.
    pub(crate) fn worker(&self, name: &str, url: &str, token: &str) -> Result<Worker, Error> {
        self.worker_of(self.config(name, url, token))
    }

    fn worker_of(&self, config: Config) -> Result<Worker, Error> {
        Worker::with_clock(config, self.lab.clone(), self.clips.clone(), self.clock.clone())
    }

    fn config(&self, name: &str, url: &str, token: &str) -> Config {
        Config {
            url: url.to_owned(),
            token: Some(token.to_owned()),
            token_source: None,
            name: name.to_owned(),
            folder: self.folder.join("worker").join(name),
            listen: None,
            audits_a_day: 0,
        }
    }

    /// Starts a worker.
    pub(crate) fn start_worker(&self) -> Running {
        self.start("w", &self.base)
    }

    pub(crate) fn start(&self, name: &str, url: &str) -> Running {
        Self::run(self.worker(name, url, "works").unwrap())
    }

    /// Starts a worker whose token has been replaced since it read it.
    pub(crate) fn start_with_source(&self, name: &str, source: Arc<dyn TokenSource>) -> Running {
        let config = Config { token_source: Some(source), ..self.config(name, &self.base, "was replaced") };
        Self::run(self.worker_of(config).unwrap())
    }

    fn run(worker: Worker) -> Running {
        let (router, shutdown) = (worker.router(), CancellationToken::new());
        Running { shutdown: shutdown.clone(), ended: tokio::spawn(worker.run(shutdown)), router }
    }

    /// The experiment, once it is as wanted.
    pub(crate) async fn once(&self, id: &ExperimentId, wanted: impl Fn(&Experiment) -> bool) -> Experiment {
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

    /// Returns once the worker's runs are gone: one that was told to stop goes between two groups of pictures.
    pub(crate) async fn no_run_is_left(&self, name: &str) {
        let folder = self.folder.join("worker").join(name).join(".runs");
        let left = || {
            let entries = std::fs::read_dir(&folder).unwrap();
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).count()
        };
        let gone = async {
            while left() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), gone).await.unwrap();
    }
}

pub(crate) fn settings() -> Settings {
    let quality_indices = vec![16, 24, 32, 40];
    Settings { gop_frames: 8, quality_indices, anchors: Vec::new(), limits: Limits::default() }
}
