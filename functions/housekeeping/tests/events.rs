//! Real events against the store of one machine, whose clock is moved by hand.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_housekeeping::{Backlog, Done, handle};
use aiv1_store::contract::fixtures::{beat, clip, clock, experiment, submission, worker};
use aiv1_store::{Catalog, Clock as _, LEASE, ManualClock, Rebuild, RebuildMessage, RebuildState};
use aiv1_store_embedded::EmbeddedStore;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;

struct Lab {
    catalog: Arc<dyn Catalog>,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

fn lab() -> Lab {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = EmbeddedStore::open(folder.path(), Arc::clone(&clock) as _).unwrap();
    Lab { catalog: store.catalog(), clock, _folder: folder }
}

impl Lab {
    async fn tick(&self) -> Backlog {
        match handle(&*self.catalog, &*self.clock, schedule()).await.unwrap() {
            Done::Counted(backlog) => backlog,
            other @ Done::Buried(_) => panic!("{other:?}"),
        }
    }

    /// Which messages are to be delivered again.
    async fn bury(&self, bodies: &[String]) -> Vec<String> {
        match handle(&*self.catalog, &*self.clock, dead_letters(bodies)).await.unwrap() {
            Done::Buried(answer) => {
                answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
            }
            other @ Done::Counted(_) => panic!("{other:?}"),
        }
    }

    /// The message of a request that is made now.
    fn body(&self, rebuild: &Rebuild) -> String {
        let requested_at = self.clock.now();
        serde_json::to_string(&RebuildMessage { rebuild: rebuild.clone(), requested_at }).unwrap()
    }

    async fn state(&self, rebuild: &Rebuild) -> RebuildState {
        self.catalog.rebuild(rebuild).await.unwrap().unwrap().state
    }
}

fn schedule() -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "123456789012", "time": "2026-01-02T03:04:05Z", "region": "eu-central-1",
        "resources": ["arn:aws:events:eu-central-1:123456789012:rule/aiv1-minute"], "detail": {}
    })
}

/// Messages `0`, `1`, …
fn dead_letters(bodies: &[String]) -> Value {
    let record = |(index, body): (usize, &String)| {
        json!({
            "messageId": index.to_string(), "receiptHandle": "AQEB", "body": body, "md5OfBody": "", "messageAttributes": {},
            "attributes": { "ApproximateReceiveCount": "6", "SentTimestamp": "1767323045000" },
            "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:aiv1-rebuilds-dead"
        })
    };
    json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })
}

fn video(quality_index: u8) -> Rebuild {
    Rebuild::Video { experiment: submission(1).id(), clip: clip(0).info.id, quality_index }
}

#[tokio::test]
async fn the_backlog_is_told_for_each_worker_that_lives() {
    let lab = lab();
    let idle = lab.tick().await;
    assert_eq!((idle.queued, idle.in_progress, idle.workers), (0, 0, 0));
    assert!(idle.per_worker().abs() < f64::EPSILON);
    for n in 0..6 {
        lab.catalog.submit(&experiment(n)).await.unwrap();
    }
    assert_eq!(lab.tick().await.unserved(), 6);
    assert!(
        (lab.tick().await.per_worker() - 6.0).abs() < f64::EPSILON,
        "work and nobody there: as for the first"
    );
    let work = lab.catalog.claim(&worker("one")).await.unwrap().unwrap();
    lab.catalog.claim(&worker("two")).await.unwrap().unwrap();
    let backlog = lab.tick().await;
    assert_eq!(backlog, Backlog { queued: 4, in_progress: 2, workers: 2, taken_back: 0 });
    let named: Vec<_> = backlog.metrics().into_iter().map(|metric| (metric.name, metric.value)).collect();
    let told = [
        ("Queued", 4.0),
        ("InProgress", 2.0),
        ("Workers", 2.0),
        ("Unserved", 0.0),
        ("BacklogPerWorker", 3.0),
    ];
    assert_eq!(named, told);
    // One of them is silent from here on.
    for _ in 0..3 {
        lab.clock.advance(LEASE - SignedDuration::from_secs(1));
        lab.catalog.heartbeat(&work.experiment.id, &beat(&work.holder)).await.unwrap();
    }
    assert_eq!(lab.tick().await, Backlog { queued: 5, in_progress: 1, workers: 1, taken_back: 1 });
    assert_eq!(lab.tick().await.taken_back, 0);
}

#[tokio::test]
async fn a_dead_letter_fails_its_rebuild_once() {
    let lab = lab();
    for quality_index in 0..4 {
        lab.catalog.request_rebuild(&video(quality_index)).await.unwrap();
    }
    let held = lab.catalog.begin_rebuild(&video(1), LEASE).await.unwrap().unwrap();
    let done = lab.catalog.begin_rebuild(&video(2), LEASE).await.unwrap().unwrap();
    lab.catalog.end_rebuild(&done, &Ok(())).await.unwrap();
    let letters = [0, 1, 2, 63, 0].map(|quality_index| lab.body(&video(quality_index)));
    assert_eq!(lab.bury(&letters).await, ["1"], "what somebody works at is looked at again");
    match lab.state(&video(0)).await {
        RebuildState::Failed { reason } => {
            assert!(reason.starts_with("infrastructure: given up after 6 deliveries"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(lab.state(&video(2)).await, RebuildState::Done);
    assert_eq!(lab.catalog.rebuild(&video(63)).await.unwrap(), None, "it was never asked for");
    assert_eq!(lab.state(&video(3)).await, RebuildState::Queued, "no letter names it");
    // Its consumer was killed.
    lab.clock.advance(LEASE);
    assert!(lab.bury(&letters[1..2]).await.is_empty());
    assert!(matches!(lab.state(&video(1)).await, RebuildState::Failed { .. }));
    lab.catalog.end_rebuild(&held, &Ok(())).await.unwrap();
    assert!(matches!(lab.state(&video(1)).await, RebuildState::Failed { .. }), "it comes too late");
}

#[tokio::test]
async fn a_letter_of_an_earlier_request_does_not_fail_a_later_one() {
    let lab = lab();
    lab.catalog.request_rebuild(&video(0)).await.unwrap();
    let first = lab.body(&video(0));
    assert!(lab.bury(std::slice::from_ref(&first)).await.is_empty());
    assert!(matches!(lab.state(&video(0)).await, RebuildState::Failed { .. }));
    lab.clock.advance(SignedDuration::from_secs(1));
    lab.catalog.request_rebuild(&video(0)).await.unwrap();
    let second = lab.body(&video(0));
    assert!(lab.bury(&[first]).await.is_empty());
    assert_eq!(lab.state(&video(0)).await, RebuildState::Queued, "it has not been tried");
    assert!(lab.bury(&[second]).await.is_empty());
    assert!(matches!(lab.state(&video(0)).await, RebuildState::Failed { .. }));
}

#[tokio::test]
async fn a_letter_that_cannot_be_read_stays_for_an_operator() {
    let lab = lab();
    lab.catalog.request_rebuild(&video(0)).await.unwrap();
    let letters: Vec<String> = [
        "",
        "null",
        "{}",
        "not json",
        r#"{"rebuild":{"what":"everything"}}"#,
        r#"{"rebuild":null,"also":1}"#,
        &lab.body(&video(0)).replace("requested_at", "asked_at"),
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([lab.body(&video(0))])
    .collect();
    assert_eq!(lab.bury(&letters).await, ["0", "1", "2", "3", "4", "5", "6"]);
    assert!(
        matches!(lab.state(&video(0)).await, RebuildState::Failed { .. }),
        "the others do not hold it up"
    );
}

#[tokio::test]
async fn foreign_events_are_refused_by_name() {
    let lab = lab();
    let s3 = json!({ "Records": [{ "eventSource": "aws:s3", "s3": { "object": { "key": "a" } } }] });
    let refused = handle(&*lab.catalog, &*lab.clock, s3).await.unwrap_err().to_string();
    assert!(refused.contains("aws:s3"), "{refused}");
    let http = json!({ "version": "2.0", "routeKey": "$default", "rawPath": "/", "requestContext": {} });
    let refused = handle(&*lab.catalog, &*lab.clock, http).await.unwrap_err().to_string();
    assert!(refused.contains("rawPath"), "{refused}");
}
