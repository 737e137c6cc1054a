//! Work: claims, heartbeats, results that are believed only as far as they hold.

use crate::open;
use crate::support::{Answer, Bundle, SOURCE, SUBMIT, Site, WORKER, failure, record, submission, worker};
use aiv1_model::api::{Claim, ClaimRequest, Heartbeat, Holder, PhaseReport, ResultReport, WorkResult};
use aiv1_model::{
    BundleRef, Decibels, Digest, Experiment, Fault, Phase, PhaseOutcome, PhaseRecord, Record, Status,
};
use aiv1_store::{BlobKey, ObjectKind};
use jiff::SignedDuration;
use serde_json::{Value, json};

fn claim_request(wait_seconds: u64) -> ClaimRequest {
    ClaimRequest { worker: worker(), wait_seconds }
}

async fn report(site: &Site, experiment: &Experiment, holder: &Holder, result: WorkResult) -> Answer {
    let report = ResultReport { holder: holder.clone(), result };
    site.post(&format!("/api/work/{}/result", experiment.id), WORKER, &report).await
}

async fn publish(site: &Site, experiment: &Experiment, holder: &Holder, bundle: &BundleRef) -> Answer {
    report(site, experiment, holder, WorkResult::Published { bundle: bundle.clone() }).await
}

#[tokio::test]
async fn a_claim_has_everything_that_the_work_needs() {
    let site = open().await;
    let experiment = site.submit(&submission(1)).await;
    let answer = site.post("/api/work/claim", WORKER, &claim_request(0)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let claim: Claim = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&claim.id, claim.attempt, claim.lease_seconds), (&experiment.id, 1, 60));
    assert_eq!((claim.submission, claim.source.as_str()), (submission(1), SOURCE));
    let file = site.get(claim.clips[0].url.strip_prefix("http://lab.test").unwrap()).await;
    assert_eq!(Digest::of(&file.body), claim.clips[0].clip.file());
}

#[tokio::test]
async fn without_work_a_claim_ends_with_nothing() {
    let site = open().await;
    let answer = site.post("/api/work/claim", WORKER, &claim_request(0)).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
}

#[tokio::test]
async fn a_waiting_claim_gets_work_the_moment_it_is_submitted() {
    let site = open().await;
    let request = claim_request(25);
    let claim = site.post("/api/work/claim", WORKER, &request);
    let submit = async {
        tokio::task::yield_now().await;
        site.submit(&submission(1)).await
    };
    let (claim, experiment) = tokio::join!(claim, submit);
    assert_eq!((claim.status, &claim.json()["id"]), (200, &json!(experiment.id)));
}

#[tokio::test]
async fn a_claim_that_makes_no_sense_is_refused_with_its_bound() {
    let site = open().await;
    let mut request = claim_request(26);
    let answer = site.post("/api/work/claim", WORKER, &request).await;
    assert_eq!(answer.status, 400);
    assert!(answer.problem().contains("0 to 25"));
    request.wait_seconds = 0;
    request.worker.name = "<script>".to_owned();
    let answer = site.post("/api/work/claim", WORKER, &request).await;
    assert_eq!(answer.status, 422);
    assert!(answer.problem().contains("1 to 64 of [A-Za-z0-9._-]"));
    request.worker.name = "w".to_owned();
    request.worker.machine = Some("m".repeat(201));
    assert_eq!(site.post("/api/work/claim", WORKER, &request).await.status, 422);
    assert_eq!(site.post("/api/work/claim", SUBMIT, &claim_request(0)).await.status, 403);
}

#[tokio::test]
async fn work_whose_source_is_lost_fails_as_the_infrastructure_s_and_others_go_on() {
    let site = open().await;
    let lost = site.submit(&submission(1)).await;
    site.services.blobs.delete(&BlobKey::object(ObjectKind::Source, lost.submission.source)).await.unwrap();
    assert_eq!(site.post("/api/work/claim", WORKER, &claim_request(0)).await.status, 204);
    let lost = site.services.catalog.experiment(&lost.id).await.unwrap().unwrap();
    let failure = lost.failure.unwrap();
    assert_eq!(
        (lost.status, failure.fault, failure.kind.as_str()),
        (Status::Failed, Fault::Infrastructure, "source_missing")
    );
}

#[tokio::test]
async fn a_heartbeat_keeps_the_work_and_shows_how_far_it_is() {
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let path = format!("/api/work/{}/heartbeat", experiment.id);
    let beat = |holder: &Holder, progress: f64| Heartbeat {
        holder: holder.clone(),
        phase: Some(Phase::Execution),
        progress: Some(progress),
    };
    site.clock.advance(SignedDuration::from_secs(50));
    let answer = site.post(&path, WORKER, &beat(&holder, 0.5)).await;
    assert_eq!(answer.json()["lease_expires_at"], "2026-01-01T00:01:50Z");
    let shown = site.get(&format!("/api/experiments/{}", experiment.id)).await.json();
    assert_eq!(
        (shown["work"]["phase"].as_str(), shown["work"]["progress"].as_f64()),
        (Some("execution"), Some(0.5))
    );
    for wrong in [-0.1, 1.1] {
        let answer = site.post(&path, WORKER, &beat(&holder, wrong)).await;
        assert_eq!(answer.status, 422);
        assert!(answer.problem().contains("0 to 1"));
    }
    let late = Holder { attempt: 2, ..holder };
    assert_eq!(site.post(&path, WORKER, &beat(&late, 0.5)).await.status, 409);
    assert_eq!(site.post("/api/work/7/heartbeat", WORKER, &beat(&late, 0.5)).await.status, 404);
}

#[tokio::test]
async fn phases_are_noted_as_they_end() {
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let start = site.services.clock.now();
    let mut report = PhaseReport {
        holder,
        phase: PhaseRecord {
            phase: Phase::Validation,
            started_at: start,
            ended_at: start + SignedDuration::from_secs(2),
            limit_ms: None,
            outcome: PhaseOutcome::Completed,
        },
    };
    let path = format!("/api/work/{}/phase", experiment.id);
    for _ in 0..2 {
        assert_eq!(site.post(&path, WORKER, &report).await.status, 204);
    }
    let noted = site.services.catalog.experiment(&experiment.id).await.unwrap().unwrap().phases;
    assert_eq!(noted, [report.phase.clone()]);
    report.phase.ended_at = start - SignedDuration::from_secs(1);
    assert_eq!(site.post(&path, WORKER, &report).await.status, 422);
    report.phase.ended_at = start;
    report.holder.attempt = 9;
    assert_eq!(site.post(&path, WORKER, &report).await.status, 409);
}

#[tokio::test]
async fn a_bundle_that_holds_ends_the_work_and_saying_so_again_changes_nothing() {
    let site = open().await;
    for (n, status) in [(1, Status::Successful), (2, Status::Failed)] {
        site.submit(&submission(n)).await;
        let (experiment, holder) = site.claim().await;
        let bundle = Bundle::of(record(&experiment.submission, status));
        site.upload(&bundle).await;
        let first = publish(&site, &experiment, &holder, &bundle.reference).await;
        assert_eq!(first.status, 200, "{first:?}");
        let ended: Experiment = serde_json::from_slice(&first.body).unwrap();
        assert_eq!((ended.status, ended.bundle), (status, Some(bundle.reference.clone())));
        let again = publish(&site, &experiment, &holder, &bundle.reference).await;
        assert_eq!((again.status, again.json()), (200, first.json()));
        let kept = site.services.catalog.record(&experiment.id).await.unwrap().unwrap();
        assert_eq!(kept, bundle.record.without_series());
    }
    assert_eq!(site.get("/api/experiments").await.json()["successful"], 1);
}

/// Makes a record one of another question.
pub(super) type Change = fn(&mut Record);

/// What the API says of a bundle that was made with `change`; it must not end anything.
pub(super) async fn refused(change: impl FnOnce(Record) -> Bundle, withhold: Option<&str>) -> String {
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let mut bundle = change(record(&experiment.submission, Status::Successful));
    bundle.files.retain(|(path, _)| withhold != Some(path.as_str()));
    site.upload(&bundle).await;
    let answer = publish(&site, &experiment, &holder, &bundle.reference).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    let still = site.services.catalog.experiment(&experiment.id).await.unwrap().unwrap();
    assert_eq!(still, experiment);
    answer.problem()
}

/// A bundle whose record says something else than was measured; every other file is as it was.
pub(super) fn altered(mut record: Record, change: Change) -> Bundle {
    let mut files = Bundle::of(record.clone()).files;
    change(&mut record);
    files.retain(|(path, _)| path != "record.json" && path != "manifest.json");
    let mut text = serde_json::to_vec(&record).unwrap();
    text.push(b'\n');
    files.push(("record.json".to_owned(), text));
    Bundle::sealed(record, files)
}

#[tokio::test]
async fn a_success_that_does_not_follow_from_its_own_measurements_is_refused_by_the_figure() {
    let honest = record(&submission(1), Status::Successful);
    assert!(honest.comparisons[0].bd_rate.pchip.is_some(), "there is something to forge");
    let changes: [(&str, Change); 24] = [
        ("record.comparisons[0].bd_rate.pchip", |it| it.comparisons[0].bd_rate.pchip = Some(-90.0)),
        ("record.comparisons[0].bd_rate.certificate.overlap", |it| {
            it.comparisons[0].bd_rate.certificate.overlap = 0.99;
        }),
        ("record.comparisons is a list of 0", |it| it.comparisons.clear()),
        ("record.set[0].bd_rate.mean", |it| it.set[0].bd_rate.as_mut().unwrap().mean = -90.0),
        ("record.set is a list of 2", |it| it.set.truncate(2)),
        ("record.points[1].bitrate", |it| it.points[1].bitrate = 1.0),
        ("record.points[1].stream.payload_bytes", |it| it.points[1].stream.payload_bytes = u64::MAX),
        ("record.points[1].cost.decode_fuel_per_pixel", |it| it.points[1].cost.decode_fuel_per_pixel = 0.0),
        ("record.points[1].quality.psnr_y", |it| it.points[1].quality.psnr_y = Decibels::Finite(60.0)),
        ("record.points[1].quality.psnr_y", |it| it.points[1].quality.psnr_y = Decibels::Lossless),
        ("record.points[1].quality.ssim_y", |it| it.points[1].quality.ssim_y = 0.99),
        ("record.points[1].quality.planes[0].squared_error", |it| {
            it.points[1].quality.planes[0].squared_error = 1;
        }),
        ("record.points[1].quality.planes[0].samples", |it| it.points[1].quality.planes[0].samples *= 2),
        ("record.points[1].quality.frames has 1 entries", |it| it.points[1].quality.frames.truncate(1)),
        ("record.points[1].quality.frames[2]", |it| it.points[1].quality.frames[2].ssim_y = 1.5),
        ("record.points[1].quality.frames[2]", |it| {
            it.points[1].quality.frames[2].squared_error[1] = u64::MAX;
        }),
        ("record.points[1].quality.vmaf", |it| it.points[1].quality.vmaf = Some(100.0)),
        ("record.anchors[4].quality.psnr_y", |it| it.anchors[4].quality.psnr_y = Decibels::Finite(1.0)),
        ("record.anchors[4].bitrate", |it| it.anchors[4].bitrate *= 2.0),
        ("record.anchors has 3 points", |it| it.anchors.truncate(3)),
        ("record.anchors must have each", |it| it.anchors.clear()),
        ("record.anchors must have each", |it| it.anchors[0].encode.anchor = "x264-ultrafast".to_owned()),
        ("record.clips[0].frames", |it| it.clips[0].frames = 1),
        ("record.clips[0].format", |it| it.clips[0].format.frame_rate.numerator = 1),
    ];
    for (said, change) in changes {
        let answer = refused(|record| altered(record, change), None).await;
        assert!(answer.contains(said), "{said}: {answer}");
    }
}

#[tokio::test]
async fn a_success_that_lacks_what_was_asked_for_is_refused() {
    let changes: [(&str, Change); 12] = [
        ("record.clips[0].name", |it| it.clips[0].name = "other".to_owned()),
        ("record.points has 0 entries", |it| it.points.clear()),
        ("record.points has 4 entries", |it| it.points.reverse()),
        ("record.points has 4 entries", |it| it.points[3] = it.points[2].clone()),
        ("record.points has 4 entries", |it| it.points[0].clip = Digest::of(b"other")),
        ("record.points[0].stream.path", |it| it.points[0].stream = it.points[3].stream.clone()),
        ("record.codec.decoder", |it| it.codec.decoder = None),
        ("record.codec.declaration", |it| it.codec.declaration = None),
        ("record.parameters", |it| it.parameters.clear()),
        ("record.phases", |it| it.phases[0].outcome = PhaseOutcome::Failed),
        ("record.clips[0].source.sha256", |it| it.clips[0].source.sha256 = Digest::of(b"other")),
        ("clips/", |it| it.clips[0].source.bundled = Some("clips/none.mkv".to_owned())),
    ];
    for (said, change) in changes {
        let answer = refused(|record| altered(record, change), None).await;
        assert!(answer.contains(said), "{said}: {answer}");
    }
}

#[tokio::test]
async fn a_failure_may_have_stopped_on_the_way_but_claims_no_savings() {
    let failed = |record: Record| {
        let mut failed = crate::support::record(&submission(1), Status::Failed);
        failed.codec = record.codec.clone();
        failed.points = record.points[..2].to_vec();
        failed.anchors.clone_from(&record.anchors);
        failed
    };
    let changes: [(&str, Change); 2] = [
        ("record.comparisons is a list of 3", |it| {
            it.comparisons = aiv1_quality::comparisons(&it.points, &it.anchors);
        }),
        ("record.failure.fault", |it| it.failure.as_mut().unwrap().fault = Fault::Infrastructure),
    ];
    for (said, change) in changes {
        let answer = refused(|record| altered(failed(record), change), None).await;
        assert!(answer.contains(said), "{said}: {answer}");
    }
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let bundle = Bundle::of(failed(record(&experiment.submission, Status::Successful)));
    site.upload(&bundle).await;
    let answer = publish(&site, &experiment, &holder, &bundle.reference).await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("failed")), "{answer:?}");
}

#[tokio::test]
async fn a_record_that_answers_another_question_is_refused_by_the_field_that_differs() {
    let changes: [(&str, Change); 12] = [
        ("record.version", |it| it.version = 1),
        ("record.id", |it| it.id = crate::support::nobody()),
        ("record.codec.source_sha256", |it| it.codec.source_sha256 = Digest::of(b"other")),
        ("record.codec.name", |it| it.codec.name = "other".to_owned()),
        ("record.asked", |it| it.asked.clear()),
        ("record.clips", |it| it.clips.clear()),
        ("record.settings", |it| it.settings.gop_frames += 1),
        ("record.status", |it| it.status = Status::Queued),
        ("record.ended_at", |it| it.ended_at = None),
        ("record.failure", |it| it.failure = Some(failure(Fault::Candidate))),
        ("record.points", |it| it.points.truncate(3)),
        ("streams/", |it| it.points[0].stream.sha256 = Digest::of(b"other")),
    ];
    for (field, change) in changes {
        let said = refused(|record| altered(record, change), None).await;
        assert!(said.contains(field), "{field}: {said}");
    }
}

#[tokio::test]
async fn a_bundle_with_something_missing_or_otherwise_is_refused() {
    let stream = Bundle::of(record(&submission(1), Status::Successful)).record.points[0].stream.path.clone();
    assert!(refused(Bundle::of, Some(&stream)).await.contains("was not uploaded"));
    assert!(refused(Bundle::of, Some("record.json")).await.contains("was not uploaded"));
    assert!(refused(Bundle::of, Some("manifest.json")).await.contains("bundle.manifest"));
    let wrong = |change: fn(&mut BundleRef)| {
        move |record| {
            let mut bundle = Bundle::of(record);
            change(&mut bundle.reference);
            bundle
        }
    };
    assert!(refused(wrong(|it| it.bytes += 1), None).await.contains("bundle.bytes"));
    assert!(refused(wrong(|it| it.record = it.manifest), None).await.contains("bundle.record"));
    assert!(refused(wrong(|it| it.manifest = Digest::of(b"none")), None).await.contains("bundle.manifest"));
    let loose = |record: Record| {
        let mut files = Bundle::of(record.clone()).files;
        files.retain(|(path, _)| path != "manifest.json");
        let text = files.iter_mut().find(|(path, _)| path == "record.json").unwrap();
        text.1.push(b'\n');
        Bundle::sealed(record, files)
    };
    assert!(refused(loose, None).await.contains("canonical"));
    let no_record = |record: Record| {
        let mut bundle = Bundle::of(record);
        let mut manifest = bundle.manifest.clone();
        manifest.files.retain(|entry| entry.path != "record.json");
        bundle.reference.manifest = Digest::of(&manifest.canonical_text());
        bundle.reference.bytes = manifest.bytes();
        bundle.files.retain(|(path, _)| path != "manifest.json");
        bundle.files.push(("manifest.json".to_owned(), manifest.canonical_text()));
        bundle
    };
    assert!(refused(no_record, None).await.contains("names no record.json"));
}

#[tokio::test]
async fn a_late_result_cannot_overwrite_a_newer_one() {
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, late) = site.claim().await;
    let bundle = Bundle::of(record(&experiment.submission, Status::Successful));
    site.upload(&bundle).await;
    site.clock.advance(SignedDuration::from_secs(61));
    let (_, newer) = site.claim().await;
    assert_eq!(newer.attempt, 2);
    let answer = publish(&site, &experiment, &late, &bundle.reference).await;
    assert_eq!(answer.status, 409);
    assert!(answer.problem().contains("is not held by"));
    assert_eq!(publish(&site, &experiment, &newer, &bundle.reference).await.status, 200);
    assert_eq!(publish(&site, &experiment, &late, &bundle.reference).await.status, 409);
}

#[tokio::test]
async fn work_given_back_is_queued_again_and_costs_no_attempt() {
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let answer = report(&site, &experiment, &holder, WorkResult::GaveBack).await.json();
    assert_eq!((answer["status"].as_str(), answer["lost_attempts"].as_u64()), (Some("queued"), Some(0)));
}

#[tokio::test]
async fn a_failure_of_the_infrastructure_is_tried_again_and_no_other_is_reported_so() {
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let infrastructure = |change: &dyn Fn(&mut aiv1_model::Failure)| {
        let mut failure = failure(Fault::Infrastructure);
        change(&mut failure);
        WorkResult::Infrastructure { failure }
    };
    let refuse = async |result: WorkResult, said: &str| {
        let answer = report(&site, &experiment, &holder, result).await;
        assert_eq!(answer.status, 422, "{said}");
        assert!(answer.problem().contains(said), "{said}: {answer:?}");
    };
    refuse(infrastructure(&|it| it.fault = Fault::Candidate), "failure.fault is candidate").await;
    refuse(infrastructure(&|it| it.kind = "<b>".to_owned()), "failure.kind").await;
    refuse(infrastructure(&|it| it.message = "x".repeat(20_000)), "failure.message has 20000 bytes").await;
    let evidence = vec![aiv1_model::Evidence::new("log", "text"); 17];
    refuse(infrastructure(&|it| it.evidence.clone_from(&evidence)), "failure.evidence").await;
    let answer = report(&site, &experiment, &holder, infrastructure(&|_| {})).await.json();
    assert_eq!((answer["status"].as_str(), answer["lost_attempts"].as_u64()), (Some("queued"), Some(1)));
}

#[tokio::test]
async fn a_result_of_no_known_kind_is_refused() {
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let path = format!("/api/work/{}/result", experiment.id);
    let send = async |result: Value| {
        let body = json!({ "worker": holder.worker, "attempt": holder.attempt, "result": result });
        site.post(&path, WORKER, &body).await.status
    };
    assert_eq!(send(json!({ "ended": "well" })).await, 422);
    assert_eq!(send(json!(null)).await, 422);
    assert_eq!(
        send(json!({ "ended": "published", "bundle": { "manifest": "x", "record": "y", "bytes": -1 } }))
            .await,
        422
    );
}
