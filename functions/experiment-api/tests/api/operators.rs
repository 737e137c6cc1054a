//! What operators do.

use crate::open;
use crate::support::{ADMIN, Site, WORKER, nobody, submission};
use aiv1_model::Status;
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
async fn an_unknown_experiment_is_neither_cancelled_nor_run_again() {
    let site = open().await;
    for action in ["cancel", "rerun"] {
        assert_eq!(act(&site, &format!("/api/experiments/{}/{action}", nobody())).await.status, 404);
        assert_eq!(act(&site, &format!("/api/experiments/7/{action}")).await.status, 404);
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
