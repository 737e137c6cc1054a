//! Ends of claimed work, milestones, reruns.

use super::Backend;
use super::fixtures::{START, bundle, experiment, experiment_of, failure, record_for, success, worker};
use crate::{ClaimedWork, Ended, Error, MAX_LOST_ATTEMPTS};
use aiv1_model::{Action, Arm, Experiment, Fault, JournalEntry, Status};
use jiff::SignedDuration;

async fn claim(backend: &Backend) -> ClaimedWork {
    backend.catalog.claim(&worker("one")).await.unwrap().unwrap()
}

async fn submit_and_claim(backend: &Backend) -> ClaimedWork {
    backend.catalog.submit(&experiment(1)).await.unwrap();
    claim(backend).await
}

/// Status, findings, phases, bundle and record, all from one report.
pub async fn a_published_result_is_kept_whole(backend: Backend) {
    let work = submit_and_claim(&backend).await;
    let id = &work.experiment.id;
    backend.clock.advance(SignedDuration::from_secs(30));
    let record = record_for(&work.experiment.submission, Status::Successful, Some(-12.5));
    let published = Ended::Published { record: Box::new(record.clone()), bundle: bundle(1) };
    let ended = backend.catalog.end(id, &work.holder, &published).await.unwrap();
    assert_eq!(ended.status, Status::Successful);
    assert_eq!(ended.ended_at, Some(START + SignedDuration::from_secs(30)));
    assert_eq!(
        (ended.work.as_ref(), ended.failure.as_ref(), ended.bundle.as_ref()),
        (None, None, Some(&bundle(1)))
    );
    assert_eq!(ended.phases, record.phases);
    let findings = ended.findings.as_ref().unwrap();
    assert_eq!(findings.headline.as_ref().map(|saving| saving.bd_rate), Some(-12.5));
    assert_eq!(Some(findings), published.findings().as_ref());
    assert_eq!(backend.catalog.experiment(id).await.unwrap().as_ref(), Some(&ended));
    let kept = backend.catalog.record(id).await.unwrap().unwrap();
    assert!(!record.points[0].quality.frames.is_empty(), "there was a series to leave out");
    assert_eq!(kept, record.without_series());
}

/// A worker that did not hear the answer may say it again.
pub async fn the_same_end_again_changes_nothing(backend: Backend) {
    let work = submit_and_claim(&backend).await;
    let (id, holder) = (&work.experiment.id, &work.holder);
    let result = success(&work.experiment.submission, Some(-3.0));
    let ended = backend.catalog.end(id, holder, &result).await.unwrap();
    let revision = backend.catalog.revision().await.unwrap();
    backend.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(backend.catalog.end(id, holder, &result).await.unwrap(), ended);
    assert_eq!(backend.catalog.revision().await.unwrap(), revision);
    assert_eq!(backend.catalog.workers().await.unwrap()[0].ended, 1);
    let other = match result {
        Ended::Published { record, .. } => Ended::Published { record, bundle: bundle(2) },
        other => other,
    };
    assert!(
        matches!(backend.catalog.end(id, holder, &other).await, Err(Error::Lost { .. })),
        "another bundle"
    );
    let gave_back = backend.catalog.end(id, holder, &Ended::GaveBack).await;
    assert!(matches!(gave_back, Err(Error::Lost { .. })), "it has ended already");
}

/// Its reason can be read without the record.
pub async fn a_failed_record_keeps_its_failure_in_brief(backend: Backend) {
    let work = submit_and_claim(&backend).await;
    let record = Box::new(record_for(&work.experiment.submission, Status::Failed, None));
    let published = Ended::Published { record, bundle: bundle(1) };
    let ended = backend.catalog.end(&work.experiment.id, &work.holder, &published).await.unwrap();
    assert_eq!((ended.status, ended.findings, ended.bundle), (Status::Failed, None, Some(bundle(1))));
    let brief = ended.failure.unwrap();
    assert_eq!((brief.fault, brief.kind.as_str()), (Fault::Candidate, "fuel"));
    let record = backend.catalog.record(&work.experiment.id).await.unwrap().unwrap();
    assert_eq!(record.failure.unwrap().evidence.len(), 1);
    assert!(backend.catalog.milestones().await.unwrap().is_empty());
    assert_eq!(
        backend.catalog.loop_state().await.unwrap().evaluations.iter().map(|(_, n)| n).sum::<u64>(),
        0
    );
}

/// A worker that stops gives its work back, as often as it has to.
pub async fn given_back_work_is_queued_and_nothing_is_counted(backend: Backend) {
    let mut work = submit_and_claim(&backend).await;
    for attempt in 1..=MAX_LOST_ATTEMPTS + 2 {
        assert_eq!(work.holder.attempt, attempt);
        let given = backend.catalog.end(&work.experiment.id, &work.holder, &Ended::GaveBack).await.unwrap();
        assert_eq!((given.status, given.lost_attempts, given.work), (Status::Queued, 0, None));
        let again = backend.catalog.end(&work.experiment.id, &work.holder, &Ended::GaveBack).await.unwrap();
        assert_eq!(again.status, Status::Queued, "the same again is answered the same");
        let next = claim(&backend).await;
        let late = backend.catalog.end(&work.experiment.id, &work.holder, &Ended::GaveBack).await;
        assert!(matches!(late, Err(Error::Lost { .. })), "another attempt is under way");
        work = next;
    }
}

/// Only the infrastructure's failures are worth another try, and not for ever.
pub async fn infrastructure_failures_are_retried_up_to_the_bound(backend: Backend) {
    let mut work = submit_and_claim(&backend).await;
    let id = work.experiment.id.clone();
    let disk_full = Ended::Infrastructure(Box::new(failure(Fault::Infrastructure)));
    for lost in 1..MAX_LOST_ATTEMPTS {
        let queued = backend.catalog.end(&id, &work.holder, &disk_full).await.unwrap();
        assert_eq!((queued.status, queued.lost_attempts, queued.failure), (Status::Queued, lost, None));
        work = claim(&backend).await;
    }
    let failed = backend.catalog.end(&id, &work.holder, &disk_full).await.unwrap();
    assert_eq!((failed.status, failed.lost_attempts), (Status::Failed, MAX_LOST_ATTEMPTS));
    assert_eq!(failed.failure.unwrap().fault, Fault::Infrastructure);
    assert_eq!(failed.bundle, None);
}

/// A report that says neither success nor failure is none.
pub async fn a_record_without_an_end_is_refused(backend: Backend) {
    let work = submit_and_claim(&backend).await;
    for status in [Status::Queued, Status::InProgress, Status::Other] {
        let record = Box::new(record_for(&work.experiment.submission, status, None));
        let published = Ended::Published { record, bundle: bundle(1) };
        let refused = backend.catalog.end(&work.experiment.id, &work.holder, &published).await;
        assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
    }
    let kept = backend.catalog.experiment(&work.experiment.id).await.unwrap().unwrap();
    assert_eq!(kept, work.experiment, "nothing has changed");
}

/// Each arm has its own best so far.
pub async fn milestones_improve_on_all_before_them_in_their_arm(backend: Backend) {
    let course = [
        (Arm::Search, Some(5.0)),
        (Arm::Random, Some(20.0)),
        (Arm::Search, Some(7.0)),
        (Arm::Search, None),
        (Arm::Search, Some(-2.0)),
        (Arm::Random, Some(-30.0)),
        (Arm::Search, Some(-2.0)),
    ];
    for (n, (arm, headline)) in course.into_iter().enumerate() {
        backend.catalog.submit(&experiment_of("sample", n as u32, arm)).await.unwrap();
        let work = claim(&backend).await;
        let result = success(&work.experiment.submission, headline);
        backend.catalog.end(&work.experiment.id, &work.holder, &result).await.unwrap();
    }
    let milestones = backend.catalog.milestones().await.unwrap();
    let seen: Vec<_> = milestones.iter().map(|it| (it.arm, it.evaluations, it.bd_rate)).collect();
    let expected =
        [(Arm::Search, 1, 5.0), (Arm::Search, 4, -2.0), (Arm::Random, 1, 20.0), (Arm::Random, 2, -30.0)];
    assert_eq!(seen, expected);
    let evaluations = backend.catalog.loop_state().await.unwrap().evaluations;
    let of = |arm| evaluations.iter().find(|(known, _)| *known == arm).map(|(_, number)| *number);
    assert_eq!((of(Arm::Search), of(Arm::Random)), (Some(5), Some(2)));
}

/// The same configuration measured again is no further evaluation.
pub async fn a_rerun_is_one_evaluation(backend: Backend) {
    backend.catalog.submit(&experiment_of("sample", 1, Arm::Search)).await.unwrap();
    for _ in 0..3 {
        let work = claim(&backend).await;
        let result = success(&work.experiment.submission, Some(-1.0));
        backend.catalog.end(&work.experiment.id, &work.holder, &result).await.unwrap();
        backend.catalog.act(&work.experiment.id, JournalEntry::OPERATOR, &Action::Rerun).await.unwrap();
    }
    let state = backend.catalog.loop_state().await.unwrap();
    assert!(state.evaluations.contains(&(Arm::Search, 1)), "{:?}", state.evaluations);
    assert_eq!((state.iterations, backend.catalog.milestones().await.unwrap().len()), (1, 1));
}

/// The oldest are forgotten first.
pub async fn earlier_bundles_are_remembered_up_to_the_bound(backend: Backend) {
    let id = backend.catalog.submit(&experiment(1)).await.unwrap().experiment.id;
    let runs = Experiment::MAX_EARLIER as u32 + 2;
    for n in 0..runs {
        let work = claim(&backend).await;
        let record = Box::new(record_for(&work.experiment.submission, Status::Successful, None));
        let published = Ended::Published { record, bundle: bundle(n) };
        backend.catalog.end(&id, &work.holder, &published).await.unwrap();
        backend.catalog.act(&id, JournalEntry::OPERATOR, &Action::Rerun).await.unwrap();
    }
    let kept = backend.catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!(kept.earlier, (2..runs).map(bundle).collect::<Vec<_>>());
    assert_eq!(kept.bundle, None);
}
