//! Hostile codecs: each fails in its phase, by its own fault, with its kind, and the codecs after it still run.

use aiv1_tests::{json, made_clip, run, said, workspace};
use std::fs;

/// The first line of every hostile source says how it must fail: `//! fails: KIND`, or `//! succeeds`.
fn expected(source: &str) -> &str {
    let first = source.lines().next().unwrap();
    first.strip_prefix("//! fails: ").map_or("", |kind| kind.split_whitespace().next().unwrap())
}

#[test]
fn every_hostile_codec_fails_as_it_says_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "64x64", 5, &[]);
    let mut sources: Vec<_> = fs::read_dir(workspace().join("codecs/hostile")).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.sort();
    assert!(sources.len() >= 10, "{sources:?}");
    let raw = workspace().join("codecs/raw.rs");
    let mut arguments = vec!["--json", "run"];
    arguments.extend(sources.iter().map(|path| path.to_str().unwrap()));
    arguments.push(raw.to_str().unwrap());
    arguments.extend(["--anchors", "none", "--clip", clip.to_str().unwrap(), "--out", folder.path().to_str().unwrap()]);
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let published = json(&output);
    let published = published.as_array().unwrap();
    assert_eq!(published.len(), sources.len() + 1, "each has its record");
    for (path, one) in sources.iter().zip(published) {
        let source = fs::read_to_string(path).unwrap();
        let (kind, name) = (expected(&source), path.file_stem().unwrap().to_str().unwrap());
        let record = &one["record"];
        println!("{name}: {} {}", record["failure"]["kind"], record["failure"]["message"]);
        if kind.is_empty() {
            assert_eq!(record["status"], "successful", "{name}: {}", record["failure"]);
        } else {
            assert_eq!(record["failure"]["kind"], kind, "{name}: {}", record["failure"]);
            assert_eq!(record["failure"]["fault"], "candidate", "{name}");
        }
        assert!(fs::metadata(one["bundle"].as_str().unwrap()).unwrap().is_dir());
    }
    assert_eq!(published.last().unwrap()["record"]["status"], "successful", "the codec after them is measured");
}
