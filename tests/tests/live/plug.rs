//! The plug is pulled at random points of a run, again and again: nothing is lost, nothing is doubled.

use crate::{all_succeeded, small_clip, small_lab, submit, submit_slow};
use aiv1_tests::live::LiveLab;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_whose_plug_is_pulled_again_and_again_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, data) = (small_clip(folder.path()), folder.path().join("lab"));
    let arguments = small_lab(&clip, &["--no-search"]);
    let lab = LiveLab::start(&data, &arguments);
    let ids: BTreeSet<String> = submit(&lab, 5).await.into_iter().collect();
    lab.pull_the_plug();
    // Moments spread over claim, compile, encode, measure, upload and report of this clip. The experiment that waited
    // longest is always the one that is hit: with the plug pulled above that makes four losses at most, and the fifth
    // would be the end of it.
    for milliseconds in [120, 500, 1200] {
        let lab = LiveLab::start(&data, &arguments);
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        lab.pull_the_plug();
    }
    let lab = LiveLab::start(&data, &arguments);
    let counts = lab.until("/api/experiments?limit=100", all_succeeded(5)).await;
    let listed = counts["experiments"].as_array().unwrap();
    let found: BTreeSet<String> = listed.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, ids);
    let numbers: Vec<u64> = listed.iter().map(|one| one["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    for id in &ids {
        let experiment = lab.json(&format!("/api/experiments/{id}")).await;
        assert_eq!(experiment["earlier"], Value::Array(Vec::new()), "{id} was published twice");
    }
    let (status, said) = lab.stop();
    assert!(status.success(), "{said}");
    let left: Vec<_> = std::fs::read_dir(data.join("worker/local-1/.runs")).into_iter().flatten().collect();
    let folders = left.iter().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(folders, 0, "runs are left behind: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_that_is_stopped_gives_its_work_back_and_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let clip = aiv1_tests::made_clip(folder.path(), "longer.mp4", "320x180", 50, &[]);
    let data = folder.path().join("lab");
    let arguments = small_lab(&clip, &["--no-search"]);
    let lab = LiveLab::start(&data, &arguments);
    let path = submit_slow(&lab).await;
    lab.until(&path, |experiment| experiment["work"]["phase"] == "execution").await;
    let metrics = reqwest::get(lab.at("/workers/local-1/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.ends_with("# EOF\n"), "OpenMetrics text, during a run: {metrics}");
    let (status, said) = lab.stop();
    assert!(status.success(), "{said}");

    let lab = LiveLab::start(&data, &arguments);
    let experiment = lab.until(&path, |experiment| experiment["status"] == "successful").await;
    assert_eq!(experiment["lost_attempts"], 0, "giving back is no loss");
    assert_eq!(experiment["attempt"], 2);
}
