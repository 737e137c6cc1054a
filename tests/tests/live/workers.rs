//! Several workers at once, some of them processes of their own; one dies and another takes over.

use crate::{all_succeeded, small_clip, small_lab, submit, submit_slow};
use aiv1_tests::live::LiveLab;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn worker(lab: &LiveLab, name: &str, folder: &Path) -> Child {
    Command::new(aiv1_tests::aiv1().with_file_name("aiv1-worker"))
        .env("AIV1_URL", &lab.url)
        .env("AIV1_TOKEN", lab.token("worker"))
        .args(["--name", name, "--folder"])
        .arg(folder.join(name))
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_the_work_and_none_of_it_is_done_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clip = small_clip(folder.path());
    let lab =
        LiveLab::start(&folder.path().join("lab"), small_lab(&clip, &["--no-search", "--workers", "0"]));
    submit(&lab, 8).await;
    let mut workers = ["one", "two"].map(|name| worker(&lab, name, folder.path()));
    let counts = lab.until("/api/experiments?limit=100", all_succeeded(8)).await;
    for experiment in counts["experiments"].as_array().unwrap() {
        assert_eq!(experiment["attempt"], 1, "{experiment:#}");
    }
    let known = lab.json("/api/workers").await;
    let ended: Vec<u64> =
        known.as_array().unwrap().iter().map(|worker| worker["ended"].as_u64().unwrap()).collect();
    assert_eq!(ended.iter().sum::<u64>(), 8, "{known:#}");
    assert!(ended.len() == 2 && ended.iter().all(|count| *count > 0), "{known:#}");
    for worker in &mut workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_of_a_worker_that_dies_is_taken_over_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let clip = aiv1_tests::made_clip(folder.path(), "longer.mp4", "320x180", 50, &[]);
    let lab =
        LiveLab::start(&folder.path().join("lab"), small_lab(&clip, &["--no-search", "--workers", "0"]));
    let path = submit_slow(&lab).await;
    let mut dying = worker(&lab, "dying", folder.path());
    lab.until(&path, |experiment| experiment["work"]["phase"] == "execution").await;
    dying.kill().unwrap();
    dying.wait().unwrap();
    // The lease has to lapse first: a minute.
    let mut heir = worker(&lab, "heir", folder.path());
    let experiment = lab.until(&path, |experiment| experiment["status"] == "successful").await;
    assert_eq!(
        (&experiment["attempt"], &experiment["lost_attempts"]),
        (&2.into(), &1.into()),
        "{experiment:#}"
    );
    heir.kill().unwrap();
    heir.wait().unwrap();
}
