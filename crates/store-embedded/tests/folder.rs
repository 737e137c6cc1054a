//! The folder: opened twice, opened by newer and older versions, damaged, swept.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

mod support;

use aiv1_model::{Arm, Counts, Digest, Status};
use aiv1_store::contract::HttpRequest;
use aiv1_store::contract::fixtures::{self, experiment, submission, success, worker};
use aiv1_store::{
    BlobKey, Clock, Error, LinkOptions, NewExperiment, ObjectKind, Order, Query, Rebuild, RebuildState,
};
use aiv1_store_embedded::{EmbeddedStore, OpenError, RETENTION};
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use jiff::SignedDuration;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use tower::ServiceExt as _;

fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open(folder, fixtures::clock()).unwrap()
}

fn preview() -> BlobKey {
    Rebuild::Bundle { experiment: submission(1).id() }.key()
}

#[tokio::test]
async fn what_was_kept_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let key = BlobKey::object(ObjectKind::Stream, Digest::of(b"stream"));
    let (first, link, options) = {
        let store = open(folder.path());
        let blobs = store.blobs(support::BASE_URL);
        blobs.put(&key, Bytes::from_static(b"stream")).await.unwrap();
        let options = LinkOptions { lifetime: SignedDuration::from_mins(15), attachment: None };
        let link = blobs.link(&key, &options).await.unwrap();
        (store.catalog().submit(&experiment(1)).await.unwrap().experiment, link, options)
    };
    let store = open(folder.path());
    assert_eq!(store.catalog().experiment(&first.id).await.unwrap(), Some(first));
    let blobs = store.blobs(support::BASE_URL);
    assert_eq!(blobs.get(&key, 100).await.unwrap().as_deref(), Some(&b"stream"[..]));
    assert_eq!(blobs.link(&key, &options).await.unwrap(), link, "links of before still hold");
    let mode = std::fs::metadata(folder.path().join("secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn many_that_open_a_new_folder_at_once_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..6).map(|_| scope.spawn(|| drop(open(path)))).collect();
        for opened in opening {
            opened.join().unwrap();
        }
    });
    open(path);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_on_one_folder_neither_double_nor_lose_anything() {
    let folder = tempfile::tempdir().unwrap();
    let handles = [open(folder.path()), open(folder.path())];
    let submitting: Vec<_> = (0..8)
        .map(|task| {
            let catalog = handles[task % 2].catalog();
            tokio::spawn(async move {
                let mut created = 0;
                for n in 0..30 {
                    created += u32::from(catalog.submit(&experiment(n)).await.unwrap().created);
                }
                created
            })
        })
        .collect();
    let mut created = 0;
    for task in submitting {
        created += task.await.unwrap();
    }
    assert_eq!(created, 30);
    let claiming: Vec<_> = (0..8)
        .map(|task| {
            let catalog = handles[task % 2].catalog();
            tokio::spawn(async move {
                let mut got = Vec::new();
                while let Some(work) = catalog.claim(&worker(&format!("worker-{task}"))).await.unwrap() {
                    let result = success(&work.experiment.submission, None);
                    catalog.end(&work.experiment.id, &work.holder, &result).await.unwrap();
                    got.push(work.experiment.id);
                }
                got
            })
        })
        .collect();
    let mut got = Vec::new();
    for task in claiming {
        got.extend(task.await.unwrap());
    }
    assert_eq!((got.len(), got.iter().collect::<BTreeSet<_>>().len()), (30, 30));
    for handle in handles {
        let counts = handle.catalog().counts().await.unwrap();
        assert_eq!(counts, Counts { successful: 30, total: 30, ..Counts::default() });
    }
}

/// A catalog as the first release wrote it. The rows are frozen: a later version must read them.
#[tokio::test]
async fn what_a_killed_process_was_rebuilding_is_claimed_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let target = Rebuild::Bundle { experiment: submission(1).id() };
    let lease = SignedDuration::from_mins(10);
    let dead = {
        let catalog = open(folder.path()).catalog();
        catalog.request_rebuild(&target).await.unwrap();
        catalog.claim_rebuild(lease).await.unwrap().unwrap()
    };
    let store = open(folder.path());
    let catalog = store.catalog();
    assert_eq!(catalog.claim_rebuild(lease).await.unwrap(), None, "its lease still runs");
    assert!(store.release_rebuilds().await.unwrap());
    let again = catalog.claim_rebuild(lease).await.unwrap().unwrap();
    assert_eq!((&again.target, again.attempt), (&target, dead.attempt + 1));
    // What kills its process every time is given up.
    assert!(store.release_rebuilds().await.unwrap());
    catalog.claim_rebuild(lease).await.unwrap().unwrap();
    assert!(store.release_rebuilds().await.unwrap());
    assert_eq!(catalog.claim_rebuild(lease).await.unwrap(), None);
    let state = catalog.rebuild(&target).await.unwrap().unwrap().state;
    assert!(matches!(state, RebuildState::Failed { .. }), "{state:?}");
    assert!(!store.release_rebuilds().await.unwrap(), "nothing is under way");
}

#[tokio::test]
async fn a_catalog_of_the_first_schema_opens() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("catalog.sqlite")).unwrap();
    connection.execute_batch(include_str!("../src/schema/1.sql")).unwrap();
    connection.execute_batch(include_str!("older/1.sql")).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let catalog = open(folder.path()).catalog();
    let page = catalog.list(&Query { order: Order::Best, ..Query::default() }).await.unwrap();
    let row = &page.experiments[0];
    assert_eq!((row.number, row.status, row.arm), (1, Status::Successful, Arm::Search));
    let kept = catalog.experiment(&row.id).await.unwrap().unwrap();
    assert_eq!(kept.findings.unwrap().headline.map(|saving| saving.bd_rate), Some(-12.5));
    assert_eq!(catalog.codecs().await.unwrap()[0].experiments, 1);
    assert_eq!(catalog.submit(&experiment(2)).await.unwrap().experiment.number, 2);
    assert!(catalog.put_legacy(&fixtures::legacy(1)).await.unwrap());
    assert_eq!(catalog.list_legacy(None, 10).await.unwrap().total, 1);
}

#[test]
fn a_folder_that_is_none_or_of_a_newer_version_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"no folder").unwrap();
    let refused = EmbeddedStore::open(&file, fixtures::clock()).unwrap_err();
    assert!(matches!(refused, OpenError::Folder { .. }), "{refused:?}");
    assert!(refused.to_string().contains(&file.display().to_string()), "{refused}");

    let newer = folder.path().join("newer");
    drop(open(&newer));
    Connection::open(newer.join("catalog.sqlite")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = EmbeddedStore::open(&newer, fixtures::clock()).unwrap_err();
    assert!(matches!(refused, OpenError::Catalog { .. }), "{refused:?}");

    let torn = folder.path().join("torn");
    drop(open(&torn));
    std::fs::write(torn.join("secret"), b"short").unwrap();
    let refused = EmbeddedStore::open(&torn, fixtures::clock()).unwrap_err();
    assert!(matches!(refused, OpenError::Secret { bytes: 5, .. }), "{refused:?}");

    let garbage = folder.path().join("garbage");
    drop(open(&garbage));
    std::fs::write(
        garbage.join("catalog.sqlite"),
        b"this is not a database, but long enough to look like one",
    )
    .unwrap();
    let refused = EmbeddedStore::open(&garbage, fixtures::clock()).unwrap_err();
    assert!(matches!(refused, OpenError::Catalog { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_row_that_does_not_read_is_said_to_be_damaged_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).catalog();
    let id = catalog.submit(&experiment(1)).await.unwrap().experiment.id;
    let connection = Connection::open(folder.path().join("catalog.sqlite")).unwrap();
    connection.execute("UPDATE documents SET document = substr(document, 1, 100)", []).unwrap();
    match catalog.experiment(&id).await {
        Err(Error::Damaged { what, .. }) => assert_eq!(what, format!("experiment {id}")),
        other => panic!("{other:?}"),
    }
    connection.execute("UPDATE experiments SET summary = '{}'", []).unwrap();
    match catalog.list(&Query::default()).await {
        Err(Error::Damaged { what, .. }) => assert_eq!(what, "the summary of experiment number 1"),
        other => panic!("{other:?}"),
    }
    assert_eq!(catalog.counts().await.unwrap().queued, 1, "the rest still answers");
}

#[tokio::test]
async fn the_sweep_removes_what_has_outlived_its_time_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let clock = fixtures::clock();
    let store = EmbeddedStore::open(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let (catalog, blobs) = (store.catalog(), store.blobs(support::BASE_URL));
    let kept = BlobKey::object(ObjectKind::Source, Digest::of(b"fn main"));
    blobs.put(&kept, Bytes::from_static(b"fn main")).await.unwrap();
    blobs.put(&preview(), Bytes::from_static(b"old")).await.unwrap();
    let keyed = NewExperiment { idempotency_key: Some("key".to_owned()), ..experiment(1) };
    catalog.submit(&keyed).await.unwrap();
    std::fs::write(folder.path().join("incoming/left-behind"), b"half of an upload").unwrap();
    assert_eq!(store.sweep().await.unwrap(), 1, "what was left behind");
    assert_eq!(store.sweep().await.unwrap(), 0);
    clock.advance(RETENTION - SignedDuration::from_secs(1));
    assert_eq!(store.sweep().await.unwrap(), 1, "the key");
    let other = Rebuild::Bundle { experiment: submission(2).id() }.key();
    blobs.put(&other, Bytes::from_static(b"fresh")).await.unwrap();
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(store.sweep().await.unwrap(), 1, "the preview");
    assert!(!folder.path().join("blobs").join(preview().path()).exists());
    assert!(blobs.head(&other).await.unwrap().is_some() && blobs.head(&kept).await.unwrap().is_some());
    blobs.put(&preview(), Bytes::from_static(b"made again")).await.unwrap();
    assert!(blobs.head(&preview()).await.unwrap().is_some(), "its folder is made again as well");
}

#[tokio::test]
async fn an_upload_that_is_under_way_survives_the_sweep_and_one_that_broke_off_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let blobs = store.blobs(support::BASE_URL);
    let incoming = || std::fs::read_dir(folder.path().join("incoming")).unwrap().count();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let chunks = futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    let key = BlobKey::object(ObjectKind::Clip, Digest::of(b"first second"));
    let lifetime = SignedDuration::from_mins(15);
    let link = blobs.upload_link(&key, 12, &Digest::of(b"first second"), lifetime).await.unwrap();
    let request = |body| {
        let path = link.url.strip_prefix(support::BASE_URL).unwrap();
        Request::put(path).header("content-type", key.content_type()).body(body).unwrap()
    };
    let upload = tokio::spawn(store.router().oneshot(request(Body::from_stream(chunks))));
    sender.send(Ok(Bytes::from_static(b"first "))).await.unwrap();
    // Taken from the channel of one only once the upload has its file.
    sender.send(Ok(Bytes::from_static(b"sec"))).await.unwrap();
    assert_eq!(incoming(), 1);
    assert_eq!(store.sweep().await.unwrap(), 0);
    sender.send(Ok(Bytes::from_static(b"ond"))).await.unwrap();
    drop(sender);
    assert_eq!(upload.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(blobs.get(&key, 100).await.unwrap().as_deref(), Some(&b"first second"[..]));
    let broken =
        futures_util::stream::iter([Ok(Bytes::from_static(b"first ")), Err(std::io::Error::other("gone"))]);
    let answer = store.router().oneshot(request(Body::from_stream(broken))).await.unwrap();
    assert_eq!((answer.status(), incoming()), (StatusCode::BAD_REQUEST, 0));
}

#[tokio::test]
async fn paths_from_outside_reach_nothing_but_objects() {
    let backend = support::open().await;
    for path in [
        "../secret",
        "..%2f..%2fsecret",
        "%2e%2e/secret",
        "secret",
        "streams/..%00",
        "//etc/passwd",
        "catalog.sqlite",
    ] {
        let url = format!("{}/blobs/{path}?expires=99999999999&signature=AAAA", support::BASE_URL);
        let request = HttpRequest { method: "GET", url, headers: Vec::new(), body: Bytes::new() };
        let answer = backend.http.send(request).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn imported_experiments_are_listed_and_counted_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let source = open(&folder.path().join("other")).catalog();
    source.submit(&fixtures::experiment_of("sample", 1, Arm::Search)).await.unwrap();
    let work = source.claim(&worker("one")).await.unwrap().unwrap();
    let id = work.experiment.id;
    source.end(&id, &work.holder, &success(&work.experiment.submission, Some(-3.0))).await.unwrap();
    let whole = (source.experiment(&id).await.unwrap().unwrap(), source.record(&id).await.unwrap());
    let catalog = store.catalog();
    catalog.submit(&experiment(7)).await.unwrap();
    assert_eq!(store.import(vec![whole.clone()]).await.unwrap(), 1);
    assert_eq!(store.import(vec![whole.clone()]).await.unwrap(), 0, "it is known already");
    let kept = catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!(kept, aiv1_model::Experiment { number: 2, ..whole.0 });
    assert_eq!(catalog.record(&id).await.unwrap(), whole.1);
    assert_eq!(
        catalog.counts().await.unwrap(),
        Counts { successful: 1, queued: 1, total: 2, ..Counts::default() }
    );
    assert_eq!(catalog.milestones().await.unwrap(), source.milestones().await.unwrap());
}

#[tokio::test]
async fn a_page_of_another_origin_may_read_what_a_link_opens() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (blobs, key) = (store.blobs(""), BlobKey::object(ObjectKind::Stream, Digest::of(b"stream")));
    blobs.put(&key, Bytes::from_static(b"stream")).await.unwrap();
    let options = LinkOptions { lifetime: SignedDuration::from_mins(15), attachment: None };
    let link = blobs.link(&key, &options).await.unwrap();
    let request = Request::get(&link.url).header("origin", "https://elsewhere.example");
    let answer = store.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
}
