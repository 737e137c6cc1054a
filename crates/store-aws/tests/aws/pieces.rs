//! Answers and things that come in several pieces.

use crate::support::table::{behind, clients, dynamo, table};
use aiv1_model::Status;
use aiv1_store::contract::fixtures::{self, bundle, experiment, record_for, worker};
use aiv1_store::{Ended, Error, Query};
use aiv1_store_aws::AwsStore;
use aiv1_test_servers::{Asked, Fault, FaultProxy};
use std::sync::Arc;

/// A failure whose message does not compress, in so many bytes.
fn ended(bytes: usize) -> Ended {
    let mut random = fastrand::Rng::with_seed(5);
    let mut record = record_for(&experiment(1).submission, Status::Failed, None);
    let message = std::iter::repeat_with(|| random.alphanumeric()).take(bytes).collect();
    record.failure.as_mut().unwrap().message = message;
    Ended::Published { record: Box::new(record), bundle: bundle(1) }
}

#[tokio::test]
async fn a_record_larger_than_an_item_and_than_an_answer_is_kept_whole() {
    let clock = fixtures::clock();
    let (proxy, catalog) = behind(&clock, |_| None).await;
    catalog.submit(&experiment(1)).await.unwrap();
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    let id = &work.experiment.id;
    let large = ended(3 << 20);
    catalog.end(id, &work.holder, &large).await.unwrap();
    let pieces = proxy.asked().iter().filter(|asked| asked.target.ends_with(".PutItem")).count();
    assert!(pieces > 3, "{pieces} pieces");
    proxy.forget();
    let kept = catalog.record(id).await.unwrap().unwrap();
    let Ended::Published { record, .. } = large else { unreachable!() };
    assert!(kept == record.without_series());
    let queries = proxy.asked().iter().filter(|asked| asked.target.ends_with(".Query")).count();
    assert!(queries > 1, "one answer has at most a mebibyte");
}

#[tokio::test]
async fn a_record_too_large_to_keep_is_refused_by_name_and_nothing_has_ended() {
    let clock = fixtures::clock();
    let (_proxy, catalog) = behind(&clock, |_| None).await;
    catalog.submit(&experiment(1)).await.unwrap();
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    let refused = catalog.end(&work.experiment.id, &work.holder, &ended(17 << 20)).await;
    assert!(matches!(refused, Err(Error::TooLarge { bytes, most, .. }) if bytes > most), "{refused:?}");
    assert_eq!(catalog.experiment(&work.experiment.id).await.unwrap().unwrap(), work.experiment);
}

#[tokio::test]
async fn what_the_service_had_no_room_for_is_asked_for_again() {
    let clock = fixtures::clock();
    let (config, store) = table(&clock).await;
    store.catalog().submit(&experiment(1)).await.unwrap();
    let (id, name) = (experiment(1).submission.id(), &config.table);
    // The answer of a busy service: nothing this time.
    let left = format!(r#"{{"experiment_id":{{"S":"{id}"}},"timestamp":{{"N":"0"}}}}"#);
    let body = format!(
        r#"{{"Responses":{{"{name}":[]}},"UnprocessedKeys":{{"{name}":{{"ConsistentRead":true,"Keys":[{left}]}}}}}}"#
    );
    let (body, mut times): (&'static str, _) = (body.leak(), 3);
    let proxy = FaultProxy::start(dynamo(), move |asked: &Asked| {
        let busy = asked.target.ends_with(".BatchGetItem") && times > 0;
        times -= u32::from(busy);
        busy.then_some(Fault::Answer { status: 200, content_type: "application/x-amz-json-1.0", body })
    });
    let store = AwsStore::open(&clients(&proxy.endpoint()).await, &config, Arc::clone(&clock) as _);
    let page = store.catalog().list(&Query::default()).await.unwrap();
    assert_eq!(page.experiments.len(), 1);
    let batches = proxy.asked().iter().filter(|asked| asked.target.ends_with(".BatchGetItem")).count();
    assert_eq!(batches, 4);
}
