//! The lab as a service: one on a directory, the earlier system's line, verification over HTTP, hostile requests.

use crate::{PARAMETER, small_clip, small_lab, submission, submit};
use aiv1_tests::live::LiveLab;
use aiv1_tests::{command, json, run, said};
use serde_json::{Value, json};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn the_second_lab_on_a_directory_says_so_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, data) = (small_clip(folder.path()), folder.path().join("lab"));
    let _first = LiveLab::start(&data, small_lab(&clip, &["--no-search"]));
    let second = command(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&data).output().unwrap();
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
    assert!(said(&second).contains("another `aiv1 up` is running in"), "{}", said(&second));
}

#[test]
fn a_lab_without_a_clip_says_how_to_name_one() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        command(["up", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("lab")).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("--clip FILE"), "{}", said(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_is_verified_over_http_from_another_directory() {
    let folder = tempfile::tempdir().unwrap();
    let clip = small_clip(folder.path());
    let lab = LiveLab::start(&folder.path().join("lab"), small_lab(&clip, &["--no-search"]));
    let id = submit(&lab, 1).await.remove(0);
    lab.until(&format!("/api/experiments/{id}"), |experiment| experiment["status"] == "successful").await;

    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let verify = |address: String| {
        command(["--json", "verify"]).arg(address).current_dir(&elsewhere).output().unwrap()
    };
    for path in [format!("/blog/{id}"), format!("/api/experiments/{id}")] {
        let output = verify(lab.at(&path));
        assert!(output.status.success(), "{}", said(&output));
        let verdict = json(&output);
        assert_eq!((&verdict["id"], &verdict["streams"]), (&json!(id), &json!(4)), "{verdict:#}");
    }
    // A machine that has nothing but the program: no ffmpeg, no compiler, no cache.
    let mut bare = command(["--json", "verify"]);
    bare.arg(lab.at(&format!("/blog/{id}")))
        .current_dir(&elsewhere)
        .env("PATH", elsewhere.join("no-programs"));
    bare.env("AIV1_CACHE", folder.path().join("no-cache")).env_remove("AIV1_RUSTC");
    let output = bare.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let verdict = json(&output);
    assert_eq!((&verdict["streams"], &verdict["measured"]), (&json!(4), &json!(0)), "{verdict:#}");
    assert_eq!(verdict["differences"], json!([]), "{verdict:#}");
    assert!(verdict["unchecked"].to_string().contains("ffmpeg, which is not on this machine"), "{verdict:#}");
    let output = verify(lab.at("/blog/exp_0000000000000000"));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("there is no experiment exp_0000000000000000"), "{}", said(&output));
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0, "verifying leaves nothing behind");

    // The line that users of the earlier system have in their scripts.
    let line = format!(
        "curl -s {} | jq -c '{{successful, in_progress, failed, total}}'",
        lab.at("/api/experiments")
    );
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        r#"{"successful":1,"in_progress":0,"failed":0,"total":1}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_that_fails_is_published_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let clip = small_clip(folder.path());
    let lab = LiveLab::start(&folder.path().join("lab"), small_lab(&clip, &["--no-search"]));
    let hostile =
        std::fs::read_to_string(aiv1_tests::workspace().join("codecs/hostile/include_secret.rs")).unwrap();
    let asked =
        [json!({ "codec": "hostile", "source": hostile, "rationale": "<script>alert(1)</script>" }), {
            let mut wrong = submission(0.5);
            wrong["parameters"] = json!({ (PARAMETER): 1e9 });
            wrong
        }];
    for (body, kind) in asked.iter().zip(["source_refused", "parameters"]) {
        let (status, answer) = lab.post("/api/experiments", "submit", body).await;
        assert_eq!(status, 201, "{answer:#}");
        let path = format!("/api/experiments/{}", answer["id"].as_str().unwrap());
        let ended = lab.until(&path, |experiment| experiment["status"] == "failed").await;
        assert_eq!(ended["failure"]["fault"], "candidate", "{ended:#}");
        assert_eq!(ended["failure"]["kind"], kind, "{ended:#}");
        assert_ne!(ended["bundle"], Value::Null, "a failed experiment has its bundle, too");
        let page = reqwest::get(lab.at(&format!("/blog/{}", ended["id"].as_str().unwrap()))).await.unwrap();
        let html = page.text().await.unwrap();
        assert!(!html.contains("<script>alert"), "{html}");
    }
    let output = run(["verify", &lab.at("/blog/nonsense")]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}
