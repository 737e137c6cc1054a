//! What everybody may read.

use crate::open;
use crate::support::{HOSTILE, Site, clip_id, nobody, submission, worker};
use aiv1_experiment_api::{CompareAnswer, LegacyList};
use aiv1_model::api::{ExperimentAnswer, ExperimentList};
use aiv1_model::{Digest, LegacyExperiment, Status};
use aiv1_store::contract::fixtures;
use axum::http::Method;

async fn list(site: &Site, query: &str) -> ExperimentList {
    let answer = site.get(&format!("/api/experiments?{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn the_earlier_system_s_counts_are_where_they_were() {
    let site = open().await;
    site.publish(&submission(1), Status::Successful).await;
    site.publish(&submission(2), Status::Failed).await;
    site.submit(&submission(3)).await;
    site.claim().await;
    site.submit(&submission(4)).await;
    let json = site.get("/api/experiments").await.json();
    for (name, count) in
        [("successful", 1), ("in_progress", 1), ("failed", 1), ("queued", 1), ("other", 0), ("total", 4)]
    {
        assert_eq!(json[name], count, "{name}");
    }
    assert_eq!(json["experiments"].as_array().unwrap().len(), 4);
    assert_eq!(json["next"], serde_json::Value::Null);
}

#[tokio::test]
async fn pages_follow_each_other_and_filters_hold() {
    let site = open().await;
    for n in 1..=7 {
        site.submit(&submission(n)).await;
    }
    let (mut cursor, mut numbers) = (String::new(), Vec::new());
    loop {
        let page =
            list(&site, &format!("order=oldest&limit=3&status=&codec=&arm=person&cursor={cursor}")).await;
        numbers.extend(page.experiments.iter().map(|one| one.number));
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(list(&site, "status=successful").await.experiments, []);
    assert_eq!(list(&site, &format!("codec={}", Digest::of(b"other"))).await.experiments, []);
    assert_eq!(list(&site, &format!("codec={}&limit=200", submission(1).source)).await.experiments.len(), 7);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused_with_its_bound() {
    let site = open().await;
    let wrong = [
        ("limit=0", "1 to 200"),
        ("limit=201", "1 to 200"),
        ("limit=-1", "the query does not read: limit: \"-1\" does not fit: invalid digit"),
        ("status=done", "in_progress"),
        ("order=worst", "newest"),
        ("codec=abc", "64 lower-case hexadecimal digits"),
        ("cursor=hostile%00", "is not one of this list"),
        ("stauts=failed", "unknown field `stauts`"),
        ("status=failed&status=queued", "duplicate field"),
    ];
    for (query, said) in wrong {
        let answer = site.get(&format!("/api/experiments?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.problem().contains(said), "{query}: {answer:?}");
    }
    let many = site.get("/api/legacy?limit=51").await;
    assert!(many.problem().contains("limit is 51, but must be 1 to 50"), "{many:?}");
    let long = site.get(&format!("/api/experiments?cursor={}", "a".repeat(10_000))).await;
    assert_eq!(long.status, 400);
    assert!(long.body.len() < 2_000);
}

#[tokio::test]
async fn an_unchanged_answer_is_304_until_something_changes() {
    let site = open().await;
    let (experiment, _) = site.publish(&submission(1), Status::Successful).await;
    let id = &experiment.id;
    let paths = [
        "/api/experiments".to_owned(),
        format!("/api/experiments/{id}"),
        format!("/api/experiments/{id}/points.csv"),
        "/api/clips".to_owned(),
        "/api/codecs".to_owned(),
        format!("/api/codecs/{}", experiment.submission.source),
        "/api/workers".to_owned(),
        "/api/loop".to_owned(),
        "/api/openapi.json".to_owned(),
    ];
    for path in &paths {
        let first = site.get(path).await;
        assert_eq!(first.status, 200, "{path}");
        assert!(first.header("cache-control").starts_with("public, max-age="), "{path}");
        assert_eq!(first.header("access-control-allow-origin"), "*", "{path}");
        let again = site.get_with(path, "if-none-match", first.header("etag")).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), first.header("etag"), "{path}");
    }
    let tag = site.get("/api/experiments").await.header("etag").to_owned();
    site.submit(&submission(2)).await;
    assert_eq!(site.get_with("/api/experiments", "if-none-match", &tag).await.status, 200);
}

#[tokio::test]
async fn an_experiment_comes_with_its_record_and_hostile_text_stays_text() {
    let site = open().await;
    let (experiment, bundle) = site.publish(&submission(1), Status::Successful).await;
    let answer = site.get(&format!("/api/experiments/{}", experiment.id)).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let answer: ExperimentAnswer = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.experiment, experiment);
    assert_eq!(answer.experiment.origin.rationale, HOSTILE);
    assert_eq!(answer.record, Some(bundle.record.without_series()));
    let (failed, _) = site.publish(&submission(2), Status::Failed).await;
    let failed = site.get(&format!("/api/experiments/{}", failed.id)).await.json();
    assert_eq!(
        (failed["failure"]["fault"].as_str(), failed["findings"].is_null()),
        (Some("candidate"), true)
    );
    let diagnosis = &failed["diagnosis"];
    assert_eq!(
        (diagnosis["category"].as_str(), diagnosis["severity"].as_str()),
        (Some("import_error"), Some("high"))
    );
}

#[tokio::test]
async fn records_of_the_earlier_system_are_listed_apart_from_experiments() {
    let site = open().await;
    site.submit(&submission(1)).await;
    for n in 0..5 {
        site.services.catalog.put_legacy(&fixtures::legacy(n)).await.unwrap();
    }
    let (mut cursor, mut iterations) = (String::new(), Vec::new());
    loop {
        let answer = site.get(&format!("/api/legacy?limit=2&cursor={cursor}")).await;
        let page: LegacyList = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(page.total, 5);
        iterations.extend(page.records.iter().filter_map(|record| record.iteration));
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(iterations, [4, 3, 2, 1, 0]);
    let counts = site.get("/api/experiments").await.json();
    assert_eq!((counts["total"].as_u64(), counts["other"].as_u64()), (Some(1), Some(0)));
    let path = format!("/api/legacy/{}", fixtures::legacy(3).id);
    let answer = site.get(&path).await;
    let record: LegacyExperiment = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(record, fixtures::legacy(3));
    // Absent is null, never 0.
    assert_eq!(answer.json()["claims"]["ssim"], serde_json::Value::Null);
    let tag = answer.header("etag").to_owned();
    let again = axum::http::Request::get(&path).header("if-none-match", tag);
    assert_eq!(site.send(again.body(axum::body::Body::empty()).unwrap()).await.status, 304);
}

#[tokio::test]
async fn what_does_not_exist_is_a_404_that_helps() {
    let site = open().await;
    let said = async |path: &str, words: &str| {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.problem().contains(words), "{path}: {answer:?}");
    };
    said(&format!("/api/experiments/{}", nobody()), "there is no experiment").await;
    said("/api/experiments/12", "16 lower-case hexadecimal digits").await;
    let start = site.get("/api/experiments/12").await.problem();
    assert!(start.starts_with("\"12\" is not an experiment id"), "{start}");
    said(&format!("/api/experiments/{}", "x".repeat(5_000)), "is not an experiment id").await;
    said(&format!("/api/codecs/{}", Digest::of(b"none")), "there is no codec").await;
    said("/api/codecs/none", "64 lower-case hexadecimal digits").await;
    said("/api/legacy/real_exp_0", "the earlier system has no record real_exp_0").await;
    said("/api/legacy/a%2Fb", "is not an id of the earlier system").await;
    said("/api/legacy/exp_0123456789abcdef", "is an id of this laboratory").await;
    said("/api", "openapi.json").await;
    said("/api/experiment", "openapi.json").await;
    said("/api/experiments/", "openapi.json").await;
    let experiment = site.submit(&submission(1)).await;
    said(&format!("/api/experiments/{}/points.csv", experiment.id), "nothing of it is published").await;
}

#[tokio::test]
async fn options_says_what_there_is_and_a_preflight_lets_others_read_only() {
    let site = open().await;
    let plain = site.method(Method::OPTIONS, "/api/experiments").await;
    assert_eq!((plain.status, plain.header("allow"), plain.body.len()), (204, "GET,HEAD,POST", 0));
    let preflight = axum::http::Request::options("/api/experiments").header("origin", "https://other.test");
    let preflight = preflight.header("access-control-request-method", "POST");
    let answer = site.send(preflight.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (204, "GET, HEAD"));
    assert!(!answer.header("access-control-allow-headers").contains("authorization"));
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let site = open().await;
    let answer = site.method(Method::HEAD, "/api/experiments").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("etag"), site.get("/api/experiments").await.header("etag"));
}

#[tokio::test]
async fn the_points_are_rows_of_which_none_is_a_formula() {
    let site = open().await;
    let (experiment, bundle) = site.publish(&submission(1), Status::Successful).await;
    let answer = site.get(&format!("/api/experiments/{}/points.csv", experiment.id)).await;
    assert!(answer.header("content-type").starts_with("text/csv"));
    assert!(answer.header("content-disposition").contains(&format!("{}_points.csv", experiment.id)));
    let text = String::from_utf8(answer.body).unwrap();
    let rows: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 1 + bundle.record.points.len() + bundle.record.anchors.len());
    let name = format!("\"'{}\"", HOSTILE.replace('"', "\"\""));
    let start = format!("{},codec,mine,{},{name},16,2500,2490,{},", experiment.id, clip_id(), 2500.0 * 8.0);
    assert!(rows[1].starts_with(&start), "{}\n{start}", rows[1]);
    assert!(rows[5].starts_with(&format!(
        "{},anchor,x265-medium,{},{name},,3000,,",
        experiment.id,
        clip_id()
    )));
    let columns = rows[0].split(',').count();
    assert!(rows[1..].iter().all(|row| row.replace(&name, "").split(',').count() == columns));
}

#[tokio::test]
async fn experiments_are_compared_with_each_other_and_with_their_anchors() {
    let site = open().await;
    let (one, _) = site.publish(&submission(1), Status::Successful).await;
    let (two, _) = site.publish(&submission(2), Status::Successful).await;
    let answer = site.get(&format!("/api/compare?ids={},{}&metric=psnr_yuv", one.id, two.id)).await;
    let answer: CompareAnswer = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.experiments.len(), 2);
    assert_eq!(answer.experiments[0].points.len(), 4);
    assert_eq!(answer.anchors.len(), 5);
    assert_eq!(answer.pairs.len(), 2);
    assert_eq!((&answer.pairs[0].test, &answer.pairs[0].reference), (&one.id, &two.id));
    let rate = &answer.pairs[0].clips[0].bd_rate;
    assert_eq!((rate.pchip, rate.certificate.test_points), (Some(0.0), 4));
    assert_eq!(answer.pairs[0].bd_rate.unwrap().clips, 1);
    let narrow = format!("/api/compare?ids={},{}&anchor=x265-medium&set=open", one.id, two.id);
    assert_eq!(site.get(&narrow).await.json()["anchors"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_comparison_that_makes_no_sense_is_refused_by_name() {
    let site = open().await;
    let (one, _) = site.publish(&submission(1), Status::Successful).await;
    let queued = site.submit(&submission(2)).await;
    let many = vec![one.id.to_string(); 9].join(",");
    let wrong = [
        (String::new(), 400, "missing field `ids`"),
        (format!("ids={}", one.id), 400, "2 to 8"),
        (format!("ids={many}"), 400, "2 to 8"),
        (format!("ids={0},{0}", one.id), 400, "twice"),
        (format!("ids={},nothing", one.id), 400, "not an experiment id"),
        (format!("ids={},{}&metric=mos", one.id, nobody()), 400, "psnr_y"),
        (format!("ids={},{}", one.id, nobody()), 404, "there is no experiment"),
        (format!("ids={},{}", one.id, queued.id), 409, "nothing of it is published"),
    ];
    for (query, status, said) in wrong {
        let answer = site.get(&format!("/api/compare?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.problem().contains(said), "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn clips_codecs_workers_and_the_loop_are_listed() {
    let site = open().await;
    site.publish(&submission(1), Status::Successful).await;
    assert_eq!(site.get("/api/clips").await.json()[0]["info"]["name"], HOSTILE);
    let codecs = site.get("/api/codecs").await.json();
    assert_eq!((codecs[0]["name"].as_str(), codecs[0]["experiments"].as_u64()), (Some("mine"), Some(1)));
    assert_eq!(site.get("/api/workers").await.json()[0]["name"], worker().name);
    assert_eq!(site.get("/api/loop").await.json()["paused"], false);
}
