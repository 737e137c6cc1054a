//! What operators run beside a lab: the loop alone, more clips, the list of workers.

use crate::{small_clip, small_lab};
use aiv1_tests::live::LiveLab;
use aiv1_tests::{command, json, made_clip, run, said};

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_without_a_search_of_its_own_is_searched_by_a_loop_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, data) = (small_clip(folder.path()), folder.path().join("lab"));
    let lab = LiveLab::start(&data, small_lab(&clip, &["--no-search"]));

    let other = made_clip(folder.path(), "other.mp4", "64x48", 12, &[]);
    let added = command(["--json", "add-clip", "--set", "held-out", "--data"])
        .arg(&data)
        .arg(&other)
        .output()
        .unwrap();
    assert!(added.status.success(), "{}", said(&added));
    let clips = lab.json("/api/clips").await;
    assert_eq!(clips.as_array().unwrap().len(), 2, "{clips:#}");
    assert_eq!((&clips[1], &clips[1]["set"]), (&json(&added)[0], &"held-out".into()));

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
    assert_eq!(health["clips"]["count"], 1, "what is held out was not measured: {health:#}");
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
