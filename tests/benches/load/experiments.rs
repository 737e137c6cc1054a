//! Experiments that ended, made up in any number: each with its own parameters, findings and record.

use aiv1_model::{
    Arm, Digest, Experiment, FailureSummary, Fault, Findings, FrameQuality, Origin, ParameterValue,
    Parameters, Record, Status, Submission,
};
use aiv1_store::contract::fixtures;
use aiv1_store::{BlobKey, Blobs, Entry, NewExperiment, ObjectKind};
use jiff::{SignedDuration, Timestamp};

/// Frames of the series that pages draw.
const FRAMES: usize = 150;

/// The record as its bundle has it, with every frame.
pub(crate) async fn put_record(blobs: &dyn Blobs, experiment: &mut Experiment, record: &mut Record) {
    for point in &mut record.points {
        let frame = FrameQuality { squared_error: [9_000, 2_000, 2_000], ssim_y: 0.97 };
        point.quality.frames = vec![frame; FRAMES];
    }
    let text = serde_json::to_vec(record).unwrap();
    let sha256 = Digest::of(&text);
    blobs.put(&BlobKey::object(ObjectKind::Record, sha256), text.into()).await.unwrap();
    let source = b"// the source".to_vec();
    blobs.put(&BlobKey::object(ObjectKind::Source, Digest::of(&source)), source.into()).await.unwrap();
    if let Some(bundle) = &mut experiment.bundle {
        bundle.record = sha256;
    }
}

/// Four of five succeeded; a tenth without a stated BD-rate.
pub(crate) fn experiment(number: usize, of: usize, now: Timestamp) -> (Experiment, Record) {
    let failed = number % 5 == 4;
    let arm = Arm::ALL[number % Arm::ALL.len()];
    let submission = submission(number);
    let headline = (number % 10 != 3).then(|| -5.0 - (number as f64 * 0.37).sin() * 8.0);
    let status = if failed { Status::Failed } else { Status::Successful };
    let mut record = fixtures::record_for(&submission, status, headline);
    let age = SignedDuration::from_secs(60 * (of - number) as i64);
    let at = |minute: i64| {
        now.saturating_sub(age).unwrap().saturating_add(SignedDuration::from_secs(20 * minute)).unwrap()
    };
    (record.started_at, record.ended_at) = (at(1), Some(at(2)));
    let origin = Origin::new(arm, "A finer step may cost less at the same quality. ".repeat(4));
    let new = NewExperiment { submission, origin, idempotency_key: None };
    let experiment = Experiment {
        status,
        started_at: Some(at(1)),
        ended_at: Some(at(2)),
        attempt: 1,
        phases: record.phases.clone(),
        failure: failed.then(|| FailureSummary::from(&fixtures::failure(Fault::Candidate))),
        findings: (!failed).then(|| Findings::of(&record)),
        bundle: Some(fixtures::bundle(number as u32)),
        ..Entry::submitted(&new, 0, at(0)).experiment
    };
    (experiment, record)
}

/// As many parameters as the transform codec has, of a few codecs.
pub(crate) fn submission(number: usize) -> Submission {
    let mut submission =
        fixtures::submission_of(["transform", "procedural", "template"][number % 3], number as u32);
    let others =
        (0..16).map(|index| (format!("parameter_{index}"), ParameterValue::Float(f64::from(index) / 8.0)));
    submission.parameters.extend(others.collect::<Parameters>());
    submission
}
