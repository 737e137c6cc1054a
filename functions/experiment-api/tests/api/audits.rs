//! Published experiments that workers derive again.

use crate::open;
use crate::support::{ADMIN, Site, WORKER, clip_id, submission, worker};
use aiv1_model::api::WorkerInfo;
use aiv1_model::{ExperimentId, Status};
use serde_json::{Value, json};

const CLAIM: &str = "/api/audits/claim";

async fn ask(site: &Site, worker: &WorkerInfo, at_most_a_day: u32) -> crate::support::Answer {
    site.post(CLAIM, WORKER, &json!({ "worker": worker, "at_most_a_day": at_most_a_day })).await
}

fn report(manifest: &Value, outcome: &str) -> Value {
    json!({ "worker": "auditor", "manifest": manifest, "outcome": outcome, "detail": "points[0].bitrate" })
}

/// The digest of the published manifest.
async fn manifest(site: &Site, id: &ExperimentId) -> Value {
    site.get(&format!("/api/experiments/{id}")).await.json()["bundle"]["manifest"].clone()
}

#[tokio::test]
async fn what_stands_published_is_handed_out_until_there_were_enough_today() {
    let site = open().await;
    let me = WorkerInfo { name: "auditor".to_owned(), ..worker() };
    assert_eq!(ask(&site, &me, 2).await.status, 204, "there is nothing yet");
    let (failed, _) = site.publish(&submission(1), Status::Failed).await;
    assert_eq!(ask(&site, &me, 2).await.status, 204, "what failed has no figures");
    let mut left = Vec::new();
    for n in 2..5 {
        left.push(site.publish(&submission(n), Status::Successful).await.0.id.to_string());
    }
    for _ in 0..2 {
        let audit = ask(&site, &me, 2).await.json();
        let id = audit["id"].as_str().unwrap().to_owned();
        assert!(left.contains(&id), "not twice on one day, and never {}: {id}", failed.id);
        left.retain(|one| *one != id);
        assert_eq!(audit["clips"][0]["info"]["id"], json!(clip_id()));
        assert!(audit["clips"][0]["url"].as_str().is_some_and(|url| !url.is_empty()));
        let report = report(&audit["manifest"], "confirmed");
        let verified = site.post(&format!("/api/audits/{id}"), WORKER, &report).await.json();
        assert_eq!((&verified["verified"]["by"], &verified["retraction"]), (&json!("auditor"), &json!(null)));
    }
    assert_eq!(ask(&site, &me, 2).await.status, 204, "two were enough");
    assert_eq!(ask(&site, &me, 3).await.json()["id"], json!(left[0]));
}

#[tokio::test]
async fn another_worker_than_the_one_that_measured_it_is_asked_where_there_is_one() {
    let site = open().await;
    site.publish(&submission(1), Status::Successful).await;
    assert_eq!(ask(&site, &worker(), 9).await.status, 200, "nobody else is there");
    let other = WorkerInfo { name: "other".to_owned(), ..worker() };
    site.services.catalog.claim(&other).await.unwrap();
    assert_eq!(ask(&site, &worker(), 9).await.status, 204);
    assert_eq!(ask(&site, &other, 9).await.status, 200);
}

#[tokio::test]
async fn what_differs_is_retracted_everywhere_and_handed_out_no_more() {
    let site = open().await;
    let (published, _) = site.publish(&submission(1), Status::Successful).await;
    let path = format!("/api/audits/{}", published.id);
    let manifest = manifest(&site, &published.id).await;
    let differs = site.post(&path, WORKER, &report(&manifest, "differs")).await.json();
    assert_eq!(differs["retraction"]["by"], "auditor");
    assert!(differs["retraction"]["reason"].as_str().unwrap().contains("points[0].bitrate"));
    assert!(!differs["findings"].is_null(), "it stays readable");
    let list = site.get("/api/experiments").await.json();
    assert_eq!(list["experiments"][0]["retraction"]["by"], "auditor");
    let best = site.get("/api/experiments?order=best").await.json();
    assert_eq!(best["experiments"], json!([]));
    let me = WorkerInfo { name: "auditor".to_owned(), ..worker() };
    assert_eq!(ask(&site, &me, 9).await.status, 204);
    let journal = site.get("/api/journal").await.json();
    assert_eq!(
        (&journal["entries"][0]["event"], &journal["entries"][0]["by"]),
        (&json!("verified"), &json!("auditor"))
    );
}

#[tokio::test]
async fn reports_that_make_no_sense_are_refused_with_the_bound() {
    let site = open().await;
    let (published, _) = site.publish(&submission(1), Status::Successful).await;
    site.submit(&submission(2)).await;
    let path = format!("/api/audits/{}", published.id);
    let manifest = manifest(&site, &published.id).await;
    let said = |worker: &str, detail: String| json!({ "worker": worker, "manifest": manifest, "outcome": "confirmed", "detail": detail });
    for (body, reason) in [
        (said("a b", String::new()), "1 to 64 of"),
        // Who that is in the journal is not for a worker to say.
        (said("operator", String::new()), "1 to 64 of"),
        (said("auditor", "x".repeat(3_000)), "must have at most 2048"),
    ] {
        let answer = site.post(&path, WORKER, &body).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(answer.problem().contains(reason), "{answer:?}");
    }
    let confirmed = report(&manifest, "confirmed");
    let waits = format!("/api/audits/{}", submission(2).id());
    assert_eq!(site.post(&waits, WORKER, &confirmed).await.status, 409, "it has no result");
    let another = report(&json!(clip_id()), "differs");
    let answer = site.post(&path, WORKER, &another).await;
    assert!(
        answer.status == 409 && answer.problem().contains("is not the one that is published"),
        "{answer:?}"
    );
    assert_eq!(site.post(&path, ADMIN, &confirmed).await.status, 200);
    let again = site.post(&path, WORKER, &report(&manifest, "differs")).await;
    assert!(again.status == 409 && again.problem().contains("derived again today"), "{again:?}");
    let answer = site.get(&format!("/api/experiments/{}", published.id)).await.json();
    assert_eq!((&answer["verified"]["times"], &answer["retraction"]), (&json!(1), &json!(null)));
}

#[tokio::test]
async fn a_worker_s_word_for_its_own_work_counts_only_where_there_is_no_other() {
    let site = open().await;
    let (published, _) = site.publish(&submission(1), Status::Successful).await;
    let path = format!("/api/audits/{}", published.id);
    let own = json!({ "worker": worker().name, "manifest": manifest(&site, &published.id).await,
        "outcome": "confirmed", "detail": "" });
    let other = WorkerInfo { name: "other".to_owned(), ..worker() };
    site.services.catalog.claim(&other).await.unwrap();
    let refused = site.post(&path, WORKER, &own).await;
    assert!(refused.status == 409 && refused.problem().contains("another worker"), "{refused:?}");
}

#[tokio::test]
async fn a_report_about_what_was_run_again_since_is_refused() {
    let site = open().await;
    let (published, _) = site.publish(&submission(1), Status::Successful).await;
    let stale = report(&manifest(&site, &published.id).await, "differs");
    site.post(&format!("/api/experiments/{}/rerun", published.id), ADMIN, &json!(null)).await;
    let refused = site.post(&format!("/api/audits/{}", published.id), WORKER, &stale).await;
    assert_eq!(refused.status, 409, "{refused:?}");
}
