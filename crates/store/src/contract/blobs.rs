//! Objects: put, read, replaced, removed, expired.

use super::Backend;
use super::fixtures::{START, clip, submission};
use crate::{BlobKey, Error, ObjectKind, Rebuild};
use aiv1_model::Digest;
use bytes::Bytes;
use jiff::SignedDuration;
use std::sync::Arc;

/// The key of some bytes.
pub(super) fn stream(bytes: &[u8]) -> BlobKey {
    BlobKey::object(ObjectKind::Stream, Digest::of(bytes))
}

/// A preview.
fn video() -> Rebuild {
    Rebuild::Video { experiment: submission(1).id(), clip: clip(0).info.id, quality_index: 24 }
}

/// The key of a preview.
pub(super) fn preview() -> BlobKey {
    video().key()
}

/// All ways in and out carry the same bytes.
pub async fn an_object_is_put_read_downloaded_and_removed(backend: Backend) {
    let blobs = &backend.blobs;
    blobs.ping().await.unwrap();
    // Larger than any buffer on the way, and no multiple of one.
    let large: Bytes = (0..3_000_001_u32).map(|index| (index % 251) as u8).collect::<Vec<_>>().into();
    for (name, bytes) in
        [("empty", Bytes::new()), ("small", Bytes::from_static(b"a stream")), ("large", large)]
    {
        let key = stream(&bytes);
        assert_eq!(blobs.head(&key).await.unwrap(), None);
        assert_eq!(blobs.get(&key, 100).await.unwrap(), None);
        let to = backend.scratch.join(format!("{name}.out"));
        assert_eq!(blobs.download(&key, &to, 100).await.unwrap(), None);
        if name == "small" {
            blobs.put(&key, bytes.clone()).await.unwrap();
        } else {
            let from = backend.scratch.join(name);
            std::fs::write(&from, &bytes).unwrap();
            blobs.put_file(&key, &from).await.unwrap();
        }
        let info = blobs.head(&key).await.unwrap().unwrap();
        assert_eq!((info.bytes, info.stored_at, info.expires_at), (bytes.len() as u64, START, None));
        let most = bytes.len() as u64;
        assert_eq!(blobs.get(&key, most).await.unwrap(), Some(bytes.clone()), "exactly as many as admitted");
        assert_eq!(blobs.download(&key, &to, most).await.unwrap(), Some(most));
        assert_eq!(std::fs::read(&to).unwrap(), bytes);
        blobs.delete(&key).await.unwrap();
        blobs.delete(&key).await.unwrap();
        assert_eq!(blobs.head(&key).await.unwrap(), None);
    }
}

/// A reader says how much it can take, and is told what it would have got.
pub async fn an_object_too_large_to_read_is_refused(backend: Backend) {
    let bytes = Bytes::from_static(b"eleven byte");
    let key = stream(&bytes);
    backend.blobs.put(&key, bytes).await.unwrap();
    let to = backend.scratch.join("never");
    let refused =
        [backend.blobs.get(&key, 10).await.map(drop), backend.blobs.download(&key, &to, 10).await.map(drop)];
    for refused in refused {
        assert!(matches!(refused, Err(Error::TooLarge { bytes: 11, most: 10, .. })), "{refused:?}");
    }
    assert!(!to.exists());
}

/// What is kept under a digest has that digest.
pub async fn bytes_that_are_not_the_key_s_are_refused(backend: Backend) {
    let key = stream(b"what was announced");
    let put = backend.blobs.put(&key, Bytes::from_static(b"something else")).await;
    assert!(matches!(put, Err(Error::Damaged { .. })), "{put:?}");
    let from = backend.scratch.join("file");
    std::fs::write(&from, b"something else").unwrap();
    let put = backend.blobs.put_file(&key, &from).await;
    assert!(matches!(put, Err(Error::Damaged { .. })), "{put:?}");
    assert_eq!(backend.blobs.head(&key).await.unwrap(), None);
    let lifetime = SignedDuration::from_mins(15);
    let link = backend.blobs.upload_link(&key, 14, &Digest::of(b"something else"), lifetime).await;
    assert!(matches!(link, Err(Error::Damaged { .. })), "{link:?}");
}

/// A reader sees the old one or the new one, never a mixture or nothing.
pub async fn an_object_is_replaced_in_one_step(backend: Backend) {
    let (blobs, key) = (&backend.blobs, preview());
    let version = |n: u8| Bytes::from(vec![n; 200_000]);
    blobs.put(&key, version(0)).await.unwrap();
    let reader = {
        let (blobs, key) = (Arc::clone(blobs), key.clone());
        tokio::spawn(async move {
            let (mut last, mut reads) = (0, 0_u64);
            while last < 20 {
                let bytes = blobs.get(&key, 1 << 20).await.unwrap().unwrap();
                assert_eq!(bytes.len(), 200_000);
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a mixture of two versions");
                assert!(bytes[0] >= last, "an old version came back");
                (last, reads) = (bytes[0], reads + 1);
            }
            reads
        })
    };
    for n in 1..=20 {
        blobs.put(&key, version(n)).await.unwrap();
    }
    assert!(reader.await.unwrap() > 0);
}

/// Seven days by the store's clock, from when it was last put; everything else stays.
pub async fn previews_expire_and_objects_do_not(backend: Backend) {
    let blobs = &backend.blobs;
    let (kept, key, bytes) = (stream(b"kept"), preview(), Bytes::from_static(b"a preview"));
    blobs.put(&kept, Bytes::from_static(b"kept")).await.unwrap();
    blobs.put(&key, bytes.clone()).await.unwrap();
    let info = blobs.head(&key).await.unwrap().unwrap();
    let week = SignedDuration::from_hours(7 * 24);
    assert_eq!((info.stored_at, info.expires_at), (START, Some(START + week)));
    backend.clock.advance(week - SignedDuration::from_secs(1));
    assert!(blobs.get(&key, 100).await.unwrap().is_some());
    backend.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(blobs.head(&key).await.unwrap(), None);
    assert_eq!(blobs.get(&key, 100).await.unwrap(), None);
    assert_eq!(blobs.download(&key, &backend.scratch.join("none"), 100).await.unwrap(), None);
    assert!(blobs.head(&kept).await.unwrap().is_some());
    blobs.put(&key, bytes.clone()).await.unwrap();
    assert_eq!(blobs.get(&key, 100).await.unwrap(), Some(bytes), "made again, it is there for another week");
}

/// Bytes that repeat nowhere near.
fn pattern(bytes: u32, seed: u32) -> Bytes {
    (0..bytes)
        .map(|index| (index.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8)
        .collect::<Vec<_>>()
        .into()
}

/// As an MP4 is: samples as they come, the index that belongs before them at the end.
pub async fn an_object_is_written_piece_by_piece_and_its_beginning_last(backend: Backend) {
    let (blobs, key) = (&backend.blobs, preview());
    let mut upload = blobs.begin(&video()).await.unwrap();
    // More than any backend keeps in memory, in pieces that fit no block.
    let pieces: Vec<_> = (0..30).map(|seed| pattern(700_001 + seed, seed)).collect();
    for piece in &pieces {
        upload.append(piece.clone()).await.unwrap();
        assert_eq!(blobs.head(&key).await.unwrap(), None, "nothing is there until it is finished");
    }
    let head = pattern(4_321, 99);
    let whole = [head.to_vec(), pieces.concat()].concat();
    backend.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(upload.finish(head).await.unwrap(), whole.len() as u64);
    let info = blobs.head(&key).await.unwrap().unwrap();
    assert_eq!(info.bytes, whole.len() as u64);
    // A service may date it by its first piece.
    let under_way = START..=START + SignedDuration::from_mins(1);
    assert!(under_way.contains(&info.stored_at), "{}", info.stored_at);
    let found = blobs.get(&key, 1 << 30).await.unwrap().unwrap();
    assert!(found == whole, "other bytes than those that were written");
}

/// However few or small they are.
pub async fn an_object_of_any_pieces_is_the_sum_of_them(backend: Backend) {
    let (blobs, key) = (&backend.blobs, preview());
    let cases: [(&'static [u8], &[&'static [u8]]); 6] = [
        (b"", &[]),
        (b"head alone", &[]),
        (b"", &[b"samples alone"]),
        (b"", &[b"", b""]),
        (b"head", &[b"", b"a", b"", b"bc"]),
        (b"head", &[b"samples"]),
    ];
    for (head, pieces) in cases {
        let mut upload = blobs.begin(&video()).await.unwrap();
        for piece in pieces {
            upload.append(Bytes::from_static(piece)).await.unwrap();
        }
        let whole = [head, &pieces.concat()].concat();
        assert_eq!(upload.finish(Bytes::from_static(head)).await.unwrap(), whole.len() as u64);
        assert_eq!(blobs.get(&key, 100).await.unwrap().unwrap(), whole);
    }
}

/// Given up or forgotten: the key stays as it was.
pub async fn an_upload_that_is_not_finished_leaves_nothing(backend: Backend) {
    let (blobs, key) = (&backend.blobs, preview());
    for stored in [None, Some(Bytes::from_static(b"an older preview"))] {
        if let Some(bytes) = &stored {
            blobs.put(&key, bytes.clone()).await.unwrap();
        }
        let mut given_up = blobs.begin(&video()).await.unwrap();
        given_up.append(pattern(6 << 20, 1)).await.unwrap();
        given_up.abort().await.unwrap();
        blobs.begin(&video()).await.unwrap().abort().await.unwrap();
        let mut forgotten = blobs.begin(&video()).await.unwrap();
        forgotten.append(pattern(6 << 20, 2)).await.unwrap();
        drop(forgotten);
        assert_eq!(blobs.get(&key, 100).await.unwrap(), stored);
    }
}

/// Of two that write at the same time, the last to finish is read, whole.
pub async fn a_finished_upload_replaces_what_was_there_for_another_week(backend: Backend) {
    let (blobs, key) = (&backend.blobs, preview());
    let (mut first, mut second) =
        (blobs.begin(&video()).await.unwrap(), blobs.begin(&video()).await.unwrap());
    first.append(pattern(6 << 20, 1)).await.unwrap();
    second.append(Bytes::from_static(b" second")).await.unwrap();
    first.append(Bytes::from_static(b"end")).await.unwrap();
    assert_eq!(first.finish(Bytes::from_static(b"the first")).await.unwrap(), (6 << 20) + 12);
    backend.clock.advance(SignedDuration::from_hours(24));
    second.finish(Bytes::from_static(b"the")).await.unwrap();
    assert_eq!(blobs.get(&key, 100).await.unwrap().as_deref(), Some(&b"the second"[..]));
    backend.clock.advance(SignedDuration::from_hours(7 * 24) - SignedDuration::from_secs(1));
    assert!(blobs.head(&key).await.unwrap().is_some());
    backend.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(blobs.head(&key).await.unwrap(), None);
}
