//! Small but complete experiments, records, clips and workers for tests.

use crate::{Ended, ManualClock, NewExperiment};
use aiv1_model::api::{ClipEntry, Heartbeat, Holder, WorkerInfo};
use aiv1_model::legacy::{ArtefactKind, LegacyArtefact, LegacyClaims, LegacyGeneration, LegacyStatus};
use aiv1_model::{
    AnchorEncode, AnchorPoint, Arm, BdRate, BundleRef, Certificate, ClipClass, ClipInfo, CodecInfo,
    ColorInfo, Comparison, Cost, Decibels, Declaration, DeclaredParameter, Digest, Evidence, Failure, Fault,
    FrameQuality, FrameRate, LegacyExperiment, Limits, Machine, Metric, ModuleInfo, Origin, ParameterKind,
    ParameterValue, Parameters, Phase, PhaseOutcome, PhaseRecord, PlaneError, Quality, QualityTools,
    RECORD_VERSION, RatePoint, Record, SetComparison, Settings, SourceFile, Spread, Status, StreamInfo,
    Submission, VideoFormat,
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// When every test begins: 2026-01-02 03:04:05 UTC.
pub const START: Timestamp = Timestamp::constant(1_767_323_045, 0);

/// Name of the anchor of [`record_for`].
pub const ANCHOR: &str = "x265-medium";

const FORMAT: VideoFormat = VideoFormat {
    width: 64,
    height: 48,
    frame_rate: FrameRate { numerator: 25, denominator: 1 },
    color: ColorInfo::UNSPECIFIED,
};

/// A clock that stands at [`START`].
#[must_use]
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(START))
}

/// The `n`-th question about the codec `sample`; every `n` has another id.
#[must_use]
pub fn submission(n: u32) -> Submission {
    submission_of("sample", n)
}

/// The `n`-th question about a codec; codecs of different names have different sources.
#[must_use]
pub fn submission_of(codec: &str, n: u32) -> Submission {
    Submission {
        codec: codec.to_owned(),
        source: Digest::of(codec.as_bytes()),
        parameters: Parameters::from([("step".to_owned(), ParameterValue::Int(n as i32))]),
        clips: vec![clip(0).info.id],
        settings: Settings {
            gop_frames: 2,
            quality_indices: vec![16, 24, 32, 40],
            anchors: vec![ANCHOR.to_owned()],
            limits: Limits::default(),
        },
    }
}

/// The `n`-th question, from a person.
#[must_use]
pub fn experiment(n: u32) -> NewExperiment {
    experiment_of("sample", n, Arm::Person)
}

/// The `n`-th question about a codec, from an arm.
#[must_use]
pub fn experiment_of(codec: &str, n: u32, arm: Arm) -> NewExperiment {
    let rationale = format!("A step of {n} may be better.");
    NewExperiment {
        submission: submission_of(codec, n),
        origin: Origin::new(arm, rationale),
        idempotency_key: None,
    }
}

/// The `n`-th clip.
#[must_use]
pub fn clip(n: u32) -> ClipEntry {
    let file = Digest::of(format!("file {n}").as_bytes());
    let info = ClipInfo {
        id: Digest::of(format!("frames {n}").as_bytes()),
        name: format!("clip-{n}"),
        format: FORMAT,
        frames: 2,
        frame_limit: None,
        class: ClipClass::Pristine,
        source: SourceFile { name: format!("clip-{n}.y4m"), sha256: file, bytes: 9_288, bundled: None },
        conversions: Vec::new(),
    };
    ClipEntry { info, set: "open".to_owned() }
}

/// A worker.
#[must_use]
pub fn worker(name: &str) -> WorkerInfo {
    WorkerInfo {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        machine: Some("a machine".to_owned()),
        threads: 2,
    }
}

/// The `n`-th record of the earlier system, each a second after the one before.
#[must_use]
pub fn legacy(n: u32) -> LegacyExperiment {
    let recorded_at = START + SignedDuration::from_secs(i64::from(n));
    let id = format!("exp_iter{n}_{}", recorded_at.as_second());
    let key = format!("decoders/{id}/decoder.py");
    LegacyExperiment {
        id: id.parse().unwrap(),
        recorded_at,
        generation: LegacyGeneration::G3,
        status: LegacyStatus::Successful,
        status_word: Some("success".to_owned()),
        iteration: Some(u64::from(n)),
        phase: None,
        claims: LegacyClaims { bitrate_mbps: Some(554.9), psnr_db: Some(22.5), ..LegacyClaims::default() },
        failure: None,
        approach: None,
        hypothesis: None,
        reasoning: Some("Block DCT with <b>quantisation</b> …".to_owned()),
        improvement: None,
        artefacts: vec![LegacyArtefact { kind: ArtefactKind::Decoder, key, bytes: None }],
        notes: Vec::new(),
        reader: LegacyExperiment::READER,
    }
}

/// A heartbeat of a holder who is encoding.
#[must_use]
pub fn beat(holder: &Holder) -> Heartbeat {
    Heartbeat { holder: holder.clone(), phase: Some(Phase::Execution), progress: Some(0.5) }
}

/// The `n`-th bundle.
#[must_use]
pub fn bundle(n: u32) -> BundleRef {
    let digest = |what: &str| Digest::of(format!("{what} {n}").as_bytes());
    BundleRef { manifest: digest("manifest"), record: digest("record"), bytes: 12_345 }
}

/// A failure.
#[must_use]
pub fn failure(fault: Fault) -> Failure {
    Failure {
        fault,
        phase: Phase::Execution,
        kind: "fuel".to_owned(),
        message: "GOP 0 used 200001 units of fuel a pixel, at most 200000 are given".to_owned(),
        clip: None,
        quality_index: Some(16),
        evidence: vec![Evidence::new("backtrace", "at encode")],
    }
}

/// How a successful attempt at a submission ends; `headline` is its BD-rate, absent where none could be stated.
#[must_use]
pub fn success(submission: &Submission, headline: Option<f64>) -> Ended {
    Ended::Published {
        record: Box::new(record_for(submission, Status::Successful, headline)),
        bundle: bundle(1),
    }
}

/// A phase that completed.
#[must_use]
pub fn phase(phase: Phase) -> PhaseRecord {
    let ended_at = START + SignedDuration::from_secs(1);
    PhaseRecord {
        phase,
        started_at: START,
        ended_at,
        limit_ms: Some(60_000),
        outcome: PhaseOutcome::Completed,
    }
}

/// The record of an attempt at a submission: every clip at every quality index, one anchor, and the BD-rate `headline`
/// against it, refused where that is `None`. A failed one has a failure and no points.
#[must_use]
pub fn record_for(submission: &Submission, status: Status, headline: Option<f64>) -> Record {
    let failed = status == Status::Failed;
    let clips = submission.clips.iter().map(|id| ClipInfo { id: *id, ..clip(0).info }).collect::<Vec<_>>();
    let indices = &submission.settings.quality_indices;
    // Differs between submissions, so that lists by cost have an order.
    let fuel = 50.0 + f64::from(Digest::of(submission.id().as_str().as_bytes()).as_bytes()[0]);
    let pairs = || clips.iter().flat_map(|clip| indices.iter().map(move |index| (clip, *index)));
    let points = pairs().map(|(clip, index)| rate_point(clip, index, fuel)).collect();
    let anchors = pairs().map(|(clip, index)| anchor_point(clip, index)).collect();
    let step = ParameterKind::Int { min: 0, max: 1 << 30, default: 1 };
    let declared =
        DeclaredParameter { name: "step".to_owned(), help: "How far to go".to_owned(), kind: step };
    let module =
        |what: &str| ModuleInfo { sha256: Digest::of(what.as_bytes()), bytes: 9_000, gzip_bytes: 4_000 };
    let comparisons = clips.iter().map(|clip| Comparison {
        clip: clip.id,
        anchor: ANCHOR.to_owned(),
        metric: Metric::PsnrY,
        bd_rate: bd_rate(headline),
    });
    let spread = |mean| Spread { mean, median: mean, min: mean, max: mean, clips: clips.len() };
    let set = SetComparison {
        anchor: ANCHOR.to_owned(),
        metric: Metric::PsnrY,
        bd_rate: headline.map(spread),
        refused: if headline.is_some() { 0 } else { clips.len() },
    };
    Record {
        version: RECORD_VERSION,
        id: submission.id(),
        status,
        started_at: START,
        ended_at: Some(START),
        codec: CodecInfo {
            name: submission.codec.clone(),
            source_sha256: submission.source,
            source_bytes: 2_000,
            kit_sha256: Digest::of(b"kit"),
            toolchain: Some("rustc 1.95.0".to_owned()),
            toolchain_sha256: Some(Digest::of(b"toolchain")),
            encoder: Some(module("encoder")),
            decoder: Some(module("decoder")),
            declaration: Some(Declaration {
                abi: 1,
                about: "A sample".to_owned(),
                parameters: vec![declared],
            }),
        },
        asked: submission.parameters.clone(),
        parameters: submission.parameters.clone(),
        settings: submission.settings.clone(),
        phases: [Phase::Validation, Phase::Deployment, Phase::Execution].map(phase).to_vec(),
        points: if failed { Vec::new() } else { points },
        anchors: if failed { Vec::new() } else { anchors },
        comparisons: if failed { Vec::new() } else { comparisons.collect() },
        set: if failed { Vec::new() } else { vec![set] },
        tools: QualityTools { psnr: "aiv1 0.1".to_owned(), ssim: "aiv1 0.1".to_owned(), vmaf: None },
        machine: Machine { cpu: None, threads: 2, lab: "0.1.0".to_owned(), ffmpeg: None },
        failure: failed.then(|| failure(Fault::Candidate)),
        clips,
    }
}

fn rate_point(clip: &ClipInfo, index: u8, fuel: f64) -> RatePoint {
    let bytes = 4_000 / u64::from(index);
    let name = format!("{}-q{index:02}", clip.id.abbreviated());
    RatePoint {
        clip: clip.id,
        quality_index: index,
        stream: StreamInfo {
            path: format!("streams/{name}.aiv1"),
            sha256: Digest::of(name.as_bytes()),
            bytes,
            payload_bytes: bytes / 2,
            decoded_sha256: Digest::of(format!("decoded {name}").as_bytes()),
        },
        bitrate: clip.bitrate(bytes),
        quality: quality(u64::from(index)),
        cost: Cost {
            encode_fuel: 6_000_000,
            decode_fuel: (fuel * 6144.0) as u64,
            encode_fuel_per_pixel: 1_000.0,
            decode_fuel_per_pixel: fuel,
            encode_ms: 12,
            decode_ms: 3,
            peak_memory_bytes: 1 << 20,
        },
    }
}

fn anchor_point(clip: &ClipInfo, index: u8) -> AnchorPoint {
    let bytes = 5_000 / u64::from(index);
    AnchorPoint {
        clip: clip.id,
        encode: AnchorEncode {
            anchor: ANCHOR.to_owned(),
            tuning: "x265, medium".to_owned(),
            encoder: "x265 4.0".to_owned(),
            command: ["-i", "{input}", "{output}"].map(str::to_owned).to_vec(),
        },
        stream_sha256: Digest::of(format!("anchor {index} {}", clip.id).as_bytes()),
        stream_bytes: bytes,
        path: format!("anchors/{}-{ANCHOR}-{index}.hevc", clip.id.abbreviated()),
        bitrate: clip.bitrate(bytes),
        quality: quality(u64::from(index)),
    }
}

fn quality(index: u64) -> Quality {
    let (luma, chroma) = (64 * 48 * 2, 32 * 24 * 2);
    let plane = |samples: u64| PlaneError { squared_error: index * samples, samples };
    let planes = [plane(luma), plane(chroma), plane(chroma)];
    let (psnr, ssim_y) = (planes[0].psnr(), 1.0 - index as f64 / 1_000.0);
    let frame = FrameQuality { squared_error: planes.map(|plane| plane.squared_error / 2), ssim_y };
    Quality {
        planes,
        psnr_y: psnr,
        psnr_u: psnr,
        psnr_v: psnr,
        psnr_yuv: Decibels::Finite(psnr.finite().unwrap_or_default()),
        ssim_y,
        worst_psnr_y: psnr,
        worst_psnr_frame: 0,
        worst_ssim_y: ssim_y,
        worst_ssim_frame: 0,
        vmaf: None,
        frames: vec![frame; 2],
    }
}

fn bd_rate(headline: Option<f64>) -> BdRate {
    let certificate = Certificate {
        test_points: 4,
        anchor_points: 4,
        test_monotone: true,
        anchor_monotone: true,
        overlap_low: Some(32.0),
        overlap_high: Some(36.0),
        overlap: if headline.is_some() { 1.0 } else { 0.2 },
        interpolation_gap: Some(0.1),
    };
    let refusal =
        headline.is_none().then_some(aiv1_model::Refusal::LittleOverlap { overlap: 0.2, least: 0.5 });
    BdRate { pchip: headline, akima: headline, certificate, refusal }
}
