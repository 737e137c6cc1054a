//! Rebuilds: one job however many ask, fenced like all work.

use super::Backend;
use super::fixtures::{clip, submission};
use crate::{Error, MAX_LOST_REBUILDS, MAX_WAITING_REBUILDS, Rebuild, RebuildState};
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

/// What is asked for without a token is bounded; what is under way already is answered all the same.
pub async fn as_many_rebuilds_wait_as_may_and_no_more(backend: Backend) {
    let catalog = &backend.catalog;
    let other = |number| Rebuild::Bundle { experiment: submission(number).id() };
    let most = u32::try_from(MAX_WAITING_REBUILDS).unwrap();
    for number in 0..most {
        catalog.request_rebuild(&other(number)).await.unwrap();
    }
    let refused = catalog.request_rebuild(&video(16)).await.unwrap_err();
    let bound = MAX_WAITING_REBUILDS;
    assert!(
        matches!(refused, Error::Busy { waiting, most } if waiting >= most && most == bound),
        "{refused}"
    );
    assert_eq!(catalog.rebuild(&video(16)).await.unwrap(), None, "a refusal leaves nothing");
    assert_eq!(catalog.request_rebuild(&other(3)).await.unwrap().state, RebuildState::Queued);
    let claim = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    assert_eq!(catalog.request_rebuild(&video(16)).await.unwrap().state, RebuildState::Queued);
    // What is done is asked for anew like anything else.
    catalog.end_rebuild(&claim, &Ok(())).await.unwrap();
    assert!(matches!(catalog.request_rebuild(&claim.target).await, Err(Error::Busy { .. })));
    let state = catalog.rebuild(&claim.target).await.unwrap().unwrap().state;
    assert_eq!(state, RebuildState::Done, "a refusal changes nothing");
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

/// Duplicates of the message, late ones and those out of order find nothing to do.
pub async fn a_rebuild_named_by_a_message_is_begun_once_whatever_else_waits(backend: Backend) {
    let catalog = &backend.catalog;
    assert_eq!(catalog.begin_rebuild(&video(2), LEASE).await.unwrap(), None, "it was never asked for");
    for quality_index in [1, 2] {
        catalog.request_rebuild(&video(quality_index)).await.unwrap();
        backend.clock.advance(SignedDuration::from_secs(1));
    }
    let told: Vec<_> = (0..8)
        .map(|_| {
            let catalog = Arc::clone(catalog);
            tokio::spawn(async move { catalog.begin_rebuild(&video(2), LEASE).await.unwrap() })
        })
        .collect();
    let mut claims = Vec::new();
    for told in told {
        claims.extend(told.await.unwrap());
    }
    let [claim] = &claims[..] else { panic!("{claims:?}") };
    assert_eq!((&claim.target, claim.attempt), (&video(2), 1), "not the one that waits for longer");
    let status = catalog.rebuild(&video(2)).await.unwrap().unwrap();
    assert_eq!((status.state, status.lease_expires_at), (RebuildState::Running, Some(claim_time(2) + LEASE)));
    catalog.end_rebuild(claim, &Ok(())).await.unwrap();
    let status = catalog.rebuild(&video(2)).await.unwrap().unwrap();
    assert_eq!((status.state, status.lease_expires_at), (RebuildState::Done, None));
    assert_eq!(catalog.begin_rebuild(&video(2), LEASE).await.unwrap(), None, "it is done");
    // A consumer that was killed: the message comes again, and once the lease has lapsed so does the claim.
    catalog.begin_rebuild(&video(1), LEASE).await.unwrap().unwrap();
    backend.clock.advance(LEASE - SignedDuration::from_secs(1));
    assert_eq!(catalog.begin_rebuild(&video(1), LEASE).await.unwrap(), None, "the lease still holds");
    backend.clock.advance(SignedDuration::from_secs(1));
    let again = catalog.begin_rebuild(&video(1), LEASE).await.unwrap().unwrap();
    assert_eq!(again.attempt, 2);
    catalog.end_rebuild(&again, &Err("the stream is damaged".to_owned())).await.unwrap();
    assert_eq!(catalog.begin_rebuild(&video(1), LEASE).await.unwrap(), None, "it has failed");
}

/// A long rebuild is no lost one.
pub async fn a_renewed_lease_is_not_taken_over(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.request_rebuild(&video(16)).await.unwrap();
    let claim = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    let revision = catalog.revision().await.unwrap();
    for _ in 0..5 {
        backend.clock.advance(LEASE - SignedDuration::from_secs(1));
        assert!(catalog.renew_rebuild(&claim, LEASE).await.unwrap());
        assert_eq!(catalog.begin_rebuild(&video(16), LEASE).await.unwrap(), None);
        assert_eq!(catalog.claim_rebuild(LEASE).await.unwrap(), None);
    }
    assert_eq!(catalog.revision().await.unwrap(), revision, "it shows on no page");
    backend.clock.advance(LEASE);
    assert!(catalog.renew_rebuild(&claim, LEASE).await.unwrap(), "nobody has taken it meanwhile");
    backend.clock.advance(LEASE);
    let taken = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    assert!(!catalog.renew_rebuild(&claim, LEASE).await.unwrap(), "it is another's");
    catalog.end_rebuild(&taken, &Ok(())).await.unwrap();
    assert!(!catalog.renew_rebuild(&taken, LEASE).await.unwrap(), "it has ended");
}

/// A consumer that stops in good order leaves the job as it found it.
pub async fn a_rebuild_given_back_waits_again_and_is_not_counted(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.request_rebuild(&video(16)).await.unwrap();
    backend.clock.advance(SignedDuration::from_secs(1));
    catalog.request_rebuild(&video(17)).await.unwrap();
    for attempt in 1..=2 * MAX_LOST_REBUILDS {
        let claim = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
        assert_eq!((&claim.target, claim.attempt), (&video(16), attempt), "it keeps its place");
        catalog.release_rebuild(&claim, None).await.unwrap();
        let status = catalog.rebuild(&video(16)).await.unwrap().unwrap();
        assert_eq!((status.state, status.lease_expires_at), (RebuildState::Queued, None));
    }
    let slow = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    backend.clock.advance(LEASE);
    let quick = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    assert_eq!(quick.target, slow.target);
    for lost in [None, Some("too late")] {
        catalog.release_rebuild(&slow, lost).await.unwrap();
        assert_eq!(catalog.rebuild(&video(16)).await.unwrap().unwrap().state, RebuildState::Running);
    }
}

/// The reason is told, once it is told that often.
pub async fn a_rebuild_lost_by_the_infrastructure_is_tried_again_up_to_the_bound(backend: Backend) {
    let catalog = &backend.catalog;
    catalog.request_rebuild(&video(16)).await.unwrap();
    for attempt in 1..=MAX_LOST_REBUILDS {
        let claim = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
        assert_eq!(claim.attempt, attempt);
        catalog.release_rebuild(&claim, Some("the disk is full")).await.unwrap();
    }
    assert_eq!(catalog.claim_rebuild(LEASE).await.unwrap(), None);
    match catalog.rebuild(&video(16)).await.unwrap().unwrap().state {
        RebuildState::Failed { reason } => assert!(reason.ends_with("the disk is full"), "{reason}"),
        other => panic!("{other:?}"),
    }
    catalog.request_rebuild(&video(16)).await.unwrap();
    let claim = catalog.claim_rebuild(LEASE).await.unwrap().unwrap();
    catalog.release_rebuild(&claim, Some("again")).await.unwrap();
    let state = catalog.rebuild(&video(16)).await.unwrap().unwrap().state;
    assert_eq!(state, RebuildState::Queued, "who asks again has all attempts");
}

/// When no consumer asks any more, nobody else would notice that one is lost.
pub async fn lapsed_rebuilds_are_queued_again_without_a_claim(backend: Backend) {
    let catalog = &backend.catalog;
    for quality_index in [1, 2] {
        catalog.request_rebuild(&video(quality_index)).await.unwrap();
        catalog
            .begin_rebuild(&video(quality_index), LEASE * i32::from(quality_index))
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0);
    backend.clock.advance(LEASE);
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 1);
    assert_eq!(catalog.rebuild(&video(1)).await.unwrap().unwrap().state, RebuildState::Queued);
    assert_eq!(catalog.rebuild(&video(2)).await.unwrap().unwrap().state, RebuildState::Running);
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0);
    for _ in 1..MAX_LOST_REBUILDS {
        catalog.begin_rebuild(&video(1), LEASE).await.unwrap().unwrap();
        backend.clock.advance(LEASE);
        catalog.requeue_lapsed().await.unwrap();
    }
    let state = catalog.rebuild(&video(1)).await.unwrap().unwrap().state;
    assert!(matches!(state, RebuildState::Failed { .. }), "{state:?}");
}
