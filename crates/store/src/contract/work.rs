//! Claims, leases, heartbeats, workers.

use super::Backend;
use super::fixtures::{START, beat, experiment, phase, success, worker};
use crate::{ClaimedWork, Error, HEARD_FOR, LEASE, MAX_LOST_ATTEMPTS};
use aiv1_model::api::Holder;
use aiv1_model::{Action, Experiment, Fault, JournalEntry, Phase, Status};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Long enough that only a missed wake-up takes it.
const LONG: Duration = Duration::from_mins(1);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

async fn claim(backend: &Backend, name: &str) -> ClaimedWork {
    backend.catalog.claim(&worker(name)).await.unwrap().unwrap()
}

fn headline(experiment: &Experiment) -> Option<f64> {
    Some(experiment.findings.as_ref()?.headline.as_ref()?.bd_rate)
}

fn is_lost<T: std::fmt::Debug>(result: Result<T, Error>, holder: &Holder) {
    match result {
        Err(Error::Lost { attempt, worker, .. }) => {
            assert_eq!((attempt, worker), (holder.attempt, holder.worker.clone()));
        }
        other => panic!("{other:?}"),
    }
}

/// First come, first served; what was run again goes to the end.
pub async fn the_longest_waiting_is_claimed_first(backend: Backend) {
    let catalog = &backend.catalog;
    for n in [5, 3, 4] {
        catalog.submit(&experiment(n)).await.unwrap();
        backend.clock.advance(SECOND);
    }
    let first = experiment(5).submission.id();
    catalog.act(&first, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap();
    catalog.act(&first, JournalEntry::OPERATOR, &Action::Rerun).await.unwrap();
    for n in [3, 4, 5] {
        let work = claim(&backend, "one").await;
        assert_eq!(work.experiment.id, experiment(n).submission.id());
        catalog
            .end(&work.experiment.id, &work.holder, &success(&work.experiment.submission, None))
            .await
            .unwrap();
    }
}

/// Nothing is given twice, nothing is left.
pub async fn eight_workers_at_once_get_every_experiment_exactly_once(backend: Backend) {
    for n in 0..40 {
        backend.catalog.submit(&experiment(n)).await.unwrap();
    }
    let workers = (0..8).map(|index| {
        let catalog = Arc::clone(&backend.catalog);
        tokio::spawn(async move {
            let (me, mut got) = (worker(&format!("worker-{index}")), Vec::new());
            while let Some(work) = catalog.claim(&me).await.unwrap() {
                let id = work.experiment.id;
                catalog.heartbeat(&id, &beat(&work.holder)).await.unwrap();
                catalog.end(&id, &work.holder, &success(&work.experiment.submission, None)).await.unwrap();
                got.push((id, work.holder.attempt));
            }
            got
        })
    });
    let mut times = BTreeMap::new();
    for task in workers.collect::<Vec<_>>() {
        for (id, attempt) in task.await.unwrap() {
            assert_eq!(attempt, 1);
            *times.entry(id).or_insert(0) += 1;
        }
    }
    assert_eq!(times.len(), 40);
    assert!(times.values().all(|times| *times == 1));
    let counts = backend.catalog.counts().await.unwrap();
    assert_eq!((counts.successful, counts.total), (40, 40));
    let ended: u64 = backend.catalog.workers().await.unwrap().iter().map(|worker| worker.ended).sum();
    assert_eq!(ended, 40);
}

/// A worker that is silent for longer than its lease loses its work, and its reports go nowhere.
pub async fn a_lapsed_lease_is_taken_over_and_the_late_result_is_refused(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.submit(&experiment(1)).await.unwrap();
    let slow = claim(&backend, "slow").await;
    let id = slow.experiment.id.clone();
    assert_eq!(slow.experiment.work.as_ref().unwrap().lease_expires_at, START + LEASE);
    backend.clock.advance(LEASE - SECOND);
    assert!(catalog.claim(&worker("quick")).await.unwrap().is_none(), "the lease still holds");
    backend.clock.advance(SECOND);
    let quick = claim(&backend, "quick").await;
    assert_eq!((&quick.experiment.id, quick.holder.attempt, quick.experiment.lost_attempts), (&id, 2, 1));
    let result = success(&slow.experiment.submission, Some(-50.0));
    is_lost(catalog.heartbeat(&id, &beat(&slow.holder)).await, &slow.holder);
    is_lost(catalog.phase(&id, &slow.holder, &phase(Phase::Execution)).await, &slow.holder);
    is_lost(catalog.end(&id, &slow.holder, &result).await, &slow.holder);
    // Neither does it help to name the other's attempt.
    let forged = Holder { attempt: 2, ..slow.holder.clone() };
    is_lost(catalog.end(&id, &forged, &result).await, &forged);
    let ended =
        catalog.end(&id, &quick.holder, &success(&slow.experiment.submission, Some(-1.0))).await.unwrap();
    assert_eq!(headline(&ended), Some(-1.0));
    is_lost(catalog.end(&id, &slow.holder, &result).await, &slow.holder);
    let kept = catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!(headline(&kept), Some(-1.0));
}

/// With heartbeats, work may take as long as it takes.
pub async fn a_heartbeat_extends_the_lease(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.submit(&experiment(1)).await.unwrap();
    let work = claim(&backend, "steady").await;
    let id = &work.experiment.id;
    for beats in 1..=5 {
        backend.clock.advance(LEASE - SECOND);
        let lease = catalog.heartbeat(id, &beat(&work.holder)).await.unwrap();
        assert_eq!(lease, START + (LEASE - SECOND) * beats + LEASE);
        assert!(catalog.claim(&worker("other")).await.unwrap().is_none());
    }
    let known = catalog.experiment(id).await.unwrap().unwrap().work.unwrap();
    assert_eq!((known.phase, known.progress), (Some(Phase::Execution), Some(0.5)));
    let mut wild = beat(&work.holder);
    for (progress, kept) in
        [(Some(7.0), Some(1.0)), (Some(-7.0), Some(0.0)), (Some(f64::NAN), None), (None, None)]
    {
        wild.progress = progress;
        catalog.heartbeat(id, &wild).await.unwrap();
        let known = catalog.experiment(id).await.unwrap().unwrap().work.unwrap();
        assert_eq!(known.progress, kept);
    }
}

/// What kills every worker that tries is not tried for ever.
pub async fn a_worker_lost_too_often_fails_the_experiment(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.submit(&experiment(1)).await.unwrap();
    for attempt in 1..=MAX_LOST_ATTEMPTS {
        let work = claim(&backend, "doomed").await;
        assert_eq!(work.holder.attempt, attempt);
        backend.clock.advance(LEASE);
    }
    assert!(catalog.claim(&worker("another")).await.unwrap().is_none());
    let failed = catalog.experiment(&experiment(1).submission.id()).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.lost_attempts), (Status::Failed, MAX_LOST_ATTEMPTS));
    let failure = failed.failure.unwrap();
    assert_eq!((failure.fault, failure.kind.as_str()), (Fault::Infrastructure, "worker_lost"));
    assert!(failed.bundle.is_none() && failed.work.is_none() && failed.ended_at.is_some());
    assert_eq!(catalog.counts().await.unwrap().failed, 1);
    // Run again, it has all its attempts.
    assert_eq!(
        catalog.act(&failed.id, JournalEntry::OPERATOR, &Action::Rerun).await.unwrap().lost_attempts,
        0
    );
}

/// A worker does one thing at a time: one that asks for more has been restarted.
pub async fn a_worker_that_claims_again_has_lost_what_it_held(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.submit(&experiment(1)).await.unwrap();
    backend.clock.advance(SECOND);
    catalog.submit(&experiment(2)).await.unwrap();
    let first = claim(&backend, "restarted").await;
    let second = claim(&backend, "restarted").await;
    assert_eq!(second.experiment.id, first.experiment.id, "it waits for longer than the other");
    assert_eq!((second.holder.attempt, second.experiment.lost_attempts), (2, 1));
    is_lost(catalog.heartbeat(&first.experiment.id, &beat(&first.holder)).await, &first.holder);
    let counts = catalog.counts().await.unwrap();
    assert_eq!((counts.in_progress, counts.queued), (1, 1));
}

/// A long poll goes on after its connection is gone, while the worker asks anew.
pub async fn a_request_that_outlived_its_worker_s_interest_takes_nothing(backend: Backend) {
    let catalog = &backend.catalog;
    let me = worker("one");
    assert!(catalog.claim_asked(&me, START).await.unwrap().is_none(), "nothing waits");
    backend.clock.advance(SECOND);
    catalog.submit(&experiment(1)).await.unwrap();
    backend.clock.advance(SECOND);
    let work = claim(&backend, "one").await;
    catalog.submit(&experiment(2)).await.unwrap();
    assert_eq!(catalog.claim_asked(&me, START).await.unwrap(), None);
    catalog.heartbeat(&work.experiment.id, &beat(&work.holder)).await.unwrap();
    let known = catalog.experiment(&work.experiment.id).await.unwrap().unwrap();
    assert_eq!((known.attempt, known.lost_attempts), (1, 0));
    let asked_at = START + SECOND * 2;
    backend.clock.advance(HEARD_FOR + SECOND);
    assert_eq!(catalog.claim_asked(&worker("two"), asked_at).await.unwrap(), None, "nobody hears it");
    assert_eq!(catalog.counts().await.unwrap().queued, 1);
    let heard = catalog.claim_asked(&worker("two"), asked_at + SECOND).await.unwrap();
    assert!(heard.is_some());
}

/// Two machines of one name, or a request sent twice: the last one has it, and nobody waits long for that.
pub async fn claims_of_one_name_at_once_leave_it_with_one_experiment(backend: Backend) {
    for n in 0..3 {
        backend.catalog.submit(&experiment(n)).await.unwrap();
    }
    let claims: Vec<_> = (0..3)
        .map(|_| {
            let catalog = Arc::clone(&backend.catalog);
            tokio::spawn(async move { catalog.claim(&worker("twin")).await.unwrap().unwrap() })
        })
        .collect();
    let (mut given, mut held) = (Vec::new(), Vec::new());
    for claim in claims {
        given.push(claim.await.unwrap());
    }
    for work in given {
        if backend.catalog.heartbeat(&work.experiment.id, &beat(&work.holder)).await.is_ok() {
            held.push(work.experiment.id);
        }
    }
    let counts = backend.catalog.counts().await.unwrap();
    assert_eq!((counts.in_progress, counts.queued), (1, 2));
    let workers = backend.catalog.workers().await.unwrap();
    assert_eq!(workers.len(), 1);
    assert_eq!(held.len(), 1);
    assert_eq!(workers[0].experiment.as_ref(), held.last());
}

/// The worker hears of it with its next heartbeat.
pub async fn cancelled_work_is_lost_to_its_worker(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.submit(&experiment(1)).await.unwrap();
    let work = claim(&backend, "one").await;
    let id = &work.experiment.id;
    assert_eq!(catalog.workers().await.unwrap()[0].experiment.as_ref(), Some(id));
    let cancelled = catalog.act(id, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap();
    assert_eq!((cancelled.status, cancelled.work), (Status::Other, None));
    is_lost(catalog.heartbeat(id, &beat(&work.holder)).await, &work.holder);
    is_lost(catalog.end(id, &work.holder, &success(&work.experiment.submission, None)).await, &work.holder);
    assert_eq!(catalog.experiment(id).await.unwrap().unwrap().status, Status::Other);
    assert_eq!(catalog.workers().await.unwrap()[0].experiment, None);
}

/// No polling: a waiting worker is woken.
pub async fn a_waiting_worker_wakes_when_work_arrives(backend: Backend) {
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let catalog = Arc::clone(&backend.catalog);
            tokio::spawn(async move {
                catalog.wait_for_work(LONG).await;
            })
        })
        .collect();
    backend.catalog.submit(&experiment(1)).await.unwrap();
    for waiter in waiters {
        tokio::time::timeout(LONG / 3, waiter).await.expect("a waiter was not woken").unwrap();
    }
}

/// What came before the waiting began is not missed, nor is a lease that lapsed.
pub async fn nobody_waits_while_there_is_work(backend: Backend) {
    let wait = || tokio::time::timeout(LONG / 3, backend.catalog.wait_for_work(LONG));
    backend.catalog.submit(&experiment(1)).await.unwrap();
    wait().await.expect("it waited although an experiment is queued");
    wait().await.expect("it waited although an experiment is still queued");
    claim(&backend, "one").await;
    backend.catalog.wait_for_work(Duration::ZERO).await;
    backend.clock.advance(LEASE);
    wait().await.expect("it waited although a lease has lapsed");
}

/// A new attempt starts with a clean sheet.
pub async fn phases_are_those_of_the_latest_attempt(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.submit(&experiment(1)).await.unwrap();
    let work = claim(&backend, "one").await;
    let id = &work.experiment.id;
    for _ in 0..2 {
        catalog.phase(id, &work.holder, &phase(Phase::Validation)).await.unwrap();
    }
    catalog.phase(id, &work.holder, &phase(Phase::Deployment)).await.unwrap();
    let noted = catalog.experiment(id).await.unwrap().unwrap().phases;
    assert_eq!(
        noted,
        [phase(Phase::Validation), phase(Phase::Deployment)],
        "the same report twice is one phase"
    );
    backend.clock.advance(LEASE);
    let next = claim(&backend, "two").await;
    assert!(next.experiment.phases.is_empty());
    assert_eq!(next.experiment.started_at, Some(START), "when it was first claimed");
}

/// Latest first; one that was silent for a day is no longer shown.
pub async fn workers_are_seen_for_a_day(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.claim(&worker("early")).await.unwrap();
    backend.clock.advance(SignedDuration::from_hours(1));
    catalog.claim(&worker("late")).await.unwrap();
    let names = |workers: Vec<aiv1_model::api::WorkerStatus>| {
        workers.into_iter().map(|worker| worker.info.name).collect::<Vec<_>>()
    };
    assert_eq!(names(catalog.workers().await.unwrap()), ["late", "early"]);
    backend.clock.advance(SignedDuration::from_mins(30));
    catalog.claim(&worker("early")).await.unwrap();
    assert_eq!(names(catalog.workers().await.unwrap()), ["early", "late"]);
    backend.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_mins(15));
    assert_eq!(names(catalog.workers().await.unwrap()), ["early"]);
}

/// When no worker asks any more, nobody else would notice that one is lost.
pub async fn lapsed_leases_are_taken_back_without_a_claim(backend: Backend) {
    let catalog = &backend.catalog;
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0);
    for n in 0..3 {
        catalog.submit(&experiment(n)).await.unwrap();
    }
    let lost = [claim(&backend, "one").await, claim(&backend, "two").await];
    backend.clock.advance(LEASE - SECOND);
    let kept = claim(&backend, "three").await;
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0, "every lease still holds");
    backend.clock.advance(SECOND);
    let revision = catalog.revision().await.unwrap();
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 2);
    assert!(catalog.revision().await.unwrap() > revision);
    let counts = catalog.counts().await.unwrap();
    assert_eq!((counts.queued, counts.in_progress), (2, 1));
    for lost in &lost {
        let id = &lost.experiment.id;
        let known = catalog.experiment(id).await.unwrap().unwrap();
        assert_eq!((known.status, known.lost_attempts), (Status::Queued, 1));
        is_lost(catalog.heartbeat(id, &beat(&lost.holder)).await, &lost.holder);
    }
    catalog.heartbeat(&kept.experiment.id, &beat(&kept.holder)).await.unwrap();
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0, "once is enough");
    // What kills every worker is given up here as well.
    let id = lost[0].experiment.id.clone();
    for _ in 1..MAX_LOST_ATTEMPTS {
        while catalog.claim(&worker("doomed")).await.unwrap().unwrap().experiment.id != id {}
        backend.clock.advance(LEASE);
        catalog.requeue_lapsed().await.unwrap();
    }
    let failed = catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.lost_attempts), (Status::Failed, MAX_LOST_ATTEMPTS));
}
