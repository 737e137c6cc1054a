//! Links: what they allow, and nothing beside it.

use super::blobs::{preview, stream};
use super::{Backend, Gap, HttpAnswer, HttpRequest};
use crate::{BlobKey, LinkOptions};
use aiv1_model::Digest;
use bytes::Bytes;
use jiff::SignedDuration;

const LIFETIME: SignedDuration = SignedDuration::from_mins(15);
const BYTES: &[u8] = b"0123456789 is what the stream holds";

async fn send(backend: &Backend, method: &'static str, url: &str, headers: &[(&str, &str)]) -> HttpAnswer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    backend.http.send(HttpRequest { method, url: url.to_owned(), headers, body: Bytes::new() }).await
}

async fn stored_link(backend: &Backend, attachment: Option<&str>) -> (BlobKey, String) {
    let key = stream(BYTES);
    backend.blobs.put(&key, Bytes::from_static(BYTES)).await.unwrap();
    let options = LinkOptions { lifetime: LIFETIME, attachment: attachment.map(str::to_owned) };
    let link = backend.blobs.link(&key, &options).await.unwrap();
    assert_eq!(link.expires_at, super::fixtures::START + LIFETIME);
    (key, link.url)
}

/// Whole, in part, and without its body.
pub async fn a_link_reads_an_object_and_its_ranges(backend: Backend) {
    let (key, url) = stored_link(&backend, None).await;
    let whole = send(&backend, "GET", &url, &[]).await;
    assert_eq!((whole.status, &whole.body[..]), (200, BYTES));
    assert_eq!(whole.header("content-type"), Some(key.content_type()));
    assert_eq!(whole.header("cache-control"), Some(key.cache_control()));
    assert_eq!(whole.header("content-length"), Some("35"));
    assert_eq!(whole.header("content-disposition"), None);
    let part = send(&backend, "GET", &url, &[("range", "bytes=4-6")]).await;
    assert_eq!((part.status, &part.body[..]), (206, &b"456"[..]));
    assert_eq!(part.header("content-range"), Some("bytes 4-6/35"));
    assert_eq!(part.header("content-type"), Some(key.content_type()));
    let end = send(&backend, "GET", &url, &[("range", "bytes=-5")]).await;
    assert_eq!((end.status, &end.body[..]), (206, &b"holds"[..]));
    let beyond = send(&backend, "GET", &url, &[("range", "bytes=100-200")]).await;
    assert_eq!(beyond.status, 416);
    let tag = whole.header("etag").unwrap();
    let known = send(&backend, "GET", &url, &[("if-none-match", tag)]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let resumed = send(&backend, "GET", &url, &[("range", "bytes=4-6"), ("if-range", tag)]).await;
    assert_eq!(resumed.status, 206);
    if !backend.gaps.contains(&Gap::IfRange) {
        let changed =
            send(&backend, "GET", &url, &[("range", "bytes=4-6"), ("if-range", "\"another\"")]).await;
        assert_eq!(
            (changed.status, &changed.body[..]),
            (200, BYTES),
            "a part of another version is of no use"
        );
    }
}

/// Whatever the name, it stays inside its header.
pub async fn a_link_saves_under_a_plain_name(backend: Backend) {
    let (_, url) = stored_link(&backend, Some("exp_0123456789abcdef_stream.aiv1")).await;
    let answer = send(&backend, "GET", &url, &[]).await;
    let expected = "attachment; filename=\"exp_0123456789abcdef_stream.aiv1\"";
    assert_eq!(answer.header("content-disposition"), Some(expected));
    let (_, url) = stored_link(&backend, Some("..\\../x\";\r\nset-cookie: a=b&expires=9 é")).await;
    let answer = send(&backend, "GET", &url, &[]).await;
    let given = answer.header("content-disposition").unwrap();
    let name = given.strip_prefix("attachment; filename=\"").unwrap().strip_suffix('"').unwrap();
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{name}");
    assert!(!name.starts_with('.'), "{name}");
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
}

/// Every part of it is signed.
pub async fn a_link_changed_in_any_part_or_expired_is_refused(backend: Backend) {
    let (key, url) = stored_link(&backend, Some("name.aiv1")).await;
    let other = stream(b"another");
    backend.blobs.put(&other, Bytes::from_static(b"another")).await.unwrap();
    let (address, query) = url.split_once('?').unwrap();
    let mut forged = vec![
        address.to_owned(),
        url.replace("name.aiv1", "name.html"),
        url.replace(&key.path(), &other.path()),
        format!("{url}0"),
    ];
    let parts: Vec<_> = query.split('&').collect();
    for (index, part) in parts.iter().enumerate() {
        let names_signature = part.starts_with("X-Amz-Algorithm=") || part.starts_with("X-Amz-Signature=");
        if names_signature && backend.gaps.contains(&Gap::Unsigned) {
            continue;
        }
        let mut without = parts.clone();
        without.remove(index);
        forged.push(format!("{address}?{}", without.join("&")));
        // The last letter of each value, changed to another of its kind.
        let last = part.chars().last().unwrap();
        let changed = format!("{}{}", &part[..part.len() - 1], if last == '3' { '4' } else { '3' });
        let mut with = parts.clone();
        with[index] = &changed;
        forged.push(format!("{address}?{}", with.join("&")));
    }
    for forged in forged {
        let answer = send(&backend, "GET", &forged, &[]).await;
        // 501: it signs by no such algorithm.
        assert!(matches!(answer.status, 400 | 403 | 501), "{}: {forged}", answer.status);
        assert!(!answer.body.starts_with(b"0123"), "{forged}");
    }
    backend.clock.advance(LIFETIME - SignedDuration::from_secs(1));
    assert_eq!(send(&backend, "GET", &url, &[]).await.status, 200);
    backend.clock.advance(SignedDuration::from_secs(1));
    let expired = send(&backend, "GET", &url, &[]).await;
    assert_eq!(expired.status, 403);
    assert!(String::from_utf8_lossy(&expired.body).contains("expired"), "it says why");
}

/// A link can be made to anything; whether it is there shows when it is followed.
pub async fn a_link_to_what_is_absent_or_expired_says_so(backend: Backend) {
    let options = LinkOptions { lifetime: LIFETIME, attachment: None };
    let absent = backend.blobs.link(&stream(b"absent"), &options).await.unwrap();
    assert_eq!(send(&backend, "GET", &absent.url, &[]).await.status, 404);
    backend.blobs.put(&preview(), Bytes::from_static(b"a preview")).await.unwrap();
    let link = backend.blobs.link(&preview(), &options).await.unwrap();
    let shown = send(&backend, "GET", &link.url, &[]).await;
    assert_eq!((shown.status, shown.header("content-type")), (200, Some("video/mp4")));
    backend.clock.advance(SignedDuration::from_hours(8 * 24));
    let link = backend.blobs.link(&preview(), &options).await.unwrap();
    assert_eq!(send(&backend, "GET", &link.url, &[]).await.status, 404);
}

async fn upload(backend: &Backend, url: &str, headers: &[(String, String)], body: &'static [u8]) -> u16 {
    let body = Bytes::from_static(body);
    let request = HttpRequest { method: "PUT", url: url.to_owned(), headers: headers.to_vec(), body };
    backend.http.send(request).await.status
}

/// Size, digest and type as announced; once or again.
pub async fn an_upload_link_takes_exactly_what_it_was_made_for(backend: Backend) {
    let (blobs, key) = (&backend.blobs, stream(BYTES));
    let link = blobs.upload_link(&key, BYTES.len() as u64, &Digest::of(BYTES), LIFETIME).await.unwrap();
    assert_eq!(link.expires_at, super::fixtures::START + LIFETIME);
    let refused: [&[u8]; 4] = [
        b"",
        b"0123456789 is what the stream hold",
        b"0123456789 is what the stream holds!",
        b"0123456789 is what the stream HOLDS",
    ];
    for body in refused {
        let status = upload(&backend, &link.url, &link.headers, body).await;
        assert!((400..500).contains(&status), "{status}");
        assert_eq!(blobs.head(&key).await.unwrap(), None, "nothing of it is kept");
    }
    let other_type = [("content-type".to_owned(), "text/html".to_owned())];
    assert!((400..500).contains(&upload(&backend, &link.url, &other_type, BYTES).await));
    for _ in 0..2 {
        assert!((200..300).contains(&upload(&backend, &link.url, &link.headers, BYTES).await));
        assert_eq!(blobs.get(&key, 100).await.unwrap().as_deref(), Some(BYTES));
    }
    blobs.delete(&key).await.unwrap();
    backend.clock.advance(LIFETIME);
    assert_eq!(upload(&backend, &link.url, &link.headers, BYTES).await, 403, "it has expired");
    assert_eq!(blobs.head(&key).await.unwrap(), None);
}

/// It does not read, and a link for reading does not write.
pub async fn an_upload_link_is_for_nothing_else(backend: Backend) {
    let (key, reading) = stored_link(&backend, None).await;
    let digest = Digest::of(BYTES);
    let link = backend.blobs.upload_link(&key, BYTES.len() as u64, &digest, LIFETIME).await.unwrap();
    assert_eq!(send(&backend, "GET", &link.url, &[]).await.status, 403);
    assert_eq!(upload(&backend, &reading, &link.headers, BYTES).await, 403);
    let elsewhere = link.url.replace(&key.path(), &stream(b"another").path());
    assert_eq!(upload(&backend, &elsewhere, &link.headers, BYTES).await, 403);
    // In the query alone: an address may hold those digits, too.
    let (address, query) = link.url.split_once('?').unwrap();
    let larger = format!("{address}?{}", query.replace("35", "36"));
    assert_eq!(upload(&backend, &larger, &link.headers, b"0123456789 is what the stream holds!").await, 403);
    assert_eq!(backend.blobs.get(&key, 100).await.unwrap().as_deref(), Some(BYTES));
}
