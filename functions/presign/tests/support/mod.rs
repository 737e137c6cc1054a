//! A site in memory of this process: the embedded store in a folder of its own, a clock that stands, three tokens, one
//! clip, and a worker's part played step by step.
#![allow(dead_code, reason = "several test binaries share this file, and none uses all of it")]

use aiv1_model::api::{ClipEntry, Holder, WorkerInfo};
use aiv1_model::{
    AnchorEncode, AnchorPoint, Arm, BundleRef, ClipClass, ClipInfo, CodecInfo, ColorInfo, Cost, Declaration,
    DeclaredParameter, Digest, Experiment, ExperimentId, Failure, Fault, FrameQuality, FrameRate, Limits,
    Machine, Manifest, ManifestEntry, ModuleInfo, Origin, ParameterKind, Parameters, Phase, PhaseOutcome,
    PhaseRecord, Quality, QualityTools, RECORD_VERSION, RatePoint, Record, Settings, SourceFile, Status,
    StreamInfo, Submission, VideoFormat,
};
use aiv1_store::{BlobKey, Clock, Ended, ManualClock, NewExperiment, ObjectKind};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::{Defaults, Scope, Services, Tokens, edge};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use tower::ServiceExt as _;

pub(crate) const SUBMIT: &str = "token-of-a-researcher";
pub(crate) const WORKER: &str = "token-of-a-worker";
pub(crate) const ADMIN: &str = "token-of-an-operator";
pub(crate) const SOURCE: &str = "// a codec";
pub(crate) const HOSTILE: &str = "=HYPERLINK(\"http://evil\"),<script>alert(1)</script>";

pub(crate) struct Site {
    pub(crate) services: Services,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: EmbeddedStore,
    pub(crate) app: Router,
    folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The detail of a problem document.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status);
        document["detail"].as_str().unwrap().to_owned()
    }
}

impl Site {
    /// A site with one clip of the open set, answering with `routers`.
    pub(crate) async fn open(routers: impl FnOnce(&Services) -> Router) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let store = EmbeddedStore::open(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let tokens = [(Scope::Submit, SUBMIT), (Scope::Worker, WORKER), (Scope::Admin, ADMIN)];
        let services = Services {
            catalog: store.catalog(),
            blobs: store.blobs("http://lab.test"),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            tokens: Arc::new(Tokens::new(tokens)),
            site: Arc::new(aiv1_web::Site {
                public_url: "http://lab.test".to_owned(),
                media_origin: None,
                version: "1.2.3".to_owned(),
                defaults: Some(Defaults { settings: settings() }),
            }),
        };
        let app = edge(routers(&services).merge(store.router()), &services);
        let site = Self { services, clock, store, app, folder };
        site.services.catalog.put_clip(&clip()).await.unwrap();
        site.put(ObjectKind::Clip, CLIP).await;
        site
    }

    pub(crate) async fn put(&self, kind: ObjectKind, bytes: &[u8]) -> Digest {
        let sha256 = Digest::of(bytes);
        self.services.blobs.put(&BlobKey::object(kind, sha256), bytes.to_vec().into()).await.unwrap();
        sha256
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        self.send(Request::get(path).header(name, value).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &impl serde::Serialize) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.header(header::AUTHORIZATION, format!("Bearer {token}")).body(body.into()).unwrap())
            .await
    }

    pub(crate) async fn method(&self, method: Method, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    /// Queues an experiment.
    pub(crate) async fn submit(&self, submission: &Submission) -> Experiment {
        self.put(ObjectKind::Source, SOURCE.as_bytes()).await;
        let origin = Origin::new(Arm::Person, HOSTILE);
        let new = NewExperiment { submission: submission.clone(), origin, idempotency_key: None };
        self.services.catalog.submit(&new).await.unwrap().experiment
    }

    /// Claims the longest-waiting experiment.
    pub(crate) async fn claim(&self) -> (Experiment, Holder) {
        let work = self.services.catalog.claim(&worker()).await.unwrap().unwrap();
        (work.experiment, work.holder)
    }

    /// Puts every file of a bundle.
    pub(crate) async fn upload(&self, bundle: &Bundle) {
        for (path, bytes) in &bundle.files {
            self.put(ObjectKind::of_bundle_path(path).unwrap(), bytes).await;
        }
    }

    /// Takes an experiment from its submission to its published end.
    pub(crate) async fn publish(&self, submission: &Submission, status: Status) -> (Experiment, Bundle) {
        self.submit(submission).await;
        self.work(status).await
    }

    /// Takes the experiment that waits first to its published end.
    pub(crate) async fn work(&self, status: Status) -> (Experiment, Bundle) {
        let (experiment, holder) = self.claim().await;
        let bundle = Bundle::of(record(&experiment.submission, status));
        self.upload(&bundle).await;
        let ended = Ended::Published {
            record: Box::new(bundle.record.clone().without_series()),
            bundle: bundle.reference.clone(),
        };
        (self.services.catalog.end(&experiment.id, &holder, &ended).await.unwrap(), bundle)
    }
}

/// The files of a bundle, in memory.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    pub(crate) record: Record,
    pub(crate) manifest: Manifest,
    pub(crate) reference: BundleRef,
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Bundle {
    pub(crate) fn of(record: Record) -> Self {
        let mut files = vec![(format!("codec/{}.rs", record.codec.name), SOURCE.as_bytes().to_vec())];
        if record.codec.decoder.is_some() {
            files.push(("codec/decoder.wasm".to_owned(), DECODER.to_vec()));
            files.push(("codec/encoder.wasm".to_owned(), ENCODER.to_vec()));
        }
        files.extend(
            record.points.iter().map(|point| (point.stream.path.clone(), stream(point.quality_index))),
        );
        files.extend(
            record.anchors.iter().map(|point| (point.path.clone(), vec![7; point.stream_bytes as usize])),
        );
        let mut text = serde_json::to_vec(&record).unwrap();
        text.push(b'\n');
        files.push(("record.json".to_owned(), text));
        Self::sealed(record, files)
    }

    /// A bundle of these files, whatever the record says of them.
    pub(crate) fn sealed(record: Record, mut files: Vec<(String, Vec<u8>)>) -> Self {
        files.sort();
        let entry = |(path, bytes): &(String, Vec<u8>)| ManifestEntry {
            path: path.clone(),
            bytes: bytes.len() as u64,
            sha256: Digest::of(bytes),
        };
        let manifest =
            Manifest { format: Manifest::FORMAT.to_owned(), files: files.iter().map(entry).collect() };
        let record_text = &files.iter().find(|(path, _)| path == "record.json").unwrap().1;
        let text = manifest.canonical_text();
        let reference = BundleRef {
            manifest: Digest::of(&text),
            record: Digest::of(record_text),
            bytes: manifest.bytes(),
        };
        files.push((Manifest::FILE.to_owned(), text));
        Self { record, manifest, reference, files }
    }
}

const CLIP: &[u8] = b"the clip's file";
const DECODER: &[u8] = b"\0asm decoder";
const ENCODER: &[u8] = b"\0asm encoder";

pub(crate) fn worker() -> WorkerInfo {
    WorkerInfo { name: "w1".to_owned(), version: "1.2.3".to_owned(), machine: None, threads: 2 }
}

pub(crate) fn settings() -> Settings {
    Settings {
        gop_frames: 32,
        quality_indices: vec![16, 24, 32, 40],
        anchors: vec!["x265-medium".to_owned()],
        limits: Limits::default(),
    }
}

pub(crate) fn clip_id() -> Digest {
    Digest::of(b"the clip's frames")
}

pub(crate) fn clip() -> ClipEntry {
    let format = VideoFormat {
        width: 64,
        height: 64,
        frame_rate: FrameRate { numerator: 30, denominator: 1 },
        color: ColorInfo::UNSPECIFIED,
    };
    let source = SourceFile {
        name: format!("{HOSTILE}.mkv"),
        sha256: Digest::of(CLIP),
        bytes: CLIP.len() as u64,
        bundled: None,
    };
    let info = ClipInfo {
        id: clip_id(),
        name: HOSTILE.to_owned(),
        format,
        frames: 30,
        frame_limit: None,
        class: ClipClass::Nonpristine,
        source,
        conversions: Vec::new(),
    };
    ClipEntry { info, set: ClipEntry::OPEN.to_owned() }
}

/// The `n`th question about the one codec and the one clip.
pub(crate) fn submission(n: i32) -> Submission {
    let mut parameters = Parameters::new();
    parameters.insert("strength".to_owned(), aiv1_model::ParameterValue::Int(n));
    Submission {
        codec: "mine".to_owned(),
        source: Digest::of(SOURCE.as_bytes()),
        parameters,
        clips: vec![clip_id()],
        settings: settings(),
    }
}

/// A complete record that answers `submission`.
pub(crate) fn record(submission: &Submission, status: Status) -> Record {
    let start = "2026-01-01T00:00:10Z".parse().unwrap();
    let end = "2026-01-01T00:01:00Z".parse().unwrap();
    let failed = status == Status::Failed;
    let module = |bytes: &[u8]| {
        (!failed).then(|| ModuleInfo { sha256: Digest::of(bytes), bytes: bytes.len() as u64, gzip_bytes: 9 })
    };
    let outcome = if failed { PhaseOutcome::Failed } else { PhaseOutcome::Completed };
    let phase =
        PhaseRecord { phase: Phase::Validation, started_at: start, ended_at: end, limit_ms: None, outcome };
    let points: Vec<RatePoint> = if failed { Vec::new() } else { points(submission) };
    let anchors: Vec<AnchorPoint> = if failed { Vec::new() } else { anchors() };
    let comparisons = aiv1_quality::comparisons(&points, &anchors);
    Record {
        version: RECORD_VERSION,
        id: submission.id(),
        status,
        started_at: start,
        ended_at: Some(end),
        codec: CodecInfo {
            name: submission.codec.clone(),
            source_sha256: submission.source,
            source_bytes: SOURCE.len() as u64,
            kit_sha256: Digest::of(b"kit"),
            toolchain: None,
            toolchain_sha256: None,
            encoder: module(ENCODER),
            decoder: module(DECODER),
            declaration: (!failed).then(declaration),
        },
        asked: submission.parameters.clone(),
        parameters: submission.parameters.clone(),
        settings: submission.settings.clone(),
        clips: vec![clip().info],
        phases: vec![phase],
        set: aiv1_quality::compare_set(&comparisons),
        comparisons,
        points,
        anchors,
        tools: QualityTools { psnr: "psnr 1".to_owned(), ssim: "ssim 1".to_owned(), vmaf: None },
        machine: Machine { cpu: None, threads: 2, lab: "1.2.3".to_owned(), ffmpeg: None },
        failure: failed.then(|| failure(Fault::Candidate)),
    }
}

pub(crate) fn failure(fault: Fault) -> Failure {
    Failure {
        fault,
        phase: Phase::Validation,
        kind: "source_refused".to_owned(),
        message: HOSTILE.to_owned(),
        clip: None,
        quality_index: None,
        evidence: Vec::new(),
    }
}

fn stream(quality_index: u8) -> Vec<u8> {
    vec![quality_index; 40_000 / usize::from(quality_index)]
}

fn points(submission: &Submission) -> Vec<RatePoint> {
    let point = |index: &u8| {
        let bytes = stream(*index);
        RatePoint {
            clip: clip_id(),
            quality_index: *index,
            stream: StreamInfo {
                path: format!("streams/{}/q{index:02}.aiv1", clip_id().abbreviated()),
                sha256: Digest::of(&bytes),
                bytes: bytes.len() as u64,
                payload_bytes: bytes.len() as u64 - 10,
                decoded_sha256: Digest::of(b"decoded"),
            },
            bitrate: clip().info.bitrate(bytes.len() as u64),
            quality: quality(50.0 - f64::from(*index) / 2.0),
            cost: Cost {
                encode_fuel: 1000,
                decode_fuel: 100,
                encode_fuel_per_pixel: clip().info.per_pixel(1000),
                decode_fuel_per_pixel: clip().info.per_pixel(100),
                encode_ms: 5,
                decode_ms: 1,
                peak_memory_bytes: 65_536,
            },
        }
    };
    submission.settings.quality_indices.iter().map(point).collect()
}

fn anchors() -> Vec<AnchorPoint> {
    let point = |step: u64| {
        let bytes = vec![7; 3_000 / step as usize];
        AnchorPoint {
            clip: clip_id(),
            encode: AnchorEncode {
                anchor: "x265-medium".to_owned(),
                tuning: "medium".to_owned(),
                encoder: "x265 4".to_owned(),
                command: vec!["-i".to_owned(), "{input}".to_owned()],
            },
            stream_sha256: Digest::of(&bytes),
            stream_bytes: bytes.len() as u64,
            path: format!("anchors/{}/x265-medium-{step:02}.hevc", clip_id().abbreviated()),
            bitrate: clip().info.bitrate(bytes.len() as u64),
            quality: quality(46.0 - 4.0 * step as f64),
        }
    };
    (1..=5).map(point).collect()
}

/// Every frame the same, but that the second has the least SSIM.
fn quality(psnr: f64) -> Quality {
    let squared_error = (255.0 * 255.0 * 64.0 * 64.0 / 10_f64.powf(psnr / 10.0)).round() as u64;
    let frame =
        FrameQuality { squared_error: [squared_error, squared_error / 4, squared_error / 4], ssim_y: 0.9 };
    let mut frames = vec![frame; 30];
    frames[1].ssim_y = 0.8;
    aiv1_quality::summarise(64, 64, frames).unwrap()
}

fn declaration() -> Declaration {
    let kind = ParameterKind::Int { min: 0, max: 1_000, default: 1 };
    let strength = DeclaredParameter { name: "strength".to_owned(), help: HOSTILE.to_owned(), kind };
    Declaration { abi: 1, about: HOSTILE.to_owned(), parameters: vec![strength] }
}

/// An id that nothing has.
pub(crate) fn nobody() -> ExperimentId {
    ExperimentId::of(&Digest::of(b"nobody"))
}
