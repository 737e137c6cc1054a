//! What messages of a queue do, delivered as SQS may: twice, late, out of order, to consumers that die.

use crate::flaky::{Flaky, Slow};
use crate::support::{Stored, THREADS};
use aiv1_lambda::{Event, Message};
use aiv1_regenerate_video::{Compiler, Figures, Handled, LEASE, MARGIN, Rebuilder, handle};
use aiv1_store::{Blobs, MAX_LOST_REBUILDS, Rebuild, RebuildMessage, RebuildState};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::advance;

/// Enough for anything here.
const TIME: Duration = Duration::from_mins(10);

pub(crate) async fn all(stored: &Stored) {
    duplicates_late_messages_and_others_out_of_order_do_no_harm(stored).await;
    what_asks_for_no_rebuild_comes_back_until_it_is_put_aside(stored).await;
    a_consumer_that_is_killed_is_followed_by_another(stored).await;
    a_store_that_fails_is_tried_again_and_says_why_in_the_end(stored).await;
    a_candidate_s_failure_is_final(stored).await;
}

fn body(target: &Rebuild) -> String {
    let requested_at = Timestamp::UNIX_EPOCH;
    serde_json::to_string(&RebuildMessage { rebuild: target.clone(), requested_at }).unwrap()
}

/// The event that Lambda gives a consumer; messages `0`, `1`, …
fn event(bodies: &[String]) -> Value {
    let record = |(index, body): (usize, &String)| {
        json!({
            "messageId": index.to_string(), "receiptHandle": "AQEB", "body": body, "md5OfBody": "", "messageAttributes": {},
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1767323045000" },
            "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:aiv1-rebuilds"
        })
    };
    json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })
}

fn messages(bodies: &[String]) -> Vec<Message> {
    Event::read(event(bodies)).unwrap().messages().unwrap()
}

/// Which messages are to be delivered again.
fn again(handled: &Handled) -> Vec<&str> {
    handled.answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

async fn deliver(rebuilder: &Rebuilder, bodies: &[String], time: Duration) -> Vec<String> {
    let handled = handle(rebuilder, messages(bodies), time).await;
    assert!(!handled.busy);
    again(&handled).into_iter().map(str::to_owned).collect()
}

fn rebuilder(stored: &Stored, blobs: Arc<dyn Blobs>, compiler: impl Compiler + 'static) -> Rebuilder {
    Rebuilder::new(stored.catalog.clone(), blobs, compiler, stored.folder.join("scratch"), THREADS)
}

/// Asks for a preview that is not there.
async fn ask(stored: &Stored, quality_index: u8) -> Rebuild {
    let target = stored.video(quality_index);
    stored.blobs.delete(&target.key()).await.unwrap();
    assert_eq!(stored.catalog.request_rebuild(&target).await.unwrap().state, RebuildState::Queued);
    target
}

async fn state(stored: &Stored, target: &Rebuild) -> RebuildState {
    stored.catalog.rebuild(target).await.unwrap().unwrap().state
}

async fn duplicates_late_messages_and_others_out_of_order_do_no_harm(stored: &Stored) {
    let (first, second) = (ask(stored, 16).await, ask(stored, 24).await);
    let never = stored.video(63);
    // The second is named first, both twice, and one that nobody asked for.
    let bodies = [body(&second), body(&first), body(&second), body(&first), body(&never)];
    let attempts = async |target: &Rebuild| stored.catalog.rebuild(target).await.unwrap().unwrap().attempt;
    let before = [attempts(&first).await, attempts(&second).await];
    let (one, other) =
        tokio::join!(deliver(&stored.rebuilder, &bodies, TIME), deliver(&stored.rebuilder, &bodies, TIME));
    // What one held just then comes back to the other, and is done by then.
    for again in [one, other] {
        let again: Vec<_> = again.iter().map(|id| bodies[id.parse::<usize>().unwrap()].clone()).collect();
        assert!(again.is_empty() || deliver(&stored.rebuilder, &again, TIME).await.is_empty());
    }
    for (target, before) in [(&first, before[0]), (&second, before[1])] {
        assert_eq!(state(stored, target).await, RebuildState::Done);
        assert_eq!(attempts(target).await, before + 1, "it was made once");
        assert!(stored.blobs.head(&target.key()).await.unwrap().is_some());
    }
    assert_eq!(stored.catalog.rebuild(&never).await.unwrap(), None);
    // A message that comes when the object has expired again asks for nothing by itself.
    stored.blobs.delete(&first.key()).await.unwrap();
    assert!(deliver(&stored.rebuilder, &bodies, TIME).await.is_empty());
    assert_eq!(stored.blobs.head(&first.key()).await.unwrap(), None);
}

async fn what_asks_for_no_rebuild_comes_back_until_it_is_put_aside(stored: &Stored) {
    let target = ask(stored, 16).await;
    let mut bodies: Vec<_> =
        ["", "{}", "[]", "no JSON", r#"{"rebuild":{"what":"world"}}"#].map(str::to_owned).into();
    bodies.push(body(&target));
    for _ in 0..2 {
        assert_eq!(deliver(&stored.rebuilder, &bodies, TIME).await, ["0", "1", "2", "3", "4"]);
    }
    assert_eq!(state(stored, &target).await, RebuildState::Done, "the others do not hold it up");
}

async fn a_consumer_that_is_killed_is_followed_by_another(stored: &Stored) {
    let target = ask(stored, 16).await;
    let (slow, begun, go) = Slow::new(stored.compiler.clone());
    let (doomed, bodies) = (rebuilder(stored, stored.blobs.clone(), slow), [body(&target)]);
    let told = bodies.clone();
    let consumer = tokio::spawn(async move { deliver(&doomed, &told, TIME).await });
    begun.notified().await;
    consumer.abort();
    assert!(consumer.await.unwrap_err().is_cancelled());
    drop(go);
    assert_eq!(state(stored, &target).await, RebuildState::Running);
    assert_eq!(deliver(&stored.rebuilder, &bodies, TIME).await, ["0"], "its lease still holds");
    stored.clock.advance(LEASE);
    assert!(deliver(&stored.rebuilder, &bodies, TIME).await.is_empty());
    assert_eq!(state(stored, &target).await, RebuildState::Done);
}

/// The time is up when the test says so: the runtime's clock stands while something is compiled.
pub(crate) async fn within_time(stored: &Stored) {
    a_job_is_given_back_before_the_time_is_up(stored).await;
    a_store_that_does_not_answer_is_not_waited_for(stored).await;
}

/// Delivers to a consumer whose compiler goes on when it is stopped; `go_on` says what happens once the job is given back.
async fn stopped_while_compiling(
    stored: &Stored,
    bodies: &[String],
    go_on: impl AsyncFnOnce(Sender<()>),
) -> Handled {
    let (slow, begun, go) = Slow::new(stored.compiler.clone());
    let slow = rebuilder(stored, stored.blobs.clone(), slow);
    let target = stored.video(16);
    let meanwhile = async {
        begun.notified().await;
        assert_eq!(state(stored, &target).await, RebuildState::Running);
        advance(TIME.saturating_sub(MARGIN)).await;
        while state(stored, &target).await == RebuildState::Running {
            yield_now().await;
        }
        go_on(go).await;
    };
    let (handled, ()) = tokio::join!(handle(&slow, messages(bodies), TIME), meanwhile);
    handled
}

async fn a_job_is_given_back_before_the_time_is_up(stored: &Stored) {
    let target = ask(stored, 16).await;
    let bodies = [body(&target), body(&target)];
    assert_eq!(
        deliver(&stored.rebuilder, &bodies, MARGIN).await,
        ["0", "1"],
        "nothing is begun without time"
    );
    let attempt = stored.catalog.rebuild(&target).await.unwrap().unwrap().attempt;
    let handled = stopped_while_compiling(stored, &bodies, async |go| drop(go)).await;
    assert!(!handled.busy, "the compiler was waited for");
    assert_eq!(handled.figures, Figures { given_back: 1, ..Figures::default() });
    assert_eq!(again(&handled), ["0", "1"]);
    let status = stored.catalog.rebuild(&target).await.unwrap().unwrap();
    assert_eq!(
        (status.state, status.attempt),
        (RebuildState::Queued, attempt + 1),
        "at once, not when the lease lapses"
    );
    assert_eq!(stored.blobs.head(&target.key()).await.unwrap(), None);
    // A compiler that does not end is not waited for beyond the time.
    let mut compiling = None;
    let late = async |go| {
        compiling = Some(go);
        advance(MARGIN).await;
    };
    let handled = stopped_while_compiling(stored, &bodies[..1], late).await;
    assert!(handled.busy);
    assert_eq!(again(&handled), ["0"]);
    assert_eq!(state(stored, &target).await, RebuildState::Queued);
    // What never fits is given up with that reason.
    let handled = stopped_while_compiling(stored, &bodies[..1], async |go| drop(go)).await;
    assert!(again(&handled).is_empty(), "there is nothing left to do");
    assert_eq!(handled.figures, Figures { failed: 1, ..Figures::default() });
    match state(stored, &target).await {
        RebuildState::Failed { reason } => assert!(reason.contains("was not done within"), "{reason}"),
        other => panic!("{other:?}"),
    }
    drop(compiling);
}

async fn a_store_that_does_not_answer_is_not_waited_for(stored: &Stored) {
    let target = ask(stored, 16).await;
    let store = Flaky { silent: AtomicBool::new(true).into(), ..Flaky::new(stored) };
    let silent = rebuilder(stored, Arc::new(store), stored.compiler.clone());
    assert_eq!(deliver(&silent, &[body(&target)], TIME).await, ["0"]);
    assert_eq!(state(stored, &target).await, RebuildState::Queued);
}

async fn a_store_that_fails_is_tried_again_and_says_why_in_the_end(stored: &Stored) {
    let store = Flaky::new(stored);
    let full = Arc::clone(&store.full);
    full.store(true, Ordering::Relaxed);
    let flaky = rebuilder(stored, Arc::new(store), stored.compiler.clone());
    let archive = Rebuild::Bundle { experiment: stored.record.id.clone() };
    for target in [stored.video(16), archive] {
        stored.blobs.delete(&target.key()).await.unwrap();
        stored.catalog.request_rebuild(&target).await.unwrap();
        let bodies = [body(&target)];
        assert_eq!(deliver(&flaky, &bodies, TIME).await, ["0"]);
        assert_eq!(state(stored, &target).await, RebuildState::Queued);
        full.store(false, Ordering::Relaxed);
        assert!(deliver(&flaky, &bodies, TIME).await.is_empty());
        assert_eq!(state(stored, &target).await, RebuildState::Done);
        full.store(true, Ordering::Relaxed);
        stored.blobs.delete(&target.key()).await.unwrap();
        stored.catalog.request_rebuild(&target).await.unwrap();
        for _ in 1..MAX_LOST_REBUILDS {
            assert_eq!(deliver(&flaky, &bodies, TIME).await, ["0"]);
        }
        assert!(deliver(&flaky, &bodies, TIME).await.is_empty());
        match state(stored, &target).await {
            // What the backend said is for the log.
            RebuildState::Failed { reason } => {
                assert!(reason.ends_with("the store cannot append to an object"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(stored.blobs.head(&target.key()).await.unwrap(), None);
    }
}

async fn a_candidate_s_failure_is_final(stored: &Stored) {
    // Asked for, but of no stream that was measured.
    let target = ask(stored, 33).await;
    assert!(deliver(&stored.rebuilder, &[body(&target)], TIME).await.is_empty());
    assert!(matches!(state(stored, &target).await, RebuildState::Failed { .. }));
}
