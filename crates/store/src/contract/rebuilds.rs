//! Rebuilds: one job however many ask, fenced like all work.

use super::Backend;
use super::fixtures::{clip, submission};
use crate::{Rebuild, RebuildState};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

const LEASE: SignedDuration = SignedDuration::from_mins(5);

fn video(quality_index: u8) -> Rebuild {
    Rebuild::Video { experiment: submission(1).id(), clip: clip(0).info.id, quality_index }
}

/// A crowd asks; one does the work; who asks later asks anew.
pub async fn fifty_who_ask_at_once_make_one_job(backend: Backend) {
    let catalog = &backend.catalog;
    assert_eq!(catalog.rebuild(&video(16)).await.unwrap(), None);
    let crowd: Vec<_> = (0..50)
        .map(|_| {
            let catalog = Arc::clone(catalog);
            tokio::spawn(async move { catalog.request_rebuild(&video(16)).await.unwrap() })
        })
        .collect();
    for asked in crowd {
        assert_eq!(asked.await.unwrap().state, RebuildState::Queued);
    }
    let claim = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    assert_eq!((&claim.target, claim.attempt), (&video(16), 1));
    assert!(catalog.claim_rebuild(LEASE).await.unwrap().is_none(), "there is one job");
    assert_eq!(catalog.request_rebuild(&video(16)).await.unwrap().state, RebuildState::Running);
    catalog.end_rebuild(&claim, &Ok(())).await.unwrap();
    assert_eq!(catalog.rebuild(&video(16)).await.unwrap().unwrap().state, RebuildState::Done);
    assert!(catalog.claim_rebuild(LEASE).await.unwrap().is_none());
    // It has expired since, and is asked for again.
    assert_eq!(catalog.request_rebuild(&video(16)).await.unwrap().state, RebuildState::Queued);
    assert_eq!(catalog.claim_rebuild(LEASE).await.unwrap().unwrap().attempt, 2);
}

/// Who lost a job does not say how it ended.
pub async fn a_late_end_changes_nothing(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.request_rebuild(&video(16)).await.unwrap();
    let bundle = Rebuild::Bundle { experiment: submission(1).id() };
    backend.clock.advance(SignedDuration::from_secs(10));
    catalog.request_rebuild(&bundle).await.unwrap();
    let slow = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    assert_eq!(slow.target, video(16), "the longest-waiting first");
    assert_eq!(catalog.claim_rebuild(LEASE).await.unwrap().unwrap().target, bundle);
    backend.clock.advance(LEASE);
    let quick = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    assert_eq!((&quick.target, quick.attempt), (&video(16), 2));
    let revision = catalog.revision().await.unwrap();
    catalog.end_rebuild(&slow, &Err("too late".to_owned())).await.unwrap();
    assert_eq!(catalog.rebuild(&video(16)).await.unwrap().unwrap().state, RebuildState::Running);
    assert_eq!(catalog.revision().await.unwrap(), revision);
    catalog.end_rebuild(&quick, &Ok(())).await.unwrap();
    catalog.end_rebuild(&quick, &Err("twice".to_owned())).await.unwrap();
    assert_eq!(catalog.rebuild(&video(16)).await.unwrap().unwrap().state, RebuildState::Done);
}

/// Its reason is kept, bounded, until somebody asks again.
pub async fn a_failed_rebuild_is_asked_for_again(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.request_rebuild(&video(63)).await.unwrap();
    let claim = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    let reason = format!("<script>{}", "é".repeat(5_000));
    catalog.end_rebuild(&claim, &Err(reason.clone())).await.unwrap();
    match catalog.rebuild(&video(63)).await.unwrap().unwrap().state {
        RebuildState::Failed { reason: kept } => {
            assert!(reason.starts_with(&kept) && (100..=4096).contains(&kept.len()), "{} bytes", kept.len());
        }
        other => panic!("{other:?}"),
    }
    backend.clock.advance(SignedDuration::from_secs(60));
    let asked = catalog.request_rebuild(&video(63)).await.unwrap();
    assert_eq!((asked.state, asked.requested_at, asked.attempt), (RebuildState::Queued, claim_time(60), 1));
    assert_eq!(catalog.claim_rebuild(LEASE).await.unwrap().unwrap().attempt, 2);
}

fn claim_time(seconds: i64) -> jiff::Timestamp {
    super::fixtures::START + SignedDuration::from_secs(seconds)
}

/// It may be the rebuild itself: it is not begun for ever.
pub async fn a_rebuild_that_kills_its_consumer_is_given_up(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.request_rebuild(&video(0)).await.unwrap();
    let mut begun = 0;
    while catalog.claim_rebuild(LEASE).await.unwrap().is_some() {
        begun += 1;
        assert!(begun <= 10, "it is begun for ever");
        backend.clock.advance(LEASE);
    }
    assert!(begun > 1, "one consumer lost is no reason to give up");
    let state = catalog.rebuild(&video(0)).await.unwrap().unwrap().state;
    assert!(matches!(state, RebuildState::Failed { .. }), "{state:?}");
    catalog.request_rebuild(&video(0)).await.unwrap();
    assert!(catalog.claim_rebuild(LEASE).await.unwrap().is_some(), "who asks again is heard");
}

/// No polling here either, and nothing missed.
pub async fn a_waiting_consumer_wakes_when_a_rebuild_is_asked_for(backend: Backend) {
    let long = Duration::from_mins(1);
    let catalog = Arc::clone(&backend.catalog);
    let waiter = tokio::spawn(async move {
        catalog.wait_for_rebuild(long).await;
    });
    backend.catalog.request_rebuild(&video(1)).await.unwrap();
    tokio::time::timeout(long / 3, waiter).await.expect("the consumer was not woken").unwrap();
    let wait = tokio::time::timeout(long / 3, backend.catalog.wait_for_rebuild(long));
    wait.await.expect("it waited although a rebuild is queued");
}
