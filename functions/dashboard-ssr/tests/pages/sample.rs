//! A small laboratory with made-up but consistent results: each curve lies at a known ratio of its anchor's, so that
//! savings follow from the points.

use aiv1_model::api::ClipEntry;
use aiv1_model::{
    Arm, BundleRef, CodecInfo, Comparison, Cost, Decibels, Declaration, DeclaredParameter, Digest, Evidence,
    Experiment, ExperimentId, Failure, Fault, FrameQuality, Machine, Metric, Origin, ParameterKind,
    ParameterValue, Parameters, Phase, PhaseOutcome, PhaseRecord, PlaneError, Quality, RatePoint, Record,
    SetComparison, Settings, Spread, Status, Submission,
};
use aiv1_store::contract::fixtures;
use aiv1_store::{BlobKey, Blobs, Catalog, Ended, ManualClock, NewExperiment, ObjectKind};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::{Defaults, Services, Site, Tokens};
use jiff::SignedDuration;
use std::sync::Arc;

/// Rate of each anchor at equal quality, x265 medium being 1.
pub(crate) const ANCHORS: [(&str, f64); 3] =
    [("x264-medium", 1.42), ("x265-medium", 1.0), ("svt-av1-8", 0.94)];
const QUALITIES: [(u8, f64); 5] = [(16, 42.1), (24, 39.2), (32, 36.0), (40, 32.9), (48, 30.1)];
const CLIPS: [(&str, u32, u32, f64); 3] =
    [("facade", 352, 288, 410.0), ("juggle", 640, 360, 760.0), ("sign_person", 854, 480, 980.0)];
/// Source of the codec `transform` here.
pub(crate) const SOURCE: &str = "//! Blocks, a transform, an entropy coder.\npub fn encode(frames: &[Frame]) -> Vec<u8> {\n    if frames.len() < 2 && 1 > 0 { return Vec::new() }\n    code(frames)\n}\n";

/// A laboratory in a temporary folder.
pub(crate) struct Lab {
    _folder: tempfile::TempDir,
    /// Its clock.
    pub(crate) clock: Arc<ManualClock>,
    /// What a router is given.
    pub(crate) services: Services,
    /// Catalog.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Objects.
    pub(crate) blobs: Arc<dyn Blobs>,
    /// Both.
    pub(crate) store: EmbeddedStore,
}

impl Lab {
    /// An empty one.
    pub(crate) fn new(public_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = fixtures::clock();
        let store = EmbeddedStore::open(folder.path(), clock.clone()).unwrap();
        let (catalog, blobs) = (store.catalog(), store.blobs(public_url));
        let site = Site {
            public_url: public_url.to_owned(),
            media_origin: None,
            version: "0.1.0".to_owned(),
            defaults: Some(Defaults { settings: settings() }),
        };
        let services = Services {
            catalog: Arc::clone(&catalog),
            blobs: Arc::clone(&blobs),
            clock: clock.clone(),
            tokens: Arc::new(Tokens::new([])),
            site: Arc::new(site),
        };
        Self { _folder: folder, clock, services, catalog, blobs, store }
    }

    /// Adds the clips and the source.
    pub(crate) async fn furnish(&self) {
        for clip in clips() {
            self.catalog.put_clip(&clip).await.unwrap();
        }
        let source = Digest::of(SOURCE.as_bytes());
        self.blobs.put(&BlobKey::object(ObjectKind::Source, source), SOURCE.into()).await.unwrap();
    }

    /// Submits an experiment with the codec `transform`.
    pub(crate) async fn submit(&self, arm: Arm, lambda: f64, rationale: &str) -> ExperimentId {
        self.submit_as("transform", arm, lambda, rationale).await
    }

    /// Submits an experiment under this name.
    pub(crate) async fn submit_as(
        &self,
        codec: &str,
        arm: Arm,
        lambda: f64,
        rationale: &str,
    ) -> ExperimentId {
        self.propose(submission(codec, lambda), Origin::new(arm, rationale)).await
    }

    /// Submits what is asked by whom it is proposed.
    pub(crate) async fn propose(&self, submission: Submission, origin: Origin) -> ExperimentId {
        self.clock.advance(SignedDuration::from_secs(7));
        let new = NewExperiment { submission, origin, idempotency_key: None };
        self.catalog.submit(&new).await.unwrap().experiment.id
    }

    /// Lets a worker claim the next one; it has reported how far it is.
    pub(crate) async fn claim(&self, worker: &str) -> aiv1_store::ClaimedWork {
        self.clock.advance(SignedDuration::from_secs(3));
        let work = self.catalog.claim(&fixtures::worker(worker)).await.unwrap().unwrap();
        self.catalog.heartbeat(&work.experiment.id, &fixtures::beat(&work.holder)).await.unwrap();
        work
    }

    /// Claims the next one and ends it with this record.
    pub(crate) async fn end(&self, worker: &str, make: impl FnOnce(&Submission) -> Record) -> ExperimentId {
        let work = self.claim(worker).await;
        self.clock.advance(SignedDuration::from_secs(48));
        let record = make(&work.experiment.submission);
        let bytes = serde_json::to_vec(&record).unwrap();
        let digest = Digest::of(&bytes);
        let size = bytes.len() as u64;
        self.blobs.put(&BlobKey::object(ObjectKind::Record, digest), bytes.into()).await.unwrap();
        let bundle =
            BundleRef { manifest: Digest::of(digest.as_bytes()), record: digest, bytes: size + 2_400_000 };
        let ended = Ended::Published { record: Box::new(record.without_series()), bundle };
        self.catalog.end(&work.experiment.id, &work.holder, &ended).await.unwrap();
        work.experiment.id
    }

    /// Submits and measures one whose rate at equal quality is `ratio` of x265 medium's.
    pub(crate) async fn measure(&self, arm: Arm, lambda: f64, ratio: f64, rationale: &str) -> ExperimentId {
        self.measure_from(Origin::new(arm, rationale), lambda, ratio).await
    }

    /// The same of one that says more of where it comes from.
    pub(crate) async fn measure_from(&self, origin: Origin, lambda: f64, ratio: f64) -> ExperimentId {
        self.measure_this(submission("transform", lambda), origin, ratio).await
    }

    /// The same of a question.
    pub(crate) async fn measure_this(&self, asked: Submission, origin: Origin, ratio: f64) -> ExperimentId {
        self.propose(asked, origin).await;
        self.end("bench-1", |submission| record(submission, ratio)).await
    }

    /// Measures another source, at `ratio` of x265 medium's rate.
    pub(crate) async fn change(&self, origin: Origin, source: &str, ratio: f64) -> ExperimentId {
        let digest = Digest::of(source.as_bytes());
        self.blobs.put(&BlobKey::object(ObjectKind::Source, digest), source.to_owned().into()).await.unwrap();
        let asked = Submission { source: digest, ..submission("transform", 1.0) };
        self.measure_this(asked, origin, ratio).await
    }

    /// Adds the held-out clips.
    pub(crate) async fn hold_out(&self) {
        for clip in held_out() {
            self.catalog.put_clip(&clip).await.unwrap();
        }
    }

    /// Measures what an experiment asked once more, on the held-out clips.
    pub(crate) async fn check(&self, id: &ExperimentId, ratio: f64) -> ExperimentId {
        let open = self.catalog.experiment(id).await.unwrap().unwrap();
        let asked = open.submission.held_out(&held_out()).unwrap();
        let origin =
            Origin { parent: Some(id.clone()), ..Origin::new(Arm::HeldOut, "A champion, elsewhere.") };
        self.measure_this(asked, origin, ratio).await
    }

    /// Takes over an experiment of another laboratory, with what has been done to it there.
    pub(crate) async fn adopt(&self, from: &Self, id: &ExperimentId, done: impl FnOnce(&mut Experiment)) {
        let mut experiment = from.catalog.experiment(id).await.unwrap().unwrap();
        done(&mut experiment);
        let record = from.catalog.record(id).await.unwrap();
        assert_eq!(self.store.import(vec![(experiment, record)]).await.unwrap(), 1);
    }

    /// Keeps records of the earlier system: what `items` of their table say.
    pub(crate) async fn remember(&self, items: &[serde_json::Value]) {
        for item in items {
            let record = aiv1_model::legacy::read(item.clone()).unwrap();
            self.catalog.put_legacy(&record).await.unwrap();
        }
    }

    /// Submits one that fails.
    pub(crate) async fn fail(&self, lambda: f64, failure: Failure) -> ExperimentId {
        self.submit(Arm::Search, lambda, "A wider search may find better matches.").await;
        self.end("bench-2", |submission| failed(submission, failure)).await
    }
}

fn settings() -> Settings {
    Settings {
        gop_frames: 64,
        quality_indices: QUALITIES.map(|(index, _)| index).to_vec(),
        anchors: ANCHORS.map(|(name, _)| name.to_owned()).to_vec(),
        limits: aiv1_model::Limits::default(),
    }
}

/// The clips.
pub(crate) fn clips() -> Vec<ClipEntry> {
    let clip = |(index, (name, width, height, _)): (usize, (&str, u32, u32, f64))| {
        let mut clip = fixtures::clip(index as u32);
        name.clone_into(&mut clip.info.name);
        clip.info.format.width = width;
        clip.info.format.height = height;
        clip.info.frames = 120;
        clip
    };
    CLIPS.into_iter().enumerate().map(clip).collect()
}

/// Clips that no designer sees.
pub(crate) fn held_out() -> Vec<ClipEntry> {
    let mut clips = [7, 8, 9].map(fixtures::clip);
    for clip in &mut clips {
        ClipEntry::HELD_OUT.clone_into(&mut clip.set);
        clip.info.frames = 120;
    }
    clips.into()
}

/// What is asked of the codec `transform` under this name.
pub(crate) fn submission(codec: &str, lambda: f64) -> Submission {
    Submission {
        codec: codec.to_owned(),
        source: Digest::of(SOURCE.as_bytes()),
        parameters: Parameters::from([
            ("lambda_scale".to_owned(), ParameterValue::Float(lambda)),
            ("search_range".to_owned(), ParameterValue::Int(16 + (lambda * 40.0) as i32 % 5)),
        ]),
        clips: clips().iter().map(|clip| clip.info.id).collect(),
        settings: settings(),
    }
}

/// A record of results at `ratio` of x265 medium's rate.
pub(crate) fn record(submission: &Submission, ratio: f64) -> Record {
    let mut record = failed(submission, fixtures::failure(Fault::Candidate));
    record.status = Status::Successful;
    record.failure = None;
    record.phases = phases(&[3, 6, 31, 14, 1], PhaseOutcome::Completed);
    let skew = [0.93, 1.02, 1.05];
    for (number, clip) in record.clips.clone().iter().enumerate() {
        let base = CLIPS[number % 3].3 * 1e3;
        for (index, psnr) in QUALITIES {
            let rate = |ratio: f64| base * ratio * 2_f64.powf((psnr - 36.0) / 2.9);
            let mut point = fixtures::record_for(submission, Status::Successful, None).points[0].clone();
            point.clip = clip.id;
            point.quality_index = index;
            point.bitrate = rate(ratio * skew[number % 3]);
            point.stream.bytes = (point.bitrate * 4.8 / 8.0) as u64;
            point.quality = quality(psnr, clip.format.pixels(), 120, ratio);
            point.cost = cost(ratio, index);
            record.points.push(point);
            for (name, anchor) in ANCHORS {
                let mut point = fixtures::record_for(submission, Status::Successful, None).anchors[0].clone();
                point.clip = clip.id;
                name.clone_into(&mut point.encode.anchor);
                point.bitrate = rate(anchor);
                point.stream_bytes = (point.bitrate * 4.8 / 8.0) as u64;
                point.quality = quality(psnr, clip.format.pixels(), 0, anchor);
                record.anchors.push(point);
            }
        }
    }
    for (name, anchor) in ANCHORS {
        for (number, metric) in Metric::ALL.into_iter().enumerate() {
            let off = [1.0, 0.986, 0.982][number];
            let figures: Vec<f64> =
                skew.iter().map(|skew| (ratio * skew * off / anchor - 1.0) * 100.0).collect();
            for (clip, figure) in record.clips.iter().zip(&figures) {
                let mut comparison = fixtures::record_for(submission, Status::Successful, Some(*figure))
                    .comparisons[0]
                    .clone();
                comparison.clip = clip.id;
                name.clone_into(&mut comparison.anchor);
                comparison.metric = metric;
                comparison.bd_rate.akima = Some(figure + 0.07);
                record.comparisons.push(Comparison { ..comparison });
            }
            let mean = figures.iter().sum::<f64>() / 3.0;
            let spread = Spread { mean, median: figures[1], min: figures[0], max: figures[2], clips: 3 };
            record.set.push(SetComparison {
                anchor: name.to_owned(),
                metric,
                bd_rate: Some(spread),
                refused: 0,
            });
        }
    }
    record
}

fn cost(ratio: f64, index: u8) -> Cost {
    Cost {
        encode_fuel: 900_000_000,
        decode_fuel: 14_000_000,
        encode_fuel_per_pixel: 5_200.0 / ratio,
        decode_fuel_per_pixel: 260.0 - 120.0 * ratio - f64::from(index),
        encode_ms: 9_200,
        decode_ms: 310,
        peak_memory_bytes: 31 << 20,
    }
}

fn quality(psnr: f64, pixels: u64, frames: u64, seed: f64) -> Quality {
    let error = |psnr: f64| (65_025.0 * pixels as f64 / 10_f64.powf(psnr / 10.0)) as u64;
    let wave = |frame: u64| {
        (frame as f64 * 0.31 + seed * 9.0).sin() * 0.5 - if frame % 48 == 47 { 1.4 } else { 0.0 }
    };
    let series: Vec<FrameQuality> = (0..frames)
        .map(|frame| FrameQuality {
            squared_error: [error(psnr + wave(frame)), 9_000, 9_000],
            ssim_y: 0.985 - (44.0 - psnr) * 0.0035 + wave(frame) * 0.002,
        })
        .collect();
    let plane = PlaneError { squared_error: error(psnr) * 120, samples: pixels * 120 };
    Quality {
        planes: [plane; 3],
        psnr_y: Decibels::Finite(psnr),
        psnr_u: Decibels::Finite(psnr + 2.4),
        psnr_v: Decibels::Finite(psnr + 2.9),
        psnr_yuv: Decibels::Finite(psnr + 0.88),
        ssim_y: 0.985 - (44.0 - psnr) * 0.0035,
        worst_psnr_y: Decibels::Finite(psnr - 1.9),
        worst_psnr_frame: 47,
        worst_ssim_y: 0.981 - (44.0 - psnr) * 0.0035,
        worst_ssim_frame: 47,
        vmaf: None,
        frames: series,
    }
}

fn phases(seconds: &[i64], last: PhaseOutcome) -> Vec<PhaseRecord> {
    let all = [Phase::Validation, Phase::Deployment, Phase::Execution, Phase::Verification, Phase::Analysis];
    let mut at = fixtures::START;
    let mut phases: Vec<PhaseRecord> = Vec::new();
    for (phase, seconds) in all.into_iter().zip(seconds) {
        let ended_at = at + SignedDuration::from_secs(*seconds);
        phases.push(PhaseRecord {
            phase,
            started_at: at,
            ended_at,
            limit_ms: Some(900_000),
            outcome: PhaseOutcome::Completed,
        });
        at = ended_at;
    }
    if let Some(phase) = phases.last_mut() {
        phase.outcome = last;
    }
    phases
}

/// A record that ends with a failure.
pub(crate) fn failed(submission: &Submission, failure: Failure) -> Record {
    let record = fixtures::record_for(submission, Status::Failed, None);
    let known = [clips(), held_out()].concat();
    let clips = submission.clips.iter().filter_map(|id| known.iter().find(|clip| clip.info.id == *id));
    let declared = |name: &str, help: &str, kind| DeclaredParameter {
        name: name.to_owned(),
        help: help.to_owned(),
        kind,
    };
    let declaration = Declaration {
        abi: 1,
        about: "A hybrid codec: motion, a pyramid of transforms, adaptive arithmetic coding.".to_owned(),
        parameters: vec![
            declared(
                "lambda_scale",
                "weight of rate against distortion in every decision",
                ParameterKind::Float { min: 0.3, max: 3.0, default: 1.0 },
            ),
            declared(
                "search_range",
                "how far motion is looked for, in samples",
                ParameterKind::Int { min: 1, max: 64, default: 16 },
            ),
            declared("deblock", "smooth the edges of blocks", ParameterKind::Flag { default: true }),
        ],
    };
    let mut parameters = submission.parameters.clone();
    parameters.insert("deblock".to_owned(), ParameterValue::Flag(true));
    Record {
        clips: clips.map(|clip| clip.info.clone()).collect(),
        codec: CodecInfo { declaration: Some(declaration), ..record.codec },
        parameters,
        phases: phases(&[2, 4, 9], PhaseOutcome::Failed),
        machine: Machine {
            cpu: Some("Intel(R) Xeon(R) Processor @ 2.10GHz".to_owned()),
            threads: 2,
            lab: "0.1.0".to_owned(),
            ffmpeg: Some("ffmpeg version 5.1.9-0+deb12u1".to_owned()),
        },
        failure: Some(failure),
        points: Vec::<RatePoint>::new(),
        ..record
    }
}

/// A trap, with a backtrace.
pub(crate) fn trap() -> Failure {
    Failure {
        fault: Fault::Candidate,
        phase: Phase::Execution,
        kind: "trap".to_owned(),
        message: "`encode` trapped: wasm trap: out of bounds memory access".to_owned(),
        clip: Some(clips()[1].info.id),
        quality_index: Some(16),
        evidence: vec![
            Evidence::new(
                "panic",
                "panicked at codec.rs:118:9:\nindex out of bounds: the len is 64 but the index is 64",
            ),
            Evidence::new("backtrace", "? (function 44, offset 0x31dd)\n? (function 27, offset 0x1853)"),
        ],
    }
}

/// Items of the earlier system's table, one of each kind.
pub(crate) fn earlier() -> Vec<serde_json::Value> {
    macro_rules! items {
        ($($name:literal),*) => {
            [$(include_str!(concat!("../../../../crates/model/tests/legacy/items/", $name, ".json"))),*]
        };
    }
    let items = items![
        "table-item-g0-real_exp_1760577415",
        "table-item-g1-proc_exp_1760710000-text-experiments",
        "table-item-g1-timed-out",
        "table-item-g2b-simple_cpu-text-result",
        "table-item-g3-1-success",
        "table-item-g3-2-failed",
        "table-item-g3-3-in_progress"
    ];
    items.map(|item| serde_json::from_str(item).unwrap()).into()
}
