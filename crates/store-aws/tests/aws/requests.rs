//! What the catalog asks its table for: how many requests each thing costs, and that it never scans.

use crate::support::table::{behind, table};
use aiv1_model::{Action, Arm, JournalEntry, Note};
use aiv1_store::contract::fixtures::{self, beat, clip, experiment, experiment_of, phase, success, worker};
use aiv1_store::{LEASE, Order, Query, Rebuild};
use aiv1_store_aws::TABLE_CALLS;
use aiv1_test_servers::FaultProxy;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// What was asked for since the last time, by operation.
fn asked(proxy: &FaultProxy) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for asked in proxy.asked() {
        let operation = asked.target.rsplit('.').next().unwrap().to_owned();
        *counts.entry(operation).or_insert(0) += 1;
    }
    proxy.forget();
    counts
}

fn calls<const N: usize>(calls: [(&str, usize); N]) -> BTreeMap<String, usize> {
    calls.into_iter().map(|(operation, times)| (operation.to_owned(), times)).collect()
}

/// How many changes a request makes at once: DynamoDB admits 100.
fn changes(body: &str) -> usize {
    let request: serde_json::Value = serde_json::from_str(body).unwrap();
    request["TransactItems"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn each_thing_costs_a_few_requests_however_much_there_is() {
    let clock = fixtures::clock();
    let (proxy, catalog) = behind(&clock, |_| None).await;
    for n in 0..60 {
        catalog.submit(&experiment(n)).await.unwrap();
    }
    asked(&proxy);

    let page = Query { limit: 50, order: Order::Newest, ..Query::default() };
    let first = catalog.list(&page).await.unwrap();
    assert_eq!(asked(&proxy), calls([("Query", 1), ("BatchGetItem", 1)]), "a page");
    catalog.list(&Query { cursor: first.next, ..page }).await.unwrap();
    assert_eq!(asked(&proxy), calls([("Query", 1), ("BatchGetItem", 1)]), "the next one");
    catalog.revision().await.unwrap();
    assert_eq!(asked(&proxy), calls([("Query", 1)]), "an unchanged page");
    catalog.counts().await.unwrap();
    assert_eq!(asked(&proxy), calls([("GetItem", 1)]), "counts");
    catalog.loop_state().await.unwrap();
    assert_eq!(asked(&proxy), calls([("Query", 1)]), "the loop's state");

    catalog.submit(&experiment(60)).await.unwrap();
    assert_eq!(asked(&proxy), calls([("BatchGetItem", 1), ("TransactWriteItems", 1)]), "a submission");
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    let claim = calls([("GetItem", 2), ("Query", 2), ("TransactWriteItems", 1)]);
    assert_eq!(asked(&proxy), claim, "a claim: lapsed leases, the queue, the worker, the experiment");
    let id = &work.experiment.id;
    catalog.heartbeat(id, &beat(&work.holder)).await.unwrap();
    let beaten = calls([("GetItem", 1), ("UpdateItem", 3)]);
    assert_eq!(
        asked(&proxy),
        beaten,
        "a heartbeat: the experiment, the worker, the revision; no transaction"
    );
    let result = success(&work.experiment.submission, Some(-1.0));
    catalog.end(id, &work.holder, &result).await.unwrap();
    let ended = calls([("GetItem", 2), ("PutItem", 1), ("TransactWriteItems", 1)]);
    assert_eq!(asked(&proxy), ended, "an end: the experiment, its arm, the record");
    catalog.record(id).await.unwrap().unwrap();
    assert_eq!(asked(&proxy), calls([("GetItem", 1), ("Query", 1)]), "a record");

    catalog.wait_for_work(Duration::from_mins(1)).await;
    assert_eq!(asked(&proxy), calls([("Query", 2)]), "a look for work");
    catalog.overview().await.unwrap();
    let overview = calls([("BatchGetItem", 4), ("GetItem", 3), ("Query", 8)]);
    assert_eq!(asked(&proxy), overview, "what the front page shows beside its list");

    catalog.act(id, JournalEntry::OPERATOR, &Action::Flagged { reason: "look".to_owned() }).await.unwrap();
    let acted = calls([("GetItem", 2), ("TransactWriteItems", 1)]);
    assert_eq!(asked(&proxy), acted, "an action: the experiment, the journal's count");
    let retracted = Action::Retracted { reason: "the clip was another".to_owned() };
    catalog.act(id, JournalEntry::OPERATOR, &retracted).await.unwrap();
    let fallen = calls([("GetItem", 3), ("Query", 2), ("TransactWriteItems", 1)]);
    assert_eq!(asked(&proxy), fallen, "a retraction: also its arm, the best of the rest, the milestones");
    catalog.note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    assert_eq!(asked(&proxy), calls([("Query", 1), ("TransactWriteItems", 1)]), "a note");
    catalog.note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    assert_eq!(asked(&proxy), calls([("Query", 1)]), "nothing to note");
    assert_eq!(catalog.journal(None, 10).await.unwrap().entries.len(), 3);
    assert_eq!(asked(&proxy), calls([("Query", 1)]), "a page of the journal");
}

#[tokio::test]
async fn an_idle_worker_costs_three_reads_a_claim_and_a_write_now_and_then() {
    let clock = fixtures::clock();
    let (proxy, catalog) = behind(&clock, |_| None).await;
    let idle = worker("idle");
    assert!(catalog.claim(&idle).await.unwrap().is_none());
    asked(&proxy);
    assert!(catalog.claim(&idle).await.unwrap().is_none());
    assert_eq!(asked(&proxy), calls([("GetItem", 1), ("Query", 2)]));
    clock.advance(SignedDuration::from_secs(5));
    assert!(catalog.claim(&idle).await.unwrap().is_none());
    let noted = calls([("GetItem", 1), ("Query", 2), ("TransactWriteItems", 1), ("UpdateItem", 1)]);
    assert_eq!(asked(&proxy), noted, "it was heard of");
}

#[tokio::test]
async fn a_long_run_moves_its_lease_in_the_index_once_a_lease_and_is_not_lost() {
    let clock = fixtures::clock();
    let (proxy, catalog) = behind(&clock, |_| None).await;
    catalog.submit(&experiment(1)).await.unwrap();
    let work = catalog.claim(&worker("steady")).await.unwrap().unwrap();
    let half = LEASE / 2;
    for _ in 0..6 {
        clock.advance(half);
        catalog.heartbeat(&work.experiment.id, &beat(&work.holder)).await.unwrap();
    }
    asked(&proxy);
    // Three leases' time later the index still has the first.
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0);
    assert_eq!(asked(&proxy).get("TransactWriteItems"), Some(&1), "it is moved");
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0);
    assert_eq!(asked(&proxy).get("TransactWriteItems"), None, "once");
    clock.advance(LEASE);
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 1, "and found there when it lapses for real");
}

#[tokio::test]
async fn a_worker_is_listed_however_long_it_runs_one_experiment() {
    let clock = fixtures::clock();
    let (_proxy, catalog) = behind(&clock, |_| None).await;
    catalog.submit(&experiment(1)).await.unwrap();
    let work = catalog.claim(&worker("steady")).await.unwrap().unwrap();
    for _ in 0..50 {
        clock.advance(SignedDuration::from_mins(59));
        catalog.heartbeat(&work.experiment.id, &beat(&work.holder)).await.unwrap();
        let workers = catalog.workers().await.unwrap();
        assert_eq!(workers.len(), 1);
        assert_eq!(workers[0].experiment.as_ref(), Some(&work.experiment.id));
    }
}

#[tokio::test]
async fn nothing_is_ever_scanned_and_nothing_called_that_a_role_need_not_allow() {
    let clock = fixtures::clock();
    let (proxy, catalog) = behind(&clock, |_| None).await;
    catalog.put_clip(&clip(1)).await.unwrap();
    catalog.clips().await.unwrap();
    for arm in Arm::ALL {
        catalog.submit(&experiment_of("one", arm as u32, arm)).await.unwrap();
    }
    let id = experiment_of("one", Arm::Person as u32, Arm::Person).submission.id();
    catalog.act(&id, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap();
    catalog.act(&id, JournalEntry::OPERATOR, &Action::Rerun).await.unwrap();
    while let Some(work) = catalog.claim(&worker("one")).await.unwrap() {
        let (id, holder) = (&work.experiment.id, &work.holder);
        catalog.phase(id, holder, &phase(aiv1_model::Phase::Execution)).await.unwrap();
        catalog.end(id, holder, &success(&work.experiment.submission, Some(-1.0))).await.unwrap();
    }
    for order in [Order::Newest, Order::Oldest, Order::Best, Order::Cheapest] {
        let rows = catalog.list(&Query { order, ..Query::default() }).await.unwrap().experiments.len();
        // What was measured on clips that no designer sees is ranked nowhere.
        let unranked = usize::from(matches!(order, Order::Best | Order::Cheapest));
        assert_eq!(rows, Arm::ALL.len() - unranked);
    }
    for action in [
        Action::Retracted { reason: "the clip was another".to_owned() },
        Action::Purged { reason: "it shows a face".to_owned() },
    ] {
        catalog.act(&id, JournalEntry::OPERATOR, &action).await.unwrap();
    }
    catalog.journal(None, 10).await.unwrap();
    let target = Rebuild::Bundle { experiment: id.clone() };
    catalog.request_rebuild(&target).await.unwrap();
    let claim = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    catalog.end_rebuild(&claim, &Ok(())).await.unwrap();
    catalog.put_legacy(&fixtures::legacy(1)).await.unwrap();
    catalog.list_legacy(None, 10).await.unwrap();
    catalog.overview().await.unwrap();
    catalog.requeue_lapsed().await.unwrap();
    catalog.note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    let most = proxy.asked().iter().map(|asked| changes(&asked.body)).max();
    assert!(most.is_some_and(|most| (31..=100).contains(&most)), "a transaction of {most:?} changes");
    for operation in asked(&proxy).keys() {
        // A transaction needs the rights of what is in it, none of its own.
        let allowed = TABLE_CALLS.contains(&operation.as_str()) || operation == "TransactWriteItems";
        assert!(allowed, "{operation} is not among {TABLE_CALLS:?}");
    }
}

#[tokio::test]
async fn imported_experiments_are_listed_with_their_records_and_none_is_in_progress() {
    let clock = fixtures::clock();
    let (_, from) = table(&clock).await;
    for n in 0..3 {
        from.catalog().submit(&experiment(n)).await.unwrap();
        clock.advance(SignedDuration::from_secs(1));
    }
    let work = from.catalog().claim(&worker("one")).await.unwrap().unwrap();
    let result = success(&work.experiment.submission, Some(-5.0));
    let ended = from.catalog().end(&work.experiment.id, &work.holder, &result).await.unwrap();
    let record = from.catalog().record(&ended.id).await.unwrap();
    let held = from.catalog().claim(&worker("one")).await.unwrap().unwrap().experiment;
    let waiting = from.catalog().experiment(&experiment(2).submission.id()).await.unwrap().unwrap();

    let (_, to) = table(&clock).await;
    let batch = vec![(waiting, None), (ended.clone(), record.clone()), (held.clone(), None)];
    assert_eq!(to.import(batch.clone()).await.unwrap(), 3);
    assert_eq!(to.import(batch).await.unwrap(), 0, "known already");
    let catalog = to.catalog();
    let counts = catalog.counts().await.unwrap();
    assert_eq!((counts.successful, counts.queued, counts.in_progress, counts.total), (1, 2, 0, 3));
    assert_eq!(catalog.record(&ended.id).await.unwrap(), record);
    let codec = catalog.codec(&ended.submission.source).await.unwrap().unwrap();
    assert_eq!((codec.experiments, codec.declaration.is_some(), codec.decoder.is_some()), (3, true, true));
    assert_eq!(catalog.milestones().await.unwrap().len(), 1);
    let best = Query { order: Order::Best, ..Query::default() };
    assert_eq!(catalog.list(&best).await.unwrap().experiments[0].id, ended.id);
    let next = catalog.claim(&worker("two")).await.unwrap().unwrap();
    assert_eq!(next.experiment.id, held.id, "the longest-waiting");
}
