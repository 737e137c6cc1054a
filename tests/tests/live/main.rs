//! A whole lab as a process, used as its visitors, clients and operators use it.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

mod operators;
mod plug;
mod service;
mod site;
mod trust;
mod workers;

use aiv1_tests::live::LiveLab;
use aiv1_tests::made_clip;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A clip that is measured in a moment, and yet has rates and qualities to compare.
fn small_clip(folder: &Path) -> PathBuf {
    made_clip(folder, "small.mp4", "96x64", 12, &[])
}

/// Arguments of a lab that measures on `clip` against one quick anchor, starting from the small codec `template`.
fn small_lab(clip: &Path, more: &[&str]) -> Vec<String> {
    let codec = aiv1_tests::workspace().join("codecs/template.rs");
    let mut arguments: Vec<String> =
        ["--anchors", "x264-ultrafast", "--quality", "10,20,30,40", "--clip"].map(str::to_owned).to_vec();
    arguments.extend([clip.display().to_string(), "--codec".to_owned(), codec.display().to_string()]);
    arguments.extend(more.iter().map(|&text| text.to_owned()));
    arguments
}

/// A submission of the small codec with one value of its parameter.
fn submission(value: f64) -> Value {
    let source = std::fs::read_to_string(aiv1_tests::workspace().join("codecs/template.rs")).unwrap();
    json!({ "codec": "template", "source": source, "parameters": { (PARAMETER): value }, "rationale": "by hand" })
}

/// What the small codec lets one turn.
const PARAMETER: &str = "dead_zone";

/// Submits the serious codec, which takes its time over a clip; its path in the API.
async fn submit_slow(lab: &LiveLab) -> String {
    let source = std::fs::read_to_string(aiv1_tests::workspace().join("codecs/transform.rs")).unwrap();
    let body = json!({ "codec": "transform", "source": source, "rationale": "by hand" });
    let (status, answer) = lab.post("/api/experiments", "submit", &body).await;
    assert_eq!(status, 201, "{answer:#}");
    format!("/api/experiments/{}", answer["id"].as_str().unwrap())
}

/// Submits so many different experiments; their ids.
async fn submit(lab: &LiveLab, count: u32) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let (status, answer) =
            lab.post("/api/experiments", "submit", &submission(0.05 * f64::from(number))).await;
        assert_eq!(status, 201, "{answer:#}");
        ids.push(answer["id"].as_str().unwrap().to_owned());
    }
    ids
}

/// Whether `count` experiments are there and all of them have succeeded.
fn all_succeeded(count: u64) -> impl Fn(&Value) -> bool {
    move |counts| counts["successful"] == count && counts["total"] == count
}
