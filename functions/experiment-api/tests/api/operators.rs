//! What operators do.

use crate::open;
use crate::support::{ADMIN, SUBMIT, Site, WORKER, nobody, submission};
use aiv1_model::{Action, JournalEntry, Status};
use axum::http::Method;
use serde_json::json;

async fn act(site: &Site, path: &str) -> crate::support::Answer {
    site.post(path, ADMIN, &json!(null)).await
}

#[tokio::test]
async fn what_is_under_way_is_cancelled_and_its_worker_finds_out() {
    let site = open().await;
    site.submit(&submission(1)).await;
    let (experiment, holder) = site.claim().await;
    let cancelled = act(&site, &format!("/api/experiments/{}/cancel", experiment.id)).await;
    assert_eq!((cancelled.status, cancelled.json()["status"].as_str()), (200, Some("other")));
    let again = act(&site, &format!("/api/experiments/{}/cancel", experiment.id)).await;
    assert_eq!(again.status, 409);
    assert!(again.problem().contains("cannot be"));
    let beat = json!({ "worker": holder.worker, "attempt": holder.attempt, "phase": null, "progress": null });
    assert_eq!(site.post(&format!("/api/work/{}/heartbeat", experiment.id), WORKER, &beat).await.status, 409);
}

#[tokio::test]
async fn what_ended_is_queued_again_and_what_waits_is_not() {
    let site = open().await;
    let (experiment, bundle) = site.publish(&submission(1), Status::Failed).await;
    let path = format!("/api/experiments/{}/rerun", experiment.id);
    let again = act(&site, &path).await.json();
    assert_eq!((again["status"].as_str(), &again["earlier"]), (Some("queued"), &json!([bundle.reference])));
    assert_eq!(act(&site, &path).await.status, 409);
}

#[tokio::test]
async fn an_unknown_experiment_is_left_alone_whatever_is_asked() {
    let site = open().await;
    for (action, body) in [
        ("cancel", json!(null)),
        ("rerun", json!(null)),
        ("resolve", json!({ "note": "seen to" })),
        ("retract", json!({ "reason": "the clip was another" })),
        ("purge", json!({ "reason": "it shows a face" })),
    ] {
        let unknown = format!("/api/experiments/{}/{action}", nobody());
        assert_eq!(site.post(&unknown, ADMIN, &body).await.status, 404);
        assert_eq!(site.post(&format!("/api/experiments/7/{action}"), ADMIN, &body).await.status, 404);
        let wrong = site.method(Method::GET, &format!("/api/experiments/{}/{action}", nobody())).await;
        assert_eq!((wrong.status, wrong.header("allow")), (405, "POST"));
    }
}

#[tokio::test]
async fn the_loop_is_paused_and_resumed() {
    let site = open().await;
    for (action, paused) in [("pause", true), ("pause", true), ("resume", false)] {
        assert_eq!(act(&site, &format!("/api/loop/{action}")).await.json()["paused"], paused);
        assert_eq!(site.get("/api/loop").await.json()["paused"], paused);
    }
}

#[tokio::test]
async fn a_stop_says_when_and_pauses_nothing() {
    let site = open().await;
    let stopped = act(&site, "/api/loop/stop").await.json();
    assert_eq!((&stopped["stopped_at"], &stopped["paused"]), (&json!("2026-01-01T00:00:00Z"), &json!(false)));
    assert_eq!(site.get("/api/loop").await.json()["stopped_at"], stopped["stopped_at"]);
}

#[tokio::test]
async fn what_is_retracted_says_so_wherever_its_numbers_are_and_leaves_the_best() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let (stands, _) = site.publish(&submission(2), Status::Successful).await;
    let body = json!({ "reason": "the clip was another" });
    let path = format!("/api/experiments/{}/retract", experiment.id);
    let retracted = site.post(&path, ADMIN, &body).await.json();
    let expected =
        json!({ "at": "2026-01-01T00:00:00Z", "by": "operator", "reason": "the clip was another" });
    assert_eq!(retracted["retraction"], expected);
    let list = site.get("/api/experiments").await.json()["experiments"].clone();
    assert_eq!((&list[0]["retraction"], &list[1]["retraction"]), (&json!(null), &expected));
    let best = site.get("/api/experiments?order=best").await.json()["experiments"].clone();
    assert_eq!((best.as_array().unwrap().len(), &best[0]["id"]), (1, &json!(stands.id)));
    let compare = format!("/api/compare?ids={},{}", experiment.id, stands.id);
    let compared = site.get(&compare).await.json()["experiments"].clone();
    assert_eq!((&compared[0]["retraction"], &compared[1]["retraction"]), (&expected, &json!(null)));
    for (id, end) in [(&experiment.id, ",2026-01-01T00:00:00Z"), (&stands.id, ",")] {
        let points = site.get(&format!("/api/experiments/{id}/points.csv")).await;
        let points = String::from_utf8(points.body).unwrap();
        assert!(points.lines().next().unwrap().ends_with(",retracted_at"), "{points}");
        assert!(points.lines().skip(1).all(|line| line.ends_with(end)), "{points}");
    }
    let again = site.post(&path, ADMIN, &body).await;
    assert_eq!((again.status, again.problem().contains("it is already")), (409, true));
}

#[tokio::test]
async fn what_is_purged_leads_to_nothing_any_more_and_is_not_asked_again() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let of = |path: &str| format!("/api/experiments/{}{path}", experiment.id);
    assert_eq!(site.get(&of("/record")).await.status, 302);
    let purged = site.post(&of("/purge"), ADMIN, &json!({ "reason": "it shows a face" })).await.json();
    assert_eq!((purged["status"].as_str(), purged["number"].as_u64()), (Some("other"), Some(1)));
    for path in ["/decoder", "/record", "/manifest", "/video", "/bundle", "/files/record.json"] {
        let answer = site.get(&of(path)).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.problem().contains("what came of it was purged"), "{path}: {answer:?}");
    }
    assert_eq!(site.get(&of("")).await.json()["record"], json!(null));
    assert_eq!(site.submit(&submission(1)).await.number, 1);
    assert_eq!(act(&site, &of("/rerun")).await.status, 409);
}

#[tokio::test]
async fn what_waits_for_a_person_is_resolved_once() {
    let site = open().await;
    let id = site.submit(&submission(1)).await.id;
    let flagged = Action::Flagged { reason: "three tries failed".to_owned() };
    site.services.catalog.act(&id, "loop", &flagged).await.unwrap();
    let path = format!("/api/experiments/{id}/resolve");
    let resolved = site.post(&path, ADMIN, &json!({ "note": "seen to" })).await.json();
    let said = &resolved["attention"]["resolved"];
    assert_eq!((&said["by"], &said["note"]), (&json!("operator"), &json!("seen to")));
    assert_eq!(site.post(&path, ADMIN, &json!({ "note": "again" })).await.status, 409);
}

#[tokio::test]
async fn what_an_operator_says_is_bounded_and_plain() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let long = "x".repeat(Action::MAX_TEXT_BYTES + 1);
    for action in ["retract", "purge"] {
        let path = format!("/api/experiments/{}/{action}", experiment.id);
        for (reason, bound) in
            [("", "blank"), (" \n", "blank"), (long.as_str(), "at most 2048"), ("\u{1b}[2J", "plain text")]
        {
            let refused = site.post(&path, ADMIN, &json!({ "reason": reason })).await;
            assert_eq!(refused.status, 422, "{reason:.20}");
            assert!(refused.problem().contains(bound), "{refused:?}");
        }
        assert_eq!(site.post(&path, ADMIN, &json!({})).await.status, 422, "it must be said why");
        let said = json!({ "reason": "the clip was another" });
        assert_eq!(site.post(&path, SUBMIT, &said).await.status, 403);
    }
    assert_eq!(site.get("/api/journal").await.json()["entries"], json!([]));
}

#[tokio::test]
async fn everyone_can_read_what_was_done_page_by_page() {
    let site = open().await;
    let id = site.submit(&submission(1)).await.id;
    act(&site, &format!("/api/experiments/{id}/cancel")).await;
    act(&site, "/api/loop/pause").await;
    act(&site, "/api/loop/stop").await;
    let first = site.get("/api/journal?limit=2").await.json();
    let line = |number: u64, event: &str| json!({ "number": number, "at": "2026-01-01T00:00:00Z", "by": JournalEntry::OPERATOR, "event": event });
    assert_eq!(first["entries"], json!([line(3, "stopped"), line(2, "paused")]));
    let next = format!("/api/journal?limit=2&cursor={}", first["next"].as_str().unwrap());
    let second = site.get(&next).await.json();
    let mut cancelled = line(1, "cancelled");
    cancelled["experiment"] = json!(id);
    assert_eq!(second, json!({ "entries": [cancelled], "next": null }));
    for wrong in ["?limit=0", "?limit=201", "?cursor=made-up", "?offset=1"] {
        assert_eq!(site.get(&format!("/api/journal{wrong}")).await.status, 400, "{wrong}");
    }
}
