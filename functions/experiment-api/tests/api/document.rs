//! The API's document is held to the code: every documented operation is called, and what comes back is validated.

use crate::open;
use crate::support::{ADMIN, Answer, Bundle, SOURCE, SUBMIT, Site, WORKER, clip_id, record, submission};
use aiv1_model::Status;
use aiv1_store::contract::fixtures;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Path, method and operation of everything documented.
fn operations(document: &Value) -> Vec<(String, Method, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| {
            (path.clone(), method.to_uppercase().parse::<Method>().unwrap(), operation.clone())
        })
    });
    all.collect()
}

fn document() -> Value {
    serde_json::to_value(aiv1_experiment_api::document()).unwrap()
}

/// Validates an answer against what the document says of this operation and status.
fn validate(document: &Value, operation: &Value, answer: &Answer) {
    let id = operation["operationId"].as_str().unwrap();
    let responses = &operation["responses"];
    let described = responses.get(answer.status.to_string()).unwrap_or(&responses["default"]);
    assert!(described.is_object(), "{id}: {} is not documented", answer.status);
    let Some(content) = described.get("content").and_then(Value::as_object) else {
        assert!(answer.body.is_empty(), "{id}: a body that is not documented: {answer:?}");
        return;
    };
    let kind = answer.header("content-type").split(';').next().unwrap();
    let schema = &content.get(kind).unwrap_or_else(|| panic!("{id}: {kind} is not documented"))["schema"];
    if kind == "text/csv" {
        return;
    }
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut() {
        object.insert("components".to_owned(), document["components"].clone());
    }
    let validator = jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{id}: {error}"));
    let body = answer.json();
    let errors: Vec<String> =
        validator.iter_errors(&body).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{id} {}: {errors:#?}\n{body:#}", answer.status);
}

/// A site on which every operation has something to say, and the calls that make it say it.
async fn calls() -> (Site, Vec<(&'static str, Request<Body>)>) {
    let site = open().await;
    let (one, _) = site.publish(&submission(1), Status::Successful).await;
    let (two, _) = site.publish(&submission(2), Status::Successful).await;
    let (failed, _) = site.publish(&submission(3), Status::Failed).await;
    site.submit(&submission(4)).await;
    let (held, holder) = site.claim().await;
    for n in 0..3 {
        site.services.catalog.put_legacy(&fixtures::legacy(n)).await.unwrap();
    }
    let bundle = Bundle::of(record(&held.submission, Status::Successful));
    site.submit(&submission(5)).await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let json =
        |path: &str| Request::get(path).header("accept", "application/json").body(Body::empty()).unwrap();
    let post = |path: &str, token: &str, body: Value| {
        let request = Request::post(path).header("content-type", "application/json");
        request.header("authorization", format!("Bearer {token}")).body(body.to_string().into()).unwrap()
    };
    let of = |path: &str| format!("/api/experiments/{}{path}", one.id);
    let work = |path: &str| format!("/api/work/{}/{path}", held.id);
    let who = |extra: Value| {
        let mut body = json!({ "worker": holder.worker, "attempt": holder.attempt });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let request = json!({ "codec": "mine", "source": SOURCE });
    let phase = json!({ "phase": "validation", "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:01Z",
        "limit_ms": null, "outcome": "completed" });
    let claim = json!({ "worker": crate::support::worker() });
    let audit = json!({ "worker": crate::support::worker(), "at_most_a_day": 4 });
    let none = json!({ "worker": crate::support::worker(), "at_most_a_day": 0 });
    let audited = json!({ "worker": "auditor", "manifest": clip_id(), "outcome": "confirmed", "detail": "" });
    let stream = format!("/streams/{}/16", clip_id());
    let retract = format!("/api/experiments/{}/retract", two.id);
    let purge = format!("/api/experiments/{}/purge", failed.id);
    let calls = vec![
        ("listExperiments", get("/api/experiments")),
        ("listExperiments", get("/api/experiments?limit=0")),
        ("submitExperiment", post("/api/experiments", SUBMIT, request.clone())),
        ("submitExperiment", post("/api/experiments", SUBMIT, request)),
        ("submitExperiment", post("/api/experiments", SUBMIT, json!({}))),
        ("getExperiment", get(&of(""))),
        ("getExperiment", get(&format!("/api/experiments/{}", failed.id))),
        ("getExperiment", get(&format!("/api/experiments/{}", held.id))),
        ("getPoints", get(&of("/points.csv"))),
        ("compareExperiments", get(&format!("/api/compare?ids={},{},{}", one.id, two.id, failed.id))),
        ("listClips", get("/api/clips")),
        ("listCodecs", get("/api/codecs")),
        ("getCodec", get(&format!("/api/codecs/{}", one.submission.source))),
        ("listWorkers", get("/api/workers")),
        ("getLoop", get("/api/loop")),
        ("listLegacy", get("/api/legacy?limit=1")),
        ("listLegacy", get("/api/legacy?cursor=made-up")),
        ("getLegacy", get(&format!("/api/legacy/{}", fixtures::legacy(2).id))),
        ("getLegacy", get("/api/legacy/real_exp_0")),
        ("getDocument", get("/api/openapi.json")),
        ("getVideo", get(&of("/video"))),
        ("makeVideo", post(&of("/video"), "", json!(null))),
        ("getBundle", get(&of("/bundle"))),
        ("makeBundle", post(&of("/bundle"), "", json!(null))),
        ("getDecoder", get(&of("/decoder"))),
        ("getDecoder", json(&of("/decoder"))),
        ("getSource", json(&of("/source"))),
        ("getRecord", json(&of("/record"))),
        ("getManifest", json(&of("/manifest"))),
        ("getStream", json(&of(&stream))),
        ("getFile", json(&of("/files/record.json"))),
        ("getClipFile", json(&format!("/api/clips/{}/file", clip_id()))),
        ("askForUploads", post(&work("uploads"), WORKER, who(json!({ "manifest": bundle.manifest })))),
        ("beat", post(&work("heartbeat"), WORKER, who(json!({ "phase": "execution", "progress": 0.5 })))),
        ("reportPhase", post(&work("phase"), WORKER, who(json!({ "phase": phase })))),
        ("reportResult", post(&work("result"), WORKER, who(json!({ "result": { "ended": "gave_back" } })))),
        ("reportResult", post(&work("result"), WORKER, json!({}))),
        ("claimWork", post("/api/work/claim", WORKER, claim)),
        ("claimAudit", post("/api/audits/claim", WORKER, audit)),
        ("claimAudit", post("/api/audits/claim", WORKER, none)),
        ("reportAudit", post(&format!("/api/audits/{}", one.id), WORKER, audited)),
        ("cancelExperiment", post(&format!("/api/experiments/{}/cancel", held.id), ADMIN, json!(null))),
        ("rerunExperiment", post(&of("/rerun"), ADMIN, json!(null))),
        ("resolveExperiment", post(&of("/resolve"), ADMIN, json!({ "note": "seen to" }))),
        ("retractExperiment", post(&retract, ADMIN, json!({ "reason": "the clip was another" }))),
        ("purgeExperiment", post(&purge, ADMIN, json!({ "reason": "it shows a face" }))),
        ("purgeExperiment", post(&purge, ADMIN, json!({ "reason": " " }))),
        ("getExperiment", get(&format!("/api/experiments/{}", failed.id))),
        ("listExperiments", get("/api/experiments")),
        ("pauseLoop", post("/api/loop/pause", ADMIN, json!(null))),
        ("resumeLoop", post("/api/loop/resume", ADMIN, json!(null))),
        ("stopLoop", post("/api/loop/stop", ADMIN, json!(null))),
        ("getLoop", get("/api/loop")),
        ("listJournal", get("/api/journal")),
        ("listJournal", get("/api/journal?limit=2")),
        ("listJournal", get("/api/journal?cursor=made-up")),
    ];
    (site, calls)
}

#[tokio::test]
async fn every_operation_answers_as_documented() {
    let document = document();
    let operations = operations(&document);
    let (site, calls) = calls().await;
    let called: BTreeSet<&str> = calls.iter().map(|(id, _)| *id).collect();
    let documented: BTreeSet<&str> =
        operations.iter().map(|(_, _, it)| it["operationId"].as_str().unwrap()).collect();
    assert_eq!(called, documented);
    for (id, request) in calls {
        let (_, method, operation) = operations.iter().find(|(_, _, it)| it["operationId"] == id).unwrap();
        assert_eq!(request.method(), method);
        let answer = site.send(request).await;
        assert_ne!(answer.status, 500, "{id}");
        assert_ne!(answer.status, 405, "{id}");
        validate(&document, operation, &answer);
    }
}

#[tokio::test]
async fn every_documented_operation_is_described_and_its_parameters_are() {
    for (path, method, operation) in operations(&document()) {
        assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path}");
        assert!(
            operation["responses"]["default"]["content"]["application/problem+json"].is_object(),
            "{method} {path}"
        );
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in &parameters {
            assert!(
                parameter["description"].is_string() && parameter["schema"].is_object(),
                "{method} {path} {parameter}"
            );
            assert!(parameter["schema"].get("default").is_none(), "{method} {path} {parameter}");
        }
        let names: BTreeSet<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
        let documented: BTreeSet<&str> =
            in_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(documented, names, "{method} {path}");
    }
}

/// An address that the path matches.
fn address(path: &str) -> String {
    let id = crate::support::nobody();
    let path = if path.starts_with("/api/clips/") {
        path.replace("{id}", &clip_id().to_string())
    } else {
        path.to_owned()
    };
    let path = path.replace("{id}", id.as_str()).replace("{clip}", &clip_id().to_string());
    path.replace("{hash}", &clip_id().to_string()).replace("{q}", "16").replace("{path}", "record.json")
}

#[tokio::test]
async fn every_other_method_is_405_with_what_is_allowed() {
    let site = open().await;
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            if item.get(method.to_lowercase()).is_some() {
                continue;
            }
            let answer = site.method(method.parse().unwrap(), &address(path)).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            for documented in item.as_object().unwrap().keys() {
                assert!(
                    answer.header("allow").contains(&documented.to_uppercase()),
                    "{method} {path}: {answer:?}"
                );
            }
            answer.problem();
        }
    }
}

#[tokio::test]
async fn what_needs_a_token_says_so_before_it_reads_anything() {
    let site = open().await;
    let mut guarded = 0;
    for (path, method, operation) in operations(&document()) {
        let needs = operation["security"].as_array().is_some_and(|schemes| schemes[0]["token"].is_array());
        assert_eq!(
            needs,
            method == Method::POST && !path.ends_with("/video") && !path.ends_with("/bundle"),
            "{path}"
        );
        if !needs {
            continue;
        }
        guarded += 1;
        let send = async |token: Option<&str>| {
            let request = Request::builder().method(method.clone()).uri(address(&path));
            let request = match token {
                Some(token) => request.header("authorization", token),
                None => request,
            };
            site.send(request.body("not even JSON".into()).unwrap()).await.status
        };
        for nothing in [None, Some("Bearer"), Some("Bearer wrong"), Some("Basic dTpw")] {
            assert_eq!(send(nothing).await, 401, "{path} {nothing:?}");
        }
        let wrong =
            if path.starts_with("/api/work") || path.starts_with("/api/audits") { SUBMIT } else { WORKER };
        assert_eq!(send(Some(&format!("Bearer {wrong}"))).await, 403, "{path}");
    }
    assert!(guarded >= 10);
}

#[tokio::test]
async fn no_body_and_no_query_makes_an_operation_fail_on_our_side() {
    let site = open().await;
    site.publish(&submission(1), Status::Successful).await;
    let id = submission(1).id();
    let deep = "{\"a\":".repeat(5_000);
    let bodies =
        ["", "null", "[]", "{}", "\"\\ud800\"", "1e999", "{\"worker\":\"w\",\"attempt\":-1}", "\u{0}", &deep];
    let queries = [
        "?",
        "?&&=&",
        "?limit=1e9",
        "?ids=,,,",
        "?clip=%00&q=%ff",
        "?cursor=AAAA",
        "?status[]=failed",
        "?%=%",
    ];
    for (path, method, _) in operations(&document()) {
        let path = address(&path).replace(crate::support::nobody().as_str(), id.as_str());
        for query in queries {
            let answer = site.method(method.clone(), &format!("{path}{query}")).await;
            assert!(answer.status < 500, "{method} {path}{query}: {answer:?}");
        }
        for body in bodies.iter().filter(|_| method == Method::POST) {
            let request = Request::post(&path).header("authorization", format!("Bearer {ADMIN}"));
            let request = request.header("content-type", "application/json");
            let answer = site.send(request.body(Body::from((*body).to_owned())).unwrap()).await;
            assert!(answer.status < 500, "{path} {}: {answer:?}", &body[..body.len().min(40)]);
        }
    }
}

#[tokio::test]
async fn what_has_a_tag_is_documented_to_answer_304() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let legacy = fixtures::legacy(1);
    site.services.catalog.put_legacy(&legacy).await.unwrap();
    for (path, method, operation) in operations(&document()) {
        if method != Method::GET {
            continue;
        }
        let path = path.replace("/legacy/{id}", &format!("/legacy/{}", legacy.id));
        let path = address(&path).replace(crate::support::nobody().as_str(), experiment.id.as_str());
        let path = path
            .replace(&format!("codecs/{}", clip_id()), &format!("codecs/{}", experiment.submission.source));
        let tagged = site.get(&path).await.headers.contains_key("etag");
        let documented = operation["responses"].get("304").is_some();
        assert_eq!(tagged || path == "/api/compare", documented, "{path}");
    }
}

#[tokio::test]
async fn the_document_is_served_as_it_is_generated() {
    let served = open().await.get("/api/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    assert_eq!(served.json(), document());
    assert!(served.json()["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn the_table_of_the_documentation_lists_exactly_the_routes() {
    let text = include_str!("../../../../docs/API.md");
    let rows =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(call, _)| call));
    let written: BTreeSet<String> = rows.filter(|call| call.contains(" /api/")).map(str::to_owned).collect();
    let document = document();
    let routes: BTreeSet<String> =
        operations(&document).into_iter().map(|(path, method, _)| format!("{method} {path}")).collect();
    assert_eq!(written, routes);
}
