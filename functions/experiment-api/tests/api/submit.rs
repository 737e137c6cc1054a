//! Submitting experiments.

use crate::open;
use crate::support::{ADMIN, SOURCE, SUBMIT, Site, WORKER, clip, clip_id, settings};
use aiv1_model::api::ClipEntry;
use aiv1_model::{Digest, Submission};
use aiv1_store::{BlobKey, ObjectKind};
use axum::http::Request;
use serde_json::{Value, json};

const PATH: &str = "/api/experiments";

fn request() -> Value {
    json!({ "codec": "mine", "source": SOURCE, "rationale": "because" })
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut request = request();
    request[name] = value.into();
    request
}

async fn post_with_key(site: &Site, key: &str, body: &Value) -> crate::support::Answer {
    let request = Request::post(PATH).header("authorization", format!("Bearer {SUBMIT}"));
    let request = request.header("content-type", "application/json").header("idempotency-key", key);
    site.send(request.body(body.to_string().into()).unwrap()).await
}

#[tokio::test]
async fn a_submission_is_queued_with_the_lab_s_defaults_and_found_at_its_location() {
    let site = open().await;
    let answer = site.post(PATH, SUBMIT, &request()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let json = answer.json();
    assert_eq!(answer.header("location"), format!("/api/experiments/{}", json["id"].as_str().unwrap()));
    assert_eq!(json["status"], "queued");
    assert_eq!(json["submission"]["clips"], json!([clip_id()]));
    assert_eq!(json["submission"]["settings"], json!(settings()));
    assert_eq!(
        json["origin"],
        json!({ "arm": "person", "rationale": "because", "parent": null, "prediction": null, "cost": null })
    );
    let source = BlobKey::object(ObjectKind::Source, Digest::of(SOURCE.as_bytes()));
    assert_eq!(site.services.blobs.get(&source, 1_000).await.unwrap().unwrap(), SOURCE.as_bytes());
    assert_eq!(site.get(answer.header("location")).await.status, 200);
}

#[tokio::test]
async fn the_same_question_is_answered_with_the_experiment_that_asked_it_first() {
    let site = open().await;
    let first = site.post(PATH, SUBMIT, &request()).await;
    let again = site.post(PATH, SUBMIT, &request()).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(site.get(PATH).await.json()["total"], 1);
}

#[tokio::test]
async fn a_key_makes_a_repetition_harmless_and_another_content_a_conflict() {
    let site = open().await;
    assert_eq!(post_with_key(&site, "k-1", &request()).await.status, 201);
    assert_eq!(post_with_key(&site, "k-1", &request()).await.status, 200);
    let other = post_with_key(&site, "k-1", &with("parameters", json!({ "strength": 2 }))).await;
    assert_eq!(other.status, 409);
    assert!(other.problem().contains("k-1"));
    for wrong in ["", "with space", &"k".repeat(129)] {
        let answer = post_with_key(&site, wrong, &request()).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.problem().contains("1 to 128 visible ASCII"));
    }
}

#[tokio::test]
async fn what_cannot_be_measured_is_refused_by_name_and_nothing_is_queued() {
    let site = open().await;
    let unknown = Digest::of(b"unknown");
    let mut anchors = json!(settings());
    anchors["anchors"] = json!(["x265-medium", "<b>h265</b>"]);
    let mut few = json!(settings());
    few["quality_indices"] = json!([1, 2, 3]);
    let wrong = [
        (with("clips", json!([unknown])), unknown.to_string()),
        (with("clips", json!([])), "number of clips is 0".to_owned()),
        (with("clips", json!([clip_id(), clip_id()])), "twice".to_owned()),
        (with("clips", json!(["abc"])), "64 lower-case hexadecimal digits".to_owned()),
        (with("settings", anchors), "\"<b>h265</b>\", but must name some of x264-medium".to_owned()),
        (with("settings", few), "quality indices is [1, 2, 3]".to_owned()),
        (with("codec", "../mine"), "1 to 40 of [A-Za-z0-9_-]".to_owned()),
        (with("source", ""), "source has 0 bytes".to_owned()),
        (with("source", "x".repeat(1 + Submission::MAX_SOURCE_BYTES as usize)), "262145 bytes".to_owned()),
        (with("rationale", "x".repeat(4_097)), "4097 bytes".to_owned()),
        (with("rationale", "bell \u{7}"), "control character".to_owned()),
        (with("rationale", "no XML \u{ffff}"), "control character".to_owned()),
        (with("parameters", json!({ "x": [1] })), "the body does not fit: parameters.x".to_owned()),
        (with("priority", 1), "unknown field `priority`".to_owned()),
        (json!({ "codec": "mine" }), "missing field `source`".to_owned()),
        (json!([]), "at line 1 column".to_owned()),
    ];
    for (body, said) in wrong {
        let answer = site.post(PATH, SUBMIT, &body).await;
        assert_eq!(answer.status, 422, "{said}");
        assert!(answer.problem().contains(&said), "{said}: {answer:?}");
    }
    assert_eq!(site.get(PATH).await.json()["total"], 0);
}

#[tokio::test]
async fn a_source_of_the_greatest_size_fits_however_it_is_escaped() {
    let site = open().await;
    let source = "\u{1}".repeat(Submission::MAX_SOURCE_BYTES as usize);
    assert_eq!(site.post(PATH, SUBMIT, &with("source", source)).await.status, 201);
}

#[tokio::test]
async fn without_a_clip_in_the_open_set_something_must_be_said() {
    let site = open().await;
    let mut clip = clip();
    "mine".clone_into(&mut clip.set);
    site.services.catalog.put_clip(&clip).await.unwrap();
    assert!(site.post(PATH, SUBMIT, &request()).await.problem().contains("the open set has no clip"));
    assert_eq!(site.post(PATH, SUBMIT, &with("clips", json!([clip_id()]))).await.status, 201);
}

#[tokio::test]
async fn a_worker_s_token_does_not_submit_and_bodies_are_bounded() {
    let site = open().await;
    assert_eq!(site.post(PATH, WORKER, &request()).await.status, 403);
    let nobody = site.post(PATH, "wrong", &request()).await;
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, "Bearer"));
    let huge = site.post(PATH, SUBMIT, &with("source", "x".repeat(3 << 20))).await;
    assert_eq!(huge.status, 413);
    huge.problem();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let request = Request::post(PATH).header("authorization", format!("Bearer {SUBMIT}"));
    let request = request.header("content-type", "application/json");
    let answer = site.send(request.body(deep.into()).unwrap()).await;
    assert!(matches!(answer.status, 400 | 422), "{answer:?}");
}

#[tokio::test]
async fn clips_that_are_held_out_are_asked_for_by_admins_alone_and_their_files_by_nobody() {
    let site = open().await;
    let mut clip = clip();
    ClipEntry::HELD_OUT.clone_into(&mut clip.set);
    site.services.catalog.put_clip(&clip).await.unwrap();
    let named = with("clips", json!([clip_id()]));
    let refused = site.post(PATH, SUBMIT, &named).await;
    assert_eq!(refused.status, 422);
    assert!(refused.problem().contains("held out: only an admin's token"), "{refused:?}");
    let unnamed = site.post(PATH, SUBMIT, &request()).await;
    assert!(unnamed.problem().contains("the open set has no clip"), "{unnamed:?}");
    assert_eq!(site.get(PATH).await.json()["total"], 0);
    assert_eq!(site.post(PATH, ADMIN, &named).await.status, 201);
    let file = site.get(&format!("/api/clips/{}/file", clip_id())).await;
    assert_eq!(file.status, 404);
    assert!(file.problem().contains("given to workers alone"), "{file:?}");
}
