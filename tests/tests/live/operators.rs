//! What operators run beside a lab: the loop alone, more clips, the list of workers.

use crate::{small_clip, small_lab, submit};
use aiv1_tests::live::LiveLab;
use aiv1_tests::{command, json, made_clip, run, said};

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_without_a_search_of_its_own_is_searched_by_a_loop_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, data) = (small_clip(folder.path()), folder.path().join("lab"));
    let lab = LiveLab::start(&data, small_lab(&clip, &["--no-search"]));

    let other = made_clip(folder.path(), "other.mp4", "64x48", 12, &[]);
    let added =
        command(["--json", "add-clip", "--set", "mine", "--data"]).arg(&data).arg(&other).output().unwrap();
    assert!(added.status.success(), "{}", said(&added));
    let clips = lab.json("/api/clips").await;
    assert_eq!(clips.as_array().unwrap().len(), 2, "{clips:#}");
    assert_eq!((&clips[1], &clips[1]["set"]), (&json(&added)[0], &"mine".into()));

    let codec = aiv1_tests::workspace().join("codecs/template.rs");
    let mut beside = command(["loop", "--experiments", "2", "--anchors", "x264-ultrafast"]);
    beside.args(["--quality", "10,20,30,40", "--data"]).arg(&data).arg("--codec").arg(codec);
    let proposed = beside.output().unwrap();
    assert!(proposed.status.success(), "{}", said(&proposed));
    let all = lab.until("/api/experiments?limit=10", |counts| counts["successful"] == 2).await;
    for experiment in all["experiments"].as_array().unwrap() {
        assert_ne!(experiment["arm"], "person", "{experiment:#}");
    }

    for from in [["--url".into(), lab.url.clone().into()], ["--data".into(), data.clone().into_os_string()]] {
        let listed = command(["--json", "workers"]).args(from).output().unwrap();
        assert!(listed.status.success(), "{}", said(&listed));
        let worker = &json(&listed)[0];
        assert_eq!((&worker["name"], &worker["ended"]), (&"local-1".into(), &2.into()), "{worker:#}");
    }
    let health = lab.json("/workers/local-1/health").await;
    assert_eq!(health["clips"]["count"], 1, "what is in another set was not measured: {health:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_does_over_http_is_done_and_stands_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, data) = (small_clip(folder.path()), folder.path().join("lab"));
    let lab = LiveLab::start(&data, small_lab(&clip, &["--workers", "0", "--no-search"]));
    let id = submit(&lab, 1).await.remove(0);
    let tell = |arguments: &[&str]| {
        let mut told = command(["--json"]);
        told.args(arguments).arg("--data").arg(&data).env("AIV1_URL", &lab.url).output().unwrap()
    };
    let done = |arguments: &[&str]| {
        let output = tell(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        json(&output)
    };
    let refused = |arguments: &[&str], why: &str| {
        let output = tell(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(why), "{arguments:?}: {}", said(&output));
    };

    assert_eq!(done(&["pause"])["paused"], true);
    assert_eq!(done(&["pause"])["paused"], true);
    assert_eq!(done(&["resume"])["paused"], false);
    assert!(done(&["stop"])["stopped_at"].is_string());
    refused(&["rerun", &id], "it cannot be run again");
    assert_eq!(done(&["cancel", &id])["status"], "other");
    assert_eq!(done(&["rerun", &id])["status"], "queued");
    refused(&["retract", &id, "the clip was another"], "only a result can be");
    refused(&["resolve", &id, "seen to"], "it waits for nobody");
    refused(&["purge", &id, "it shows a face"], "--yes is not given");
    refused(&["purge", &id, "it shows a face", "--yes"], "cancel it first");
    done(&["cancel", &id]);
    assert!(done(&["purge", &id, "it shows a face", "--yes"])["purged_at"].is_string());
    refused(&["rerun", &id], "it cannot be changed any more");
    refused(&["cancel", "exp_0000000000000000"], "there is no experiment exp_0000000000000000");
    refused(&["cancel", "exp_1"], "16 lower-case hexadecimal digits");

    // The journal is everybody's, and the same over HTTP.
    let mut everybody = command(["--json", "journal", "--url"]);
    let journal = everybody.arg(&lab.url).env_remove("AIV1_TOKEN").output().unwrap();
    assert!(journal.status.success(), "{}", said(&journal));
    let journal = json(&journal);
    assert_eq!(journal, lab.json("/api/journal").await);
    let events: Vec<_> = journal["entries"].as_array().unwrap().iter().map(|line| &line["event"]).collect();
    assert_eq!(events, ["purged", "cancelled", "rerun", "cancelled", "stopped", "resumed", "paused"]);
    assert_eq!(journal["entries"][0]["reason"], "it shows a face");

    // Without the token of the right scope nothing is done.
    let with = |token: &str| command(["pause", "--url", &lab.url]).env("AIV1_TOKEN", token).output().unwrap();
    for token in ["", "guessed", &lab.token("worker")] {
        let output = with(token);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains("token"), "{}", said(&output));
    }
    assert_eq!(lab.json("/api/loop").await["paused"], false);
    assert!(with(&lab.token("admin")).status.success());
    assert_eq!(lab.json("/api/loop").await["paused"], true);
}

#[test]
fn a_store_that_nobody_named_is_none() {
    for arguments in
        [vec!["loop"], vec!["add-clip", "none.mp4"], vec!["import", "none.json"], vec!["workers"]]
    {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("the store is not chosen"), "{arguments:?}: {}", said(&output));
    }
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("mistyped");
    for arguments in [vec!["loop"], vec!["import", "none.json"], vec!["workers"]] {
        let output = command(&arguments).arg("--data").arg(&none).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(
            said(&output).contains("but must be the folder of a lab"),
            "{arguments:?}: {}",
            said(&output)
        );
        assert!(!none.exists(), "{arguments:?} made a lab");
    }
    let output = command(["workers"]).env("AIV1_STORE", "sqlite").output().unwrap();
    assert!(
        said(&output).contains(r#"AIV1_STORE is "sqlite", but must be embedded or aws"#),
        "{}",
        said(&output)
    );
    let output = command(["workers", "--instance", "i-0", "health"]).output().unwrap();
    assert!(said(&output).contains("AIV1_PARAMETERS is not set"), "{}", said(&output));
}
