//! Records of the earlier system: kept once, listed latest first, and no experiments.

use super::Backend;
use super::fixtures::{START, legacy};
use crate::{Catalog, Error, Query};
use aiv1_model::legacy::{ArtefactKind, LegacyArtefact};
use aiv1_model::{Counts, LegacyExperiment};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every row, page by page; each page must be as long as it can be and know the total.
async fn all(catalog: &dyn Catalog, limit: u32) -> Vec<LegacyExperiment> {
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = catalog.list_legacy(cursor.as_deref(), limit).await.unwrap();
        assert!(
            page.experiments.len() == limit as usize || page.next.is_none(),
            "a page with a next one is full"
        );
        rows.extend(page.experiments);
        cursor = page.next;
        if cursor.is_none() {
            assert_eq!(page.total, rows.len() as u64);
            return rows;
        }
    }
}

/// What is kept is read whole; the same again changes nothing, another under the id is merged with it.
pub async fn a_legacy_record_is_kept_once_and_merged_with_what_is_known(backend: Backend) {
    let catalog = &*backend.catalog;
    let record = legacy(1);
    assert_eq!(catalog.legacy(record.id.as_str()).await.unwrap(), None);
    let before = catalog.revision().await.unwrap();
    assert!(catalog.put_legacy(&record).await.unwrap());
    let kept = catalog.revision().await.unwrap();
    assert!(kept > before, "pages show it");
    assert_eq!(catalog.legacy(record.id.as_str()).await.unwrap(), Some(record.clone()));
    assert!(!catalog.put_legacy(&record).await.unwrap());
    assert_eq!(catalog.revision().await.unwrap(), kept, "nothing changed");
    catalog.put_legacy(&legacy(2)).await.unwrap();
    // Another text, and another time, by which it changes its place.
    let mut other = LegacyExperiment { failure: Some("Worker timeout".to_owned()), ..record.clone() };
    assert!(catalog.put_legacy(&other).await.unwrap());
    assert!(!catalog.put_legacy(&record).await.unwrap(), "it says nothing that is not known");
    assert_eq!(all(catalog, 10).await, [legacy(2), other.clone()]);
    other.recorded_at = START + SignedDuration::from_hours(1);
    assert!(catalog.put_legacy(&other).await.unwrap());
    assert!(catalog.revision().await.unwrap() > kept);
    assert_eq!(catalog.legacy(other.id.as_str()).await.unwrap(), Some(other.clone()));
    assert_eq!(all(catalog, 10).await, [other, legacy(2)]);
}

/// What is not there is `None`, whatever it is called.
pub async fn a_legacy_record_that_is_not_there_is_none(backend: Backend) {
    let catalog = &*backend.catalog;
    catalog.put_legacy(&legacy(1)).await.unwrap();
    for wrong in ["", "real_exp_0", "%", "real_exp_1767323046'--", &"x".repeat(5000), "\u{0}", "é"] {
        assert_eq!(catalog.legacy(wrong).await.unwrap(), None, "{wrong:.40}");
    }
}

/// Latest first, those of one time in an order that stays; complete at every length of a page.
pub async fn legacy_records_are_listed_latest_first_page_by_page(backend: Backend) {
    let catalog = &*backend.catalog;
    let empty = catalog.list_legacy(None, 5).await.unwrap();
    assert_eq!((empty.experiments, empty.total, empty.next), (Vec::new(), 0, None));
    let mut records = Vec::new();
    for n in 0..25 {
        let mut record = legacy(n);
        // Three of a time, one microsecond after the three before; the last one long before all.
        record.recorded_at = START + SignedDuration::from_micros(i64::from(n / 3));
        if n == 24 {
            record.recorded_at = jiff::Timestamp::UNIX_EPOCH;
        }
        records.push(record);
    }
    // Kept in an order that is neither.
    for n in 0..25 {
        catalog.put_legacy(&records[n * 7 % 25]).await.unwrap();
    }
    let listed = all(catalog, 200).await;
    assert!(listed.is_sorted_by(|one, next| one.recorded_at >= next.recorded_at));
    for limit in [1, 2, 3, 7, 24, 25, 26] {
        assert_eq!(all(catalog, limit).await, listed, "{limit} at a time");
    }
    let by_id = |records: &[LegacyExperiment]| -> BTreeMap<_, _> {
        records.iter().map(|record| (record.id.clone(), record.clone())).collect()
    };
    assert_eq!(by_id(&listed), by_id(&records));
    let records = listed;
    for (limit, rows) in [(0, 1), (u32::MAX, 25)] {
        assert_eq!(catalog.list_legacy(None, limit).await.unwrap().experiments.len(), rows);
    }
    // One that is kept while somebody reads on is not in their way.
    let first = catalog.list_legacy(None, 10).await.unwrap();
    let mut newer = legacy(99);
    newer.recorded_at = START + SignedDuration::from_hours(1);
    catalog.put_legacy(&newer).await.unwrap();
    let second = catalog.list_legacy(first.next.as_deref(), 15).await.unwrap();
    assert_eq!([first.experiments, second.experiments].concat(), records);
    assert_eq!(second.total, 26);
}

/// Cursors are not guessed.
pub async fn a_cursor_of_no_legacy_list_is_refused(backend: Backend) {
    let catalog = &*backend.catalog;
    for n in 0..5 {
        catalog.put_legacy(&legacy(n)).await.unwrap();
        catalog.submit(&super::fixtures::experiment(n)).await.unwrap();
    }
    let cursor = catalog.list_legacy(None, 2).await.unwrap().next.unwrap();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.~".contains(letter);
    assert!(cursor.chars().all(plain), "{cursor} goes into a URL as it is");
    let foreign = catalog.list(&Query { limit: 2, ..Query::default() }).await.unwrap().next.unwrap();
    let long = "A".repeat(100_000);
    for wrong in ["", "0", "null", "' OR 1=1 --", "\0", &cursor[1..], &foreign, &long] {
        match catalog.list_legacy(Some(wrong), 2).await {
            Err(Error::Cursor(named)) => assert!(named.len() <= 400, "what is named is bounded"),
            other => panic!("{wrong:.40}: {other:?}"),
        }
    }
}

/// However many keep records at once, each is counted once; and none is counted as an experiment.
pub async fn legacy_records_kept_at_once_are_counted_once_and_are_no_experiments(backend: Backend) {
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let catalog = Arc::clone(&backend.catalog);
            tokio::spawn(async move {
                let mut new = 0;
                for n in 0..20 {
                    new += u32::from(catalog.put_legacy(&legacy(n)).await.unwrap());
                }
                new
            })
        })
        .collect();
    let mut new = 0;
    for task in tasks {
        new += task.await.unwrap();
    }
    assert_eq!(new, 20, "who kept it first is told so, and nobody else");
    let ids: BTreeSet<_> = all(&*backend.catalog, 6).await.into_iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), 20);
    assert_eq!(backend.catalog.counts().await.unwrap(), Counts::default());
    assert_eq!(backend.catalog.list(&Query::default()).await.unwrap().experiments, []);
}

/// Of several who each know another part of a record, none undoes what another kept.
pub async fn parts_of_one_legacy_record_kept_at_once_are_all_there(backend: Backend) {
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let catalog = Arc::clone(&backend.catalog);
            let video =
                LegacyArtefact { kind: ArtefactKind::Video, key: format!("videos/{n}"), bytes: Some(n) };
            let record = legacy(1).with_artefacts([video]);
            tokio::spawn(async move { catalog.put_legacy(&record).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap(), "each adds something");
    }
    let kept = backend.catalog.legacy(legacy(1).id.as_str()).await.unwrap().unwrap();
    assert_eq!(kept.artefacts.len(), 9, "{:?}", kept.artefacts);
}
