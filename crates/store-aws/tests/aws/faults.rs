//! The catalog on a network and a service that fail: nothing is lost, and nothing is done twice.

use crate::support::table::{behind, is_transaction};
use aiv1_model::{Action, Arm, JournalEntry, Note, Phase, Status};
use aiv1_store::contract::fixtures::{self, START, beat, experiment, experiment_of, phase, success, worker};
use aiv1_store::{Catalog, Error, Order, Query, Rebuild, RebuildState};
use aiv1_test_servers::{Asked, Fault, seeded};
use jiff::SignedDuration;
use std::sync::Arc;

const ALL: [Fault; 5] =
    [Fault::THROTTLED, Fault::TRANSACTION_CONFLICT, Fault::INTERNAL_ERROR, Fault::CutBefore, Fault::CutAfter];

/// Fails the first `times` transactions so.
fn transactions(times: usize, fault: &Fault) -> impl FnMut(&Asked) -> Option<Fault> + Send + use<> {
    let (mut left, fault) = (times, fault.clone());
    move |asked| {
        let fails = is_transaction(asked) && left > 0;
        left -= usize::from(fails);
        fails.then(|| fault.clone())
    }
}

/// Until it is done: what workers and people do when the store does not answer.
async fn insist<T, F: Future<Output = Result<T, Error>>>(mut ask: impl FnMut() -> F) -> T {
    for _ in 0..20 {
        match ask().await {
            Ok(value) => return value,
            Err(Error::Backend { .. } | Error::Contended { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("twenty times in vain");
}

async fn work(catalog: Arc<dyn Catalog>, name: String) -> u32 {
    let (me, mut ended) = (worker(&name), 0);
    while let Some(work) = insist(|| catalog.claim(&me)).await {
        let (id, holder) = (&work.experiment.id, &work.holder);
        let (beat, phase) = (beat(holder), phase(Phase::Execution));
        insist(|| catalog.heartbeat(id, &beat)).await;
        insist(|| catalog.phase(id, holder, &phase)).await;
        let result = success(&work.experiment.submission, Some(f64::from(holder.attempt)));
        insist(|| catalog.end(id, holder, &result)).await;
        ended += 1;
    }
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_workers_on_a_failing_network_do_everything_exactly_once() {
    let (clock, all) = (fixtures::clock(), 32);
    let (_proxy, catalog) = behind(&clock, seeded(11, 0.15, &ALL)).await;
    for n in 0..all {
        let new = experiment_of("sample", n, Arm::Search);
        insist(|| catalog.submit(&new)).await;
    }
    let workers: Vec<_> =
        (0..8).map(|index| tokio::spawn(work(Arc::clone(&catalog), format!("worker-{index}")))).collect();
    let mut ended = 0;
    for task in workers {
        ended += task.await.unwrap();
    }
    assert_eq!(ended, all);
    let counts = insist(|| catalog.counts()).await;
    assert_eq!((counts.successful, counts.total), (u64::from(all), u64::from(all)));
    let every =
        Query { status: Some(Status::Successful), order: Order::Oldest, limit: 200, ..Query::default() };
    let rows = insist(|| catalog.list(&every)).await.experiments;
    let numbers: Vec<_> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=u64::from(all)).collect::<Vec<_>>(), "dense, and each once");
    assert!(rows.iter().all(|row| row.attempt == 1), "no attempt was given twice");
    let state = insist(|| catalog.loop_state()).await;
    assert_eq!(state.iterations, u64::from(all));
    assert!(state.evaluations.contains(&(Arm::Search, u64::from(all))), "{:?}", state.evaluations);
    assert_eq!(insist(|| catalog.milestones()).await.len(), 1, "all are equally good");
    let workers = insist(|| catalog.workers()).await;
    assert_eq!(workers.iter().map(|worker| worker.ended).sum::<u64>(), u64::from(all));
    assert!(workers.iter().all(|worker| worker.experiment.is_none()));
}

#[tokio::test]
async fn a_transaction_whose_answer_was_lost_is_made_once() {
    let clock = fixtures::clock();
    // Every other transaction is done but not answered.
    let mut odd = false;
    let plan = move |asked: &Asked| {
        odd ^= is_transaction(asked);
        (is_transaction(asked) && odd).then_some(Fault::CutAfter)
    };
    let (_proxy, catalog) = behind(&clock, plan).await;
    let first = catalog.submit(&experiment(1)).await.unwrap();
    assert!(first.created);
    let before = catalog.revision().await.unwrap();
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    assert_eq!((work.holder.attempt, work.experiment.lost_attempts), (1, 0));
    assert_eq!(catalog.revision().await.unwrap(), before + 1, "one claim, one change");
    let id = &first.experiment.id;
    let ended =
        catalog.end(id, &work.holder, &success(&work.experiment.submission, Some(-1.0))).await.unwrap();
    assert_eq!(ended.status, Status::Successful);
    assert_eq!(catalog.act(id, JournalEntry::OPERATOR, &Action::Rerun).await.unwrap().status, Status::Queued);
    assert_eq!(
        catalog.act(id, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap().status,
        Status::Other
    );
    for _ in 0..2 {
        assert!(catalog.note(JournalEntry::OPERATOR, &Note::Stopped).await.unwrap().stopped_at.is_some());
    }
    let lines = catalog.journal(None, 10).await.unwrap().entries;
    let numbers: Vec<_> = lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [4, 3, 2, 1], "each is written down once");
    let counts = catalog.counts().await.unwrap();
    assert_eq!((counts.other, counts.total), (1, 1));
    assert_eq!(catalog.workers().await.unwrap()[0].ended, 1);
}

#[tokio::test]
async fn conflicts_are_waited_out_and_the_transaction_made_once() {
    let clock = fixtures::clock();
    for fault in [Fault::TRANSACTION_CONFLICT, Fault::THROTTLED, Fault::INTERNAL_ERROR, Fault::CutBefore] {
        let (_proxy, catalog) = behind(&clock, transactions(4, &fault)).await;
        let submitted = catalog.submit(&experiment(1)).await.unwrap();
        assert_eq!((submitted.created, submitted.experiment.number), (true, 1), "{fault:?}");
        assert_eq!(catalog.counts().await.unwrap().total, 1);
    }
}

#[tokio::test]
async fn a_heartbeat_and_a_phase_whose_answers_were_lost_are_noted_once_and_shown() {
    let clock = fixtures::clock();
    let mut odd = false;
    let plan = move |asked: &Asked| {
        let update = asked.target.ends_with(".UpdateItem");
        odd ^= update;
        (update && odd).then_some(Fault::CutAfter)
    };
    let (_proxy, catalog) = behind(&clock, plan).await;
    catalog.submit(&experiment(1)).await.unwrap();
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    let id = &work.experiment.id;
    clock.advance(SignedDuration::from_secs(10));
    let lease = catalog.heartbeat(id, &beat(&work.holder)).await.unwrap();
    assert_eq!(lease, START + SignedDuration::from_secs(70));
    let before = catalog.revision().await.unwrap();
    let execution = phase(Phase::Execution);
    catalog.phase(id, &work.holder, &execution).await.unwrap();
    assert!(catalog.revision().await.unwrap() > before, "a page that shows it has another revision");
    assert_eq!(catalog.experiment(id).await.unwrap().unwrap().phases, [execution]);
}

#[tokio::test]
async fn a_rebuild_is_one_job_however_its_requests_fail() {
    let clock = fixtures::clock();
    let (_proxy, catalog) = behind(&clock, seeded(3, 0.25, &ALL)).await;
    let target = Rebuild::Bundle { experiment: experiment(1).submission.id() };
    let lease = SignedDuration::from_mins(5);
    for attempt in 1..=10 {
        let asked = insist(|| catalog.request_rebuild(&target)).await;
        assert_eq!(asked.state, RebuildState::Queued);
        let claim = insist(|| catalog.begin_rebuild(&target, lease)).await.unwrap();
        assert_eq!(claim.attempt, attempt);
        assert_eq!(insist(|| catalog.claim_rebuild(lease)).await, None, "it is held");
        insist(|| catalog.end_rebuild(&claim, &Ok(()))).await;
        assert_eq!(insist(|| catalog.rebuild(&target)).await.unwrap().state, RebuildState::Done);
    }
}

#[tokio::test]
async fn a_service_that_stays_down_is_reported_by_what_was_tried() {
    let clock = fixtures::clock();
    let (proxy, catalog) = behind(&clock, |_: &Asked| Some(Fault::INTERNAL_ERROR)).await;
    let error = catalog.counts().await.unwrap_err();
    assert_eq!(error.to_string(), "the store cannot count experiments");
    let Error::Backend { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("InternalServerError"), "{source}");
    assert_eq!(proxy.asked().len(), aiv1_store_aws::MAX_ATTEMPTS as usize);
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up_before_all_tries_are_spent() {
    let clock = fixtures::clock();
    let (proxy, catalog) = behind(&clock, |_: &Asked| Some(Fault::Silent)).await;
    let error = catalog.counts().await.unwrap_err();
    assert!(matches!(error, Error::Backend { .. }), "{error:?}");
    // The whole call is limited, not only each try: a function has to answer.
    let tried = proxy.asked().len();
    assert!((2..aiv1_store_aws::MAX_ATTEMPTS as usize).contains(&tried), "{tried} tries");
}

#[tokio::test]
async fn what_is_told_of_a_refusal_has_its_code_and_none_of_its_body() {
    const REFUSED: Fault = Fault::Answer {
        status: 400,
        content_type: "application/x-amz-json-1.0",
        body: r#"{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"not allowed","extra":"hunter2"}"#,
    };
    let clock = fixtures::clock();
    let (_proxy, catalog) = behind(&clock, |_: &Asked| Some(REFUSED)).await;
    let error = catalog.counts().await.unwrap_err();
    let Error::Backend { source, .. } = error else { panic!("{error:?}") };
    let told = format!("{source} {source:?}");
    assert!(told.contains("AccessDeniedException") && told.contains("not allowed"), "{told}");
    assert!(!told.contains("hunter2") && !told.to_lowercase().contains("content-type"), "{told}");
}

/// Two of a worker's requests wait, the first of them for nobody: its connection is gone, which a function is not told.
#[tokio::test]
async fn a_request_that_its_worker_has_followed_with_another_is_given_nothing() {
    let clock = fixtures::clock();
    let (_proxy, catalog) = behind(&clock, |_: &Asked| None).await;
    let (me, second) = (worker("one"), START + SignedDuration::from_secs(1));
    assert!(catalog.claim_asked(&me, START).await.unwrap().is_none());
    clock.advance(SignedDuration::from_secs(1));
    assert!(catalog.claim_asked(&me, second).await.unwrap().is_none());
    catalog.submit(&experiment(1)).await.unwrap();
    assert_eq!(catalog.claim_asked(&me, START).await.unwrap(), None);
    let work = catalog.claim_asked(&me, second).await.unwrap().unwrap();
    assert_eq!((work.holder.attempt, work.experiment.lost_attempts), (1, 0));
}

#[tokio::test]
async fn a_transaction_is_tried_again_only_if_every_reason_may_pass() {
    const PASSING: Fault = Fault::Answer {
        status: 400,
        content_type: "application/x-amz-json-1.0",
        body: r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[{"Code":"None"},{"Code":"ConditionalCheckFailed"},{"Code":"TransactionConflict"}]}"#,
    };
    const STAYING: Fault = Fault::Answer {
        status: 400,
        content_type: "application/x-amz-json-1.0",
        body: r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[{"Code":"ConditionalCheckFailed"},{"Code":"ValidationError"}]}"#,
    };
    let clock = fixtures::clock();
    for (fault, times, made) in [(PASSING, 2, true), (STAYING, 100, false)] {
        let (proxy, catalog) = behind(&clock, transactions(times, &fault)).await;
        assert_eq!(catalog.submit(&experiment(1)).await.is_ok(), made);
        let tried = proxy.asked().iter().filter(|asked| is_transaction(asked)).count();
        assert_eq!(tried, if made { 3 } else { 1 });
    }
}

#[tokio::test]
async fn a_change_that_others_are_always_first_with_is_given_up_as_contended() {
    let clock = fixtures::clock();
    let (_proxy, catalog) = behind(&clock, transactions(usize::MAX, &Fault::TRANSACTION_CONFLICT)).await;
    let error = catalog.submit(&experiment(1)).await.unwrap_err();
    assert!(matches!(error, Error::Contended { .. }), "{error:?}");
}
