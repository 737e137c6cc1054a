//! Damaged bundles: a flipped bit anywhere is found, and the file that has it is named.

use aiv1_tests::{command, json, made_clip, run, said, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small but whole bundle: raw on a tiny clip, with an anchor.
fn bundle(folder: &Path) -> PathBuf {
    bundle_of(folder, &[])
}

/// The same, of a clip that is made with more arguments.
fn bundle_of(folder: &Path, more: &[&str]) -> PathBuf {
    let clip = made_clip(folder, "clip.mp4", "32x32", 3, more);
    let codec = workspace().join("codecs/raw.rs");
    let arguments = ["--json", "run", codec.to_str().unwrap(), "--anchors", "x264-medium"];
    let output = run(arguments.into_iter().chain([
        "--clip",
        clip.to_str().unwrap(),
        "--out",
        folder.to_str().unwrap(),
    ]));
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(json(&output)[0]["bundle"].as_str().unwrap())
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Positions spread over a file: both ends, and some between.
fn positions(length: usize) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..4).map(|step| step * length.saturating_sub(1) / 3).collect();
    positions.dedup();
    positions
}

#[test]
fn one_flipped_bit_in_any_file_is_found_and_the_file_named() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    let mut all = Vec::new();
    files(&bundle, &mut all);
    assert!(all.len() > 12, "{all:?}");
    for path in all {
        let whole = fs::read(&path).unwrap();
        for (turn, position) in positions(whole.len()).into_iter().enumerate() {
            let mut damaged = whole.clone();
            damaged[position] ^= 1 << (turn * 2 + 1).min(7);
            fs::write(&path, &damaged).unwrap();
            let output = run(["verify", bundle.to_str().unwrap()]);
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(output.status.code(), Some(1), "{name} at {position}: {}", said(&output));
            let manifest = name == "manifest.json";
            assert!(manifest || said(&output).contains(name), "{name} at {position}: {}", said(&output));
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(run(["verify", bundle.to_str().unwrap()]).status.code(), Some(0), "whole again, it verifies");
}

#[test]
fn an_exported_file_is_covered_to_its_last_padding_byte() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    let file = folder.path().join("bundle.tar");
    assert!(run(["export", bundle.to_str().unwrap(), "--out", file.to_str().unwrap()]).status.success());
    let whole = fs::read(&file).unwrap();
    // Name, mode, times, checksum and padding of the first header; then places all over the file.
    let header = [0, 100, 136, 150, 160, 300, 400, 511];
    let spread = (1..24).map(|step| step * whole.len() / 24).chain([whole.len() - 1]);
    for position in header.into_iter().chain(spread) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        let output = run(["verify", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "byte {position}: {}", said(&output));
    }
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(run(["verify", file.to_str().unwrap()]).status.code(), Some(1), "cut in half");
}

#[test]
fn a_record_that_was_made_prettier_with_a_matching_manifest_is_caught_by_deriving_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    lie(&bundle, |record, text| {
        let rate = record["points"][0]["bitrate"].to_string();
        text.replacen(&format!("\"bitrate\":{rate}"), "\"bitrate\":1000.5", 1)
    });
    let output = run(["verify", bundle.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("points[0].bitrate"), "{said}");
}

#[test]
fn colours_that_another_ffmpeg_reads_otherwise_are_not_checked_and_those_that_the_same_does_differ() {
    let folder = tempfile::tempdir().unwrap();
    let bt709 = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];
    let bundle = bundle_of(folder.path(), &bt709);
    let script = |name: &str, text: &str| {
        let (written, path) = (folder.path().join("text"), folder.path().join(name));
        fs::write(&written, format!("#!/bin/sh\n{text}\n")).unwrap();
        // By another process: what this one writes itself may still be open in a child of another test, and cannot be run then.
        assert!(Command::new("install").args([&written, &path]).status().unwrap().success());
        path
    };
    let probe = script("ffprobe", r#"ffprobe "$@" | sed '/color_space/s/bt709/bt2020nc/'"#);
    let other =
        script("ffmpeg", r#"[ "$1" = -version ] && echo ffmpeg version 99 && exit; exec ffmpeg "$@""#);
    let verify = |ffmpeg: &Path| {
        let mut command = command(["verify", "--encode", bundle.to_str().unwrap()]);
        let output = command.env("AIV1_FFPROBE", &probe).env("AIV1_FFMPEG", ffmpeg).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output))
    };
    let (code, said) = verify(Path::new("ffmpeg"));
    assert!(code == Some(1) && said.contains("format.color.matrix"), "{said}");
    let (code, said) = verify(&other);
    assert!(code == Some(4) && said.contains("the colour tags of clip clip"), "{code:?}: {said}");
}

/// A liar with tools: the record is changed, and the manifest made to agree.
fn lie(bundle: &Path, lie: impl Fn(&serde_json::Value, &str) -> String) {
    let record_path = bundle.join("record.json");
    let text = fs::read_to_string(&record_path).unwrap();
    let lie = lie(&serde_json::from_str(&text).unwrap(), &text);
    assert_ne!(lie, text);
    fs::write(&record_path, &lie).unwrap();
    let manifest_path = bundle.join("manifest.json");
    let manifest = fs::read_to_string(&manifest_path).unwrap();
    let digest = |bytes: &Path| {
        let output = std::process::Command::new("sha256sum").arg(bytes).output().unwrap();
        String::from_utf8(output.stdout).unwrap()[..64].to_owned()
    };
    let listed: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let entry =
        listed["files"].as_array().unwrap().iter().find(|file| file["path"] == "record.json").unwrap();
    let agreed = manifest
        .replace(entry["sha256"].as_str().unwrap(), &digest(&record_path))
        .replace(&format!("\"bytes\": {}", entry["bytes"]), &format!("\"bytes\": {}", lie.len()));
    fs::write(&manifest_path, agreed).unwrap();
}
