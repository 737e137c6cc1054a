//! Objects beyond what every backend promises: what is sent in parts, what is read again when a connection breaks, and for
//! what no link is made.

use crate::support::objects::Server;
use crate::support::open_on;
use crate::support::table::{clients, loader};
use aiv1_model::Digest;
use aiv1_store::contract::{fixtures, links};
use aiv1_store::{BlobKey, Blobs, Error, LinkOptions, ObjectKind, Rebuild, SystemClock};
use aiv1_store_aws::{AwsStore, Config};
use aiv1_test_servers::{Asked, Fault, FaultProxy, Ministack, seeded};
use bytes::Bytes;
use jiff::SignedDuration;
use std::sync::Arc;

const BUCKET: &str = "objects";

/// A bucket behind a proxy that fails by plan.
struct Behind {
    _server: Ministack,
    direct: aws_sdk_s3::Client,
    proxy: FaultProxy,
    blobs: Arc<dyn Blobs>,
}

async fn behind(plan: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) -> Behind {
    let server = Ministack::start();
    let direct = aws_sdk_s3::Client::new(&loader(&server.endpoint()).load().await);
    direct.create_bucket().bucket(BUCKET).send().await.unwrap();
    let proxy = FaultProxy::start(&server.endpoint(), plan);
    let (table, bucket) = ("unused".to_owned(), BUCKET.to_owned());
    let config = Config { table, bucket, rebuild_queue: None, parameters: None };
    let store = AwsStore::open(&clients(&proxy.endpoint()).await, &config, Arc::new(SystemClock));
    Behind { _server: server, direct, proxy, blobs: store.blobs() }
}

/// Fails the first `times` requests that `concerned` names.
fn first(
    mut times: usize,
    fault: Fault,
    concerned: impl Fn(&Asked) -> bool + Send,
) -> impl FnMut(&Asked) -> Option<Fault> + Send {
    move |asked| {
        let fails = times > 0 && concerned(asked);
        times -= usize::from(fails);
        fails.then(|| fault.clone())
    }
}

/// Bytes that repeat nowhere near.
fn pattern(bytes: usize) -> Vec<u8> {
    let words = (1_u64..).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.take(bytes).collect()
}

fn video() -> Rebuild {
    let (experiment, clip) = (fixtures::submission(1).id(), fixtures::clip(0).info.id);
    Rebuild::Video { experiment, clip, quality_index: 24 }
}

/// The server of the contract's suite answers links without a signature; this one does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_changed_in_any_part_or_expired_is_refused_by_another_server_too() {
    let clock = fixtures::clock();
    let server = Server::s3(&clock);
    links::a_link_changed_in_any_part_or_expired_is_refused(open_on(clock, server).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_is_sent_in_parts_and_refused_whole() {
    let behind = behind(|_| None).await;
    let scratch = tempfile::tempdir().unwrap();
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    let bytes = pattern((64 << 20) + 4321);
    std::fs::write(&from, &bytes).unwrap();
    let key = BlobKey::object(ObjectKind::Clip, Digest::of(&bytes));
    behind.blobs.put_file(&key, &from).await.unwrap();
    let parts = behind.proxy.asked().iter().filter(|asked| asked.path.contains("partNumber=")).count();
    assert_eq!(parts, 9);
    assert_eq!(behind.blobs.download(&key, &to, 1 << 30).await.unwrap(), Some(bytes.len() as u64));
    assert!(std::fs::read(&to).unwrap() == bytes, "other bytes than those that were put");

    let other = BlobKey::object(ObjectKind::Clip, Digest::of(b"another clip"));
    let refused = behind.blobs.put_file(&other, &from).await;
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
    assert_eq!(behind.blobs.head(&other).await.unwrap(), None);
    let left = behind.direct.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert!(left.uploads().is_empty(), "{:?}", left.uploads());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_where_the_service_is_slow_and_connections_are_cut() {
    let behind = behind(seeded(11, 0.2, &[Fault::SLOW_DOWN, Fault::CutBefore, Fault::CutAfter])).await;
    let samples = pattern(14 << 20);
    for round in 0..6_u8 {
        let bytes = Bytes::from(vec![round; 10_000]);
        let key = BlobKey::object(ObjectKind::Stream, Digest::of(&bytes));
        assert_eq!(behind.blobs.head(&key).await.unwrap(), None);
        behind.blobs.put(&key, bytes.clone()).await.unwrap();
        assert_eq!(behind.blobs.get(&key, 1 << 20).await.unwrap(), Some(bytes));
        behind.blobs.delete(&key).await.unwrap();
        let mut upload = behind.blobs.begin(&video()).await.unwrap();
        for piece in samples.chunks(3_000_000) {
            upload.append(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        upload.finish(Bytes::from(vec![round; 1000])).await.unwrap();
        let whole = behind.blobs.get(&video().key(), 1 << 30).await.unwrap().unwrap();
        assert!(whole[..1000] == vec![round; 1000] && whole[1000..] == samples, "round {round}");
    }
    let failed = behind.proxy.asked().iter().filter(|asked| asked.fault.is_some()).count();
    assert!(failed >= 10, "only {failed} requests failed: this shows little");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_whose_last_answer_was_lost_is_there_all_the_same() {
    let is_last = |asked: &Asked| asked.method == "POST" && asked.path.contains("uploadId=");
    let behind = behind(first(1, Fault::CutAfter, is_last)).await;
    let mut upload = behind.blobs.begin(&video()).await.unwrap();
    let samples = pattern(15 << 20);
    upload.append(samples.clone().into()).await.unwrap();
    assert_eq!(upload.finish(Bytes::from_static(b"head")).await.unwrap(), samples.len() as u64 + 4);
    let whole = behind.blobs.get(&video().key(), 1 << 30).await.unwrap().unwrap();
    assert!(whole[..4] == *b"head" && whole[4..] == samples);
    assert_eq!(behind.proxy.asked().iter().filter(|asked| is_last(asked)).count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_is_read_again() {
    let reads = |asked: &Asked| asked.method == "GET";
    let behind = behind(first(2, Fault::Truncated, reads)).await;
    let bytes = Bytes::from(pattern(3_000_000));
    let key = BlobKey::object(ObjectKind::Stream, Digest::of(&bytes));
    behind.blobs.put(&key, bytes.clone()).await.unwrap();
    assert_eq!(behind.blobs.get(&key, 1 << 30).await.unwrap(), Some(bytes));
    assert_eq!(behind.proxy.asked().iter().filter(|asked| reads(asked)).count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_an_object_is_an_error_and_never_an_object() {
    let behind = behind(|asked: &Asked| (asked.method == "GET").then_some(Fault::Truncated)).await;
    let scratch = tempfile::tempdir().unwrap();
    let to = scratch.path().join("to");
    let bytes = Bytes::from(pattern(3_000_000));
    let key = BlobKey::object(ObjectKind::Stream, Digest::of(&bytes));
    behind.blobs.put(&key, bytes).await.unwrap();
    assert!(behind.blobs.get(&key, 1 << 30).await.is_err());
    std::fs::write(&to, "what was there").unwrap();
    assert!(behind.blobs.download(&key, &to, 1 << 30).await.is_err());
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "what was there");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "a part of it was left beside");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_is_not_what_its_name_says_is_damaged() {
    let behind = behind(|_| None).await;
    let scratch = tempfile::tempdir().unwrap();
    let (key, to) = (BlobKey::object(ObjectKind::Stream, Digest::of(b"these")), scratch.path().join("to"));
    let put = behind.direct.put_object().bucket(BUCKET).key(key.path());
    put.body(Bytes::from_static(b"those").into()).send().await.unwrap();
    let whole = behind.blobs.get(&key, 100).await;
    assert!(matches!(whole, Err(Error::Damaged { .. })), "{whole:?}");
    assert!(matches!(behind.blobs.download(&key, &to, 100).await, Err(Error::Damaged { .. })));
    assert!(!to.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_an_error_and_not_an_absence() {
    let answer = Fault::Answer {
        status: 403,
        content_type: "application/xml",
        body: "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
    };
    let behind = behind(move |_| Some(answer.clone())).await;
    let key = video().key();
    let scratch = tempfile::tempdir().unwrap();
    assert!(behind.blobs.head(&key).await.is_err());
    assert!(behind.blobs.get(&key, 100).await.is_err());
    assert!(behind.blobs.download(&key, &scratch.path().join("to"), 100).await.is_err());
    assert!(behind.blobs.ping().await.is_err());
    assert_eq!(behind.proxy.asked().len(), 4, "what is refused is not asked for again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_holds_for_a_second_at_least_and_a_week_at_most() {
    let behind = behind(|_| None).await;
    let link = async |lifetime| {
        let options = LinkOptions { lifetime, attachment: None };
        let digest = Digest::of(b"bytes");
        let key = BlobKey::object(ObjectKind::Stream, digest);
        let reading = behind.blobs.link(&key, &options).await.is_ok();
        assert_eq!(behind.blobs.upload_link(&key, 5, &digest, lifetime).await.is_ok(), reading);
        reading
    };
    let week = SignedDuration::from_hours(7 * 24);
    assert!(link(SignedDuration::from_secs(1)).await);
    assert!(link(week).await);
    assert!(!link(week + SignedDuration::from_secs(1)).await);
    assert!(!link(SignedDuration::ZERO).await);
    assert!(!link(SignedDuration::from_secs(-60)).await);
    assert!(!link(SignedDuration::MAX).await);
    assert_eq!(behind.proxy.asked(), [], "a link is made without asking anyone");
}
