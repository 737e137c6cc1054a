//! Items that cannot be read: written by a later version, or by hand. They stop nobody who is not after them.

use crate::support::table::{dynamo, loader, table};
use aiv1_model::Status;
use aiv1_store::contract::fixtures::{self, experiment, worker};
use aiv1_store::{Error, LEASE};
use aiv1_store_aws::Config;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;

/// Makes an attribute unreadable, as a field that this version does not know does.
async fn damage(config: &Config, item: &str, attribute: &str) {
    let client = aws_sdk_dynamodb::Client::new(&loader(dynamo()).load().await);
    let update = client.update_item().table_name(&config.table);
    let update = update.key("experiment_id", AttributeValue::S(item.to_owned()));
    let update = update.key("timestamp", AttributeValue::N("0".to_owned()));
    let update =
        update.update_expression("SET #damaged = :text").condition_expression("attribute_exists(#damaged)");
    let update = update.expression_attribute_names("#damaged", attribute);
    let text = AttributeValue::S(r#"{"of_a_later_version":1}"#.to_owned());
    update.expression_attribute_values(":text", text).send().await.unwrap();
}

#[tokio::test]
async fn an_unreadable_experiment_is_passed_over_by_claims() {
    let clock = fixtures::clock();
    let (config, store) = table(&clock).await;
    let catalog = store.catalog();
    for n in 0..3 {
        catalog.submit(&experiment(n)).await.unwrap();
        clock.advance(SignedDuration::from_secs(1));
    }
    for n in 0..2 {
        damage(&config, experiment(n).submission.id().as_str(), "document").await;
    }
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    assert_eq!(work.experiment.id, experiment(2).submission.id());
    assert!(catalog.claim(&worker("two")).await.unwrap().is_none(), "nothing else can be had");
}

#[tokio::test]
async fn an_unreadable_experiment_whose_lease_has_lapsed_stops_neither_claims_nor_the_others_return() {
    let clock = fixtures::clock();
    let (config, store) = table(&clock).await;
    let catalog = store.catalog();
    for n in 0..2 {
        catalog.submit(&experiment(n)).await.unwrap();
        clock.advance(SignedDuration::from_secs(1));
    }
    let lost = catalog.claim(&worker("one")).await.unwrap().unwrap();
    let other = catalog.claim(&worker("two")).await.unwrap().unwrap();
    damage(&config, lost.experiment.id.as_str(), "document").await;
    clock.advance(LEASE);
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 1);
    let again = catalog.claim(&worker("three")).await.unwrap().unwrap();
    assert_eq!((&again.experiment.id, again.holder.attempt), (&other.experiment.id, 2));
    // Neither is its own worker kept from work, once there is some.
    catalog.submit(&experiment(2)).await.unwrap();
    let given = catalog.claim(&worker("one")).await.unwrap().unwrap();
    assert_eq!(given.experiment.id, experiment(2).submission.id());
    assert!(matches!(catalog.experiment(&lost.experiment.id).await, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn what_an_unreadable_worker_said_of_itself_is_unknown_until_it_asks() {
    let clock = fixtures::clock();
    let (config, store) = table(&clock).await;
    let catalog = store.catalog();
    for name in ["one", "two"] {
        catalog.claim(&worker(name)).await.unwrap();
    }
    damage(&config, "worker#one", "info").await;
    let names: Vec<_> = catalog.workers().await.unwrap().into_iter().map(|worker| worker.info.name).collect();
    assert_eq!(names, ["two"]);
    catalog.submit(&experiment(1)).await.unwrap();
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    assert_eq!(work.experiment.status, Status::InProgress);
    assert_eq!(catalog.workers().await.unwrap().len(), 2);
}
