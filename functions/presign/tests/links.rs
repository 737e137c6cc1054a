//! Durable addresses against the embedded store: what is handed out, what is made again, what workers may put.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

mod support;

use aiv1_model::api::{Holder, LinkAnswer, UploadsAnswer, UploadsRequest};
use aiv1_model::{Manifest, Status};
use aiv1_presign::RebuildAnswer;
use aiv1_store::{MAX_WAITING_REBUILDS, Rebuild, RebuildState};
use axum::body::Body;
use axum::http::{Method, Request, header};
use jiff::SignedDuration;
use support::{Answer, Bundle, Site, WORKER, clip_id, nobody, record, submission};

async fn open() -> Site {
    Site::open(|services| aiv1_presign::router(services.clone())).await
}

/// Follows a `302`, which must not be kept.
async fn follow(site: &Site, answer: &Answer) -> Answer {
    assert_eq!(answer.status, 302, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    site.get(answer.header("location").strip_prefix("http://lab.test").unwrap()).await
}

#[tokio::test]
async fn every_artefact_is_reached_by_its_durable_address_under_a_good_name() {
    let site = open().await;
    let (experiment, bundle) = site.publish(&submission(1), Status::Successful).await;
    let id = experiment.id.as_str();
    let stream = &bundle.record.points[1].stream;
    let clip = clip_id();
    let expected = [
        ("decoder".to_owned(), "codec/decoder.wasm", format!("{id}_decoder.wasm")),
        ("source".to_owned(), "codec/mine.rs", format!("{id}_codec.rs")),
        ("record".to_owned(), "record.json", format!("{id}_record.json")),
        ("manifest".to_owned(), "manifest.json", format!("{id}_manifest.json")),
        (
            format!("streams/{clip}/24"),
            stream.path.as_str(),
            format!("{id}_{}.aiv1", stream.sha256.abbreviated()),
        ),
    ];
    for (path, file, name) in expected {
        let got = follow(&site, &site.get(&format!("/api/experiments/{id}/{path}")).await).await;
        let bytes = &bundle.files.iter().find(|(path, _)| path == file).unwrap().1;
        assert_eq!(&got.body, bytes, "{path}");
        assert!(got.header("content-disposition").contains(&name), "{path}: {got:?}");
    }
}

#[tokio::test]
async fn every_file_of_a_bundle_is_reached_by_its_path_and_nothing_else_is() {
    let site = open().await;
    let (experiment, bundle) = site.publish(&submission(1), Status::Successful).await;
    let address = |path: &str| format!("/api/experiments/{}/files/{path}", experiment.id);
    for (path, bytes) in &bundle.files {
        assert_eq!(&follow(&site, &site.get(&address(path)).await).await.body, bytes, "{path}");
    }
    for path in [
        "../../secret",
        "%2e%2e%2f%2e%2e%2fsecret",
        "codec/other.rs",
        "record.json%00",
        "catalog.sqlite",
        "%ff",
    ] {
        let answer = site.get(&address(path)).await;
        assert_eq!(answer.status, 404, "{path}");
        answer.problem();
    }
}

#[tokio::test]
async fn a_program_gets_the_link_as_json() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let path = format!("/api/experiments/{}/source", experiment.id);
    let answer = site.get_with(&path, "accept", "text/html;q=0.5, application/json").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let link: LinkAnswer = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(link.expires_at, site.services.clock.now() + aiv1_presign::LIFETIME);
    assert_eq!(site.get(link.url.strip_prefix("http://lab.test").unwrap()).await.status, 200);
    site.clock.advance(aiv1_presign::LIFETIME + SignedDuration::from_secs(1));
    assert_eq!(site.get(link.url.strip_prefix("http://lab.test").unwrap()).await.status, 403);
}

#[tokio::test]
async fn what_failed_has_its_evidence_and_says_what_it_has_not() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Failed).await;
    let address = |path: &str| format!("/api/experiments/{}/{path}", experiment.id);
    for path in ["source", "record", "manifest", "files/record.json"] {
        assert_eq!(follow(&site, &site.get(&address(path)).await).await.status, 200, "{path}");
    }
    assert!(site.get(&address("decoder")).await.problem().contains("no decoder"));
    assert!(site.get(&address("video")).await.problem().contains("no streams"));
    assert_eq!(site.get(&address("bundle")).await.status, 202);
}

#[tokio::test]
async fn what_is_not_published_yet_says_where_it_stands() {
    let site = open().await;
    let experiment = site.submit(&submission(1)).await;
    for path in ["decoder", "record", "manifest", "video", "bundle", "files/record.json"] {
        let answer = site.get(&format!("/api/experiments/{}/{path}", experiment.id)).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.problem().contains("it waits for a worker"), "{path}");
    }
}

#[tokio::test]
async fn an_id_is_checked_before_anything_else_and_an_unknown_one_is_not_found() {
    let site = open().await;
    for path in ["decoder", "source", "record", "manifest", "video", "bundle", "files/x", "streams/x/1"] {
        for wrong in ["1", "exp_../etc/passwd0000", "exp_ABCDEF0123456789", "%00", "exp_'; DROP TABLE"] {
            let wrong = wrong.replace('/', "%2f").replace(' ', "%20");
            let answer = site.get(&format!("/api/experiments/{wrong}/{path}")).await;
            assert_eq!(answer.status, 404, "{wrong} {path}");
            assert!(answer.problem().contains("16 lower-case hexadecimal digits"), "{answer:?}");
        }
        if path != "streams/x/1" {
            assert!(
                site.get(&format!("/api/experiments/{}/{path}", nobody()))
                    .await
                    .problem()
                    .contains("no experiment")
            );
        }
    }
    let answer = site.get(&format!("/api/experiments/{}/streams/{}/999", nobody(), clip_id())).await;
    assert_eq!(answer.status, 404);
    let answer = site.get("/api/clips/xyz/file").await;
    assert!(answer.problem().contains("64 lower-case hexadecimal digits"), "{answer:?}");
}

#[tokio::test]
async fn a_clip_s_file_is_saved_under_a_name_of_ours() {
    let site = open().await;
    let answer = follow(&site, &site.get(&format!("/api/clips/{}/file", clip_id())).await).await;
    assert_eq!(answer.body, b"the clip's file");
    assert!(answer.header("content-disposition").contains(&format!("clip_{}.mkv", clip_id().abbreviated())));
}

#[tokio::test]
async fn an_expired_video_is_asked_for_once_made_and_then_played() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let address = format!("/api/experiments/{}/video", experiment.id);
    let target = Rebuild::Video { experiment: experiment.id.clone(), clip: clip_id(), quality_index: 32 };
    for _ in 0..5 {
        let answer = site.get(&address).await;
        assert_eq!((answer.status, answer.header("retry-after")), (202, "1"));
        assert_eq!(answer.header("location"), format!("{address}?clip={}&q=32", clip_id()));
        let answer: RebuildAnswer = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.state, RebuildState::Queued);
    }
    let lease = SignedDuration::from_mins(10);
    let claim = site.services.catalog.claim_rebuild(lease).await.unwrap().unwrap();
    assert_eq!(claim.target, target);
    assert_eq!(site.services.catalog.claim_rebuild(lease).await.unwrap(), None);
    assert_eq!(site.get(&address).await.json()["state"], "running");
    site.services.blobs.put(&target.key(), "an mp4".into()).await.unwrap();
    site.services.catalog.end_rebuild(&claim, &Ok(())).await.unwrap();
    let played = follow(&site, &site.get(&address).await).await;
    assert_eq!((played.body.as_slice(), played.header("content-type")), (&b"an mp4"[..], "video/mp4"));
    assert!(!played.header("content-disposition").contains("attachment"));
    let saved = follow(&site, &site.get(&format!("{address}?q=&clip=&download=true")).await).await;
    assert!(saved.header("content-disposition").contains("_q32_video.mp4"), "{saved:?}");
    site.clock.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(site.get(&address).await.json()["state"], "queued");
}

#[tokio::test]
async fn whoever_only_looks_has_nothing_made() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let video = Rebuild::Video { experiment: experiment.id.clone(), clip: clip_id(), quality_index: 32 };
    let bundle = Rebuild::Bundle { experiment: experiment.id.clone() };
    for (name, target) in [("video", video), ("bundle", bundle)] {
        let address = format!("/api/experiments/{}/{name}", experiment.id);
        let looked = site.method(Method::HEAD, &address).await;
        assert_eq!((looked.status, looked.header("retry-after"), looked.body.len()), (202, "1", 0));
        assert_eq!(site.services.catalog.rebuild(&target).await.unwrap(), None, "{name} was asked for");
        // The headers are those of a `GET`.
        let asked = site.get(&address).await;
        assert_eq!(
            (asked.status, asked.header("location"), asked.header("cache-control")),
            (202, looked.header("location"), looked.header("cache-control"))
        );
        let asked_at = site.services.catalog.rebuild(&target).await.unwrap().unwrap().requested_at;
        site.clock.advance(SignedDuration::from_mins(1));
        site.method(Method::HEAD, &address).await;
        let status = site.services.catalog.rebuild(&target).await.unwrap().unwrap();
        assert_eq!(status.requested_at, asked_at, "looking is not asking");
        site.get(&address).await;
        let status = site.services.catalog.rebuild(&target).await.unwrap().unwrap();
        assert!(status.requested_at > asked_at, "consumers hear of it once more");
    }
}

#[tokio::test]
async fn a_rebuild_that_failed_says_why_and_is_tried_again_only_when_asked() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let address = format!("/api/experiments/{}/video?q=16", experiment.id);
    assert_eq!(site.get(&address).await.status, 202);
    let claim = site.services.catalog.claim_rebuild(SignedDuration::from_mins(10)).await.unwrap().unwrap();
    site.services.catalog.end_rebuild(&claim, &Err("the disk is full".to_owned())).await.unwrap();
    for _ in 0..2 {
        let answer = site.get(&address).await;
        assert_eq!(answer.status, 502);
        assert!(answer.problem().contains("the disk is full"));
    }
    let asked = site.method(Method::POST, &address).await;
    assert_eq!((asked.status, asked.json()["state"].as_str().unwrap()), (202, "queued"));
    assert_eq!(site.get(&address).await.status, 202);
}

#[tokio::test]
async fn a_flood_of_rebuilds_is_told_to_wait_and_what_is_there_is_still_handed_out() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let (video, bundle) = (
        format!("/api/experiments/{}/video", experiment.id),
        format!("/api/experiments/{}/bundle", experiment.id),
    );
    assert_eq!(site.get(&bundle).await.status, 202);
    for number in 2..=MAX_WAITING_REBUILDS as i32 {
        let other = Rebuild::Bundle { experiment: submission(number).id() };
        site.services.catalog.request_rebuild(&other).await.unwrap();
    }
    for answer in [site.get(&video).await, site.method(Method::POST, &video).await] {
        assert_eq!((answer.status, answer.header("retry-after")), (429, "30"));
        assert!(answer.problem().contains(&format!("at most {MAX_WAITING_REBUILDS} may")), "{answer:?}");
    }
    assert_eq!(site.get(&bundle).await.status, 202, "what is under way is not refused");
    let target = Rebuild::Video { experiment: experiment.id.clone(), clip: clip_id(), quality_index: 32 };
    site.services.blobs.put(&target.key(), "an mp4".into()).await.unwrap();
    assert_eq!(follow(&site, &site.get(&video).await).await.body, b"an mp4");
}

#[tokio::test]
async fn asking_for_what_is_there_is_answered_so() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let target = Rebuild::Bundle { experiment: experiment.id.clone() };
    let address = format!("/api/experiments/{}/bundle", experiment.id);
    let first = site.method(Method::POST, &address).await;
    assert_eq!((first.status, first.header("location")), (202, address.as_str()));
    assert_eq!(site.method(Method::POST, &address).await.status, 202);
    site.services.blobs.put(&target.key(), "a tar".into()).await.unwrap();
    let there = site.method(Method::POST, &address).await;
    assert_eq!((there.status, there.json()["state"].as_str().unwrap()), (200, "done"));
    let got = follow(&site, &site.get(&address).await).await;
    assert_eq!((got.body.as_slice(), got.header("content-type")), (&b"a tar"[..], "application/x-tar"));
    assert!(got.header("content-disposition").contains("_bundle.tar"));
}

#[tokio::test]
async fn a_preview_of_what_was_not_measured_is_not_found_and_says_what_was() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let get =
        async |query: &str| site.get(&format!("/api/experiments/{}/video?{query}", experiment.id)).await;
    assert!(get("q=17").await.problem().contains("[16, 24, 32, 40]"));
    assert_eq!(get("q=17").await.status, 404);
    let other = aiv1_model::Digest::of(b"other");
    assert!(get(&format!("clip={other}")).await.problem().contains("was not measured on clip"));
    assert_eq!(get("clip=%3Cscript%3E").await.status, 400);
    assert_eq!(get("q=256").await.status, 400);
    assert!(get("quality=16").await.problem().contains("unknown field `quality`"));
}

#[tokio::test]
async fn a_wrong_method_is_told_which_are_right() {
    let site = open().await;
    let answer = site.method(Method::DELETE, &format!("/api/experiments/{}/video", nobody())).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET,HEAD,POST"));
    assert!(answer.problem().contains("does not take DELETE"));
    assert_eq!(site.method(Method::PUT, &format!("/api/work/{}/uploads", nobody())).await.status, 405);
}

#[tokio::test]
async fn other_origins_may_read_and_nothing_more() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let address = format!("/api/experiments/{}/video", experiment.id);
    let read = site.get_with(&address, "origin", "https://elsewhere.test").await;
    assert_eq!(read.header("access-control-allow-origin"), "*");
    assert_eq!(read.header("access-control-allow-credentials"), "");
    assert_eq!(site.method(Method::POST, &address).await.header("access-control-allow-origin"), "");
    let preflight = Request::options(&address).header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
    let preflight = site.send(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-methods")), (204, "GET, HEAD"));
    assert!(!preflight.header("access-control-allow-headers").contains("authorization"));
}

async fn claimed(site: &Site) -> (String, Bundle, Holder) {
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let bundle = Bundle::of(record(&experiment.submission, Status::Successful));
    (format!("/api/work/{}/uploads", experiment.id), bundle, holder)
}

#[tokio::test]
async fn a_worker_puts_exactly_what_is_missing_and_nothing_twice() {
    let site = open().await;
    let (address, bundle, holder) = claimed(&site).await;
    let request = UploadsRequest { holder, manifest: bundle.manifest.clone() };
    let answer: UploadsAnswer =
        serde_json::from_slice(&site.post(&address, WORKER, &request).await.body).unwrap();
    let paths: Vec<&str> = answer.uploads.iter().map(|upload| upload.path.as_str()).collect();
    let mut expected: Vec<&str> = bundle.files.iter().map(|(path, _)| path.as_str()).collect();
    // The source came with the submission.
    expected.retain(|path| *path != "codec/mine.rs");
    assert_eq!(paths, expected);
    for upload in &answer.uploads {
        let bytes = &bundle.files.iter().find(|(path, _)| *path == upload.path).unwrap().1;
        let put = |bytes: Vec<u8>| {
            let mut request = Request::put(upload.url.strip_prefix("http://lab.test").unwrap());
            for (name, value) in &upload.headers {
                request = request.header(name, value);
            }
            if !upload.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
                request = request.header(header::CONTENT_LENGTH, bytes.len());
            }
            site.send(request.body(bytes.into()).unwrap())
        };
        let other = vec![0x55; bytes.len()];
        assert!(put(other).await.status >= 400, "{}", upload.path);
        let answer = put(bytes.clone()).await;
        assert!(answer.status < 300, "{}: {answer:?}", upload.path);
    }
    let again = site.post(&address, WORKER, &request).await;
    assert_eq!(again.json()["uploads"], serde_json::json!([]));
}

#[tokio::test]
async fn only_who_holds_the_work_may_upload() {
    let site = open().await;
    let (address, bundle, holder) = claimed(&site).await;
    let request = |holder: Holder| UploadsRequest { holder, manifest: bundle.manifest.clone() };
    let late = Holder { attempt: holder.attempt + 1, ..holder.clone() };
    let stranger = Holder { worker: "<b>w2</b>".to_owned(), ..holder.clone() };
    for wrong in [late, stranger] {
        let answer = site.post(&address, WORKER, &request(wrong)).await;
        assert_eq!(answer.status, 409);
        assert!(answer.problem().contains("is not held by"));
    }
    assert_eq!(site.post(&address, "unknown", &request(holder.clone())).await.status, 401);
    assert_eq!(site.post(&address, support::SUBMIT, &request(holder.clone())).await.status, 403);
    assert_eq!(
        site.post(&format!("/api/work/{}/uploads", nobody()), WORKER, &request(holder)).await.status,
        404
    );
}

#[tokio::test]
async fn a_manifest_that_no_bundle_could_have_is_refused_by_name() {
    let site = open().await;
    let (address, bundle, holder) = claimed(&site).await;
    let refuse = async |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = bundle.manifest.clone();
        change(&mut manifest);
        let answer = site.post(&address, WORKER, &UploadsRequest { holder: holder.clone(), manifest }).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        answer.problem()
    };
    assert!(refuse(&|it| it.format = "zip".to_owned()).await.contains("manifest.format"));
    assert!(refuse(&|it| it.files.clear()).await.contains("0 entries"));
    assert!(refuse(&|it| it.files.swap(0, 1)).await.contains("not sorted"));
    let entry = bundle.manifest.files[0].clone();
    let many =
        (0..2_001).map(|n| aiv1_model::ManifestEntry { path: format!("clips/{n:05}"), ..entry.clone() });
    let many: Vec<_> = many.collect();
    assert!(refuse(&|it| it.files.clone_from(&many)).await.contains("2001 entries"));
    for path in
        ["../x", "codec/../../x.rs", "/codec/x.rs", "codec/a b.rs", "other/x", "manifest.json", "clips/\u{0}"]
    {
        let change = |it: &mut Manifest| {
            it.files = vec![aiv1_model::ManifestEntry { path: path.to_owned(), ..entry.clone() }];
        };
        assert!(refuse(&change).await.contains("no path") || path == "manifest.json", "{path}");
    }
    let large = |it: &mut Manifest| it.files.last_mut().unwrap().bytes = u64::MAX;
    assert!(refuse(&large).await.contains("18446744073709551615 bytes"));
}

#[tokio::test]
async fn a_body_that_does_not_read_is_refused_before_it_is_kept() {
    let site = open().await;
    let (address, _, _) = claimed(&site).await;
    let send = async |kind: &str, body: Vec<u8>| {
        let request = Request::post(&address).header("authorization", format!("Bearer {WORKER}"));
        site.send(request.header("content-type", kind).body(body.into()).unwrap()).await
    };
    let malformed = send("application/json", b"{\"worker\": nope}".to_vec()).await;
    assert_eq!(malformed.status, 400);
    assert!(malformed.problem().contains("line 1 column"), "{malformed:?}");
    assert_eq!(send("text/plain", b"{}".to_vec()).await.status, 415);
    assert_eq!(send("application/json", b"{}".to_vec()).await.status, 422);
    let huge = send("application/json", vec![b' '; aiv1_web::MAX_JSON_BYTES + 1]).await;
    assert_eq!(huge.status, 413);
    assert!(huge.problem().contains(&aiv1_web::MAX_JSON_BYTES.to_string()));
}
