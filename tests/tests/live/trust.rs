//! What keeps the lab from being fooled: clips that no designer sees, results derived again by whoever has time, and a worker
//! that lies with tools.

use crate::{small_clip, small_lab, submission, submit};
use aiv1_model::Digest;
use aiv1_tests::live::LiveLab;
use aiv1_tests::{command, made_clip, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn a_champion_is_measured_on_held_out_clips_and_derived_again_while_there_is_no_work() {
    let folder = tempfile::tempdir().unwrap();
    let clip = small_clip(folder.path());
    let unseen = made_clip(folder.path(), "unseen.mp4", "64x48", 12, &[]).display().to_string();
    let lab = LiveLab::start(
        &folder.path().join("lab"),
        small_lab(&clip, &["--held-out", &unseen, "--experiments", "4", "--shares", "1,0,0"]),
    );
    let ended = lab.until("/api/experiments?limit=10", |all| all["successful"] == 4).await;
    let one = |is: &dyn Fn(&Value) -> bool| {
        let all = ended["experiments"].as_array().unwrap();
        all.iter().find(|one| is(one)).unwrap_or_else(|| panic!("it is not there: {ended:#}")).clone()
    };
    // The best by then: the start, or a proposal that ended before anybody looked.
    let look = one(&|one| one["arm"] == "held_out");
    let champion = one(&|one| one["id"] == look["parent"]);
    assert!(champion["arm"] == "start" || champion["arm"] == "search", "{champion:#}");
    let page = lab.text(&format!("/blog/{}", champion["id"].as_str().unwrap())).await;
    assert!(page.contains("held-out clips"), "{page}");
    // The clip's name and frames are shown nowhere.
    for path in ["/", "/clips", "/method", "/efficacy", "/lineage", "/journal"] {
        let page = lab.text(path).await;
        assert!(!page.contains("unseen"), "{path} names the clip");
    }
    let verified = lab
        .until("/api/experiments?limit=10", |all| {
            let mut all = all["experiments"].as_array().unwrap().iter();
            all.any(|one| !one["verified"].is_null())
        })
        .await;
    let one =
        verified["experiments"].as_array().unwrap().iter().find(|one| !one["verified"].is_null()).unwrap();
    assert_eq!(
        (&one["verified"]["outcome"], &one["verified"]["by"]),
        (&json!("confirmed"), &json!("local-1"))
    );
    assert_eq!(one["retraction"], Value::Null);
    let journal = lab.json("/api/journal").await;
    assert_eq!(journal["entries"][0]["event"], "verified", "{journal:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lies_with_tools_is_found_out_by_the_next_and_its_result_is_retracted() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, data) = (small_clip(folder.path()), folder.path().join("lab"));
    let lab = LiveLab::start(&data, small_lab(&clip, &["--no-search", "--workers", "0"]));
    let id = submit(&lab, 1).await.remove(0);
    let bundle = folder.path().join("runs").join(&id);
    run_honestly(&clip, &folder.path().join("runs"));
    forge(&bundle);
    publish(&lab, &bundle, &id).await;
    let path = format!("/api/experiments/{id}");
    assert_eq!(lab.json(&path).await["status"], "successful", "in itself it is whole");
    let _ = lab.stop();

    let lab = LiveLab::start(&data, small_lab(&clip, &["--no-search"]));
    let caught = lab.until(&path, |experiment| !experiment["retraction"].is_null()).await;
    assert_eq!(caught["retraction"]["by"], "local-1", "{caught:#}");
    let reason = caught["retraction"]["reason"].as_str().unwrap();
    assert!(reason.contains("points[1].stream.decoded_sha256"), "{reason}");
    let ranked = lab.json("/api/experiments?limit=10").await;
    assert!(!ranked["experiments"][0]["retraction"].is_null(), "{ranked:#}");
    assert!(lab.text("/").await.contains("Retracted"));
}

/// The very question that was submitted, run by hand.
fn run_honestly(clip: &Path, out: &Path) {
    let codec = aiv1_tests::workspace().join("codecs/template.rs");
    let asked = submission(0.0);
    let mut run = command(["run", "--anchors", "x264-ultrafast", "--quality", "10,20,30,40"]);
    for (name, value) in asked["parameters"].as_object().unwrap() {
        run.args(["--set", &format!("{name}={value}")]);
    }
    let output = run.arg(codec).arg("--clip").arg(clip).arg("--out").arg(out).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// Frames that the stream does not give; the manifest is made to fit.
fn forge(bundle: &Path) {
    let (record, manifest) = (bundle.join("record.json"), bundle.join("manifest.json"));
    let text = fs::read_to_string(&record).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let honest = json["points"][1]["stream"]["decoded_sha256"].as_str().unwrap();
    let forged = replaced(&text, honest, &sha256(b"other frames"));
    let fitting = replaced(
        &fs::read_to_string(&manifest).unwrap(),
        &sha256(text.as_bytes()),
        &sha256(forged.as_bytes()),
    );
    fs::write(record, forged).unwrap();
    fs::write(manifest, fitting).unwrap();
}

/// The text with one part, which it has once, in place of another.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}

/// As a worker does it.
async fn publish(lab: &LiveLab, bundle: &Path, id: &str) {
    let say = async |path: String, body: Value| {
        let (status, answer) = lab.post(&path, "worker", &body).await;
        assert_eq!(status, 200, "{path}: {answer:#}");
        answer
    };
    let worker = json!({ "name": "liar", "version": "1", "machine": null, "threads": 1 });
    let claim = say("/api/work/claim".to_owned(), json!({ "worker": worker })).await;
    assert_eq!(claim["id"], id);
    let holder = json!({ "worker": "liar", "attempt": claim["attempt"] });
    let manifest: Value = serde_json::from_slice(&fs::read(bundle.join("manifest.json")).unwrap()).unwrap();
    let mut asked = holder.clone();
    asked["manifest"] = manifest.clone();
    let uploads = say(format!("/api/work/{id}/uploads"), asked).await;
    let client = reqwest::Client::new();
    for upload in uploads["uploads"].as_array().unwrap() {
        let url = upload["url"].as_str().unwrap();
        let url = if url.starts_with('/') { lab.at(url) } else { url.to_owned() };
        let mut put = client.put(url).body(fs::read(bundle.join(upload["path"].as_str().unwrap())).unwrap());
        for header in upload["headers"].as_array().unwrap() {
            put = put.header(header[0].as_str().unwrap(), header[1].as_str().unwrap());
        }
        let answer = put.send().await.unwrap();
        assert!(answer.status().is_success(), "{}: {}", answer.status(), upload["path"]);
    }
    let sizes = manifest["files"].as_array().unwrap().iter().map(|file| file["bytes"].as_u64().unwrap());
    let text = fs::read(bundle.join("manifest.json")).unwrap();
    let record = fs::read(bundle.join("record.json")).unwrap();
    let published = json!({ "ended": "published", "bundle": {
        "manifest": sha256(&text), "record": sha256(&record), "bytes": sizes.sum::<u64>(),
    } });
    let mut report = holder;
    report["result"] = published;
    say(format!("/api/work/{id}/result"), report).await;
}

fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
