//! Bad input: an error that names the thing, its value and the bound; the right exit code; nothing left behind.

use aiv1_tests::{command, made_clip, run, said, workspace};
use std::fs;
use std::path::Path;

const USAGE: i32 = 2;
const MACHINE: i32 = 3;

/// Runs `raw` on a clip and expects it to be refused with `code` and these words, leaving no bundle.
fn refused(clip: &Path, more: &[&str], code: i32, words: &[&str]) {
    let out = clip.with_extension("runs");
    let raw = workspace().join("codecs/raw.rs");
    let mut arguments =
        vec!["run", raw.to_str().unwrap(), "--clip", clip.to_str().unwrap(), "--out", out.to_str().unwrap()];
    if !more.contains(&"--anchors") {
        arguments.extend(["--anchors", "none"]);
    }
    arguments.extend_from_slice(more);
    let output = run(arguments);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    let left = fs::read_dir(&out)
        .into_iter()
        .flatten()
        .filter(|entry| !entry.as_ref().unwrap().path().ends_with(".runs"));
    assert_eq!(left.count(), 0, "nothing is published");
}

#[test]
fn a_clip_that_is_none_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.mp4");
    fs::write(&text, "not a video").unwrap();
    refused(&text, &[], USAGE, &["notes.mp4"]);
    let empty = folder.path().join("empty.mp4");
    fs::write(&empty, "").unwrap();
    refused(&empty, &[], USAGE, &["empty.mp4"]);
    refused(&folder.path().join("missing.mp4"), &[], USAGE, &["missing.mp4"]);
    let whole = made_clip(folder.path(), "whole.mp4", "64x64", 12, &[]);
    let bytes = fs::read(&whole).unwrap();
    let cut = folder.path().join("cut.mp4");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    refused(&cut, &[], USAGE, &["cut.mp4"]);
}

#[test]
fn a_clip_of_one_frame_and_one_shorter_than_a_gop_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    for frames in [1, 5] {
        let clip = made_clip(folder.path(), &format!("{frames}.mp4"), "64x48", frames, &[]);
        let raw = workspace().join("codecs/raw.rs");
        let out = folder.path().to_str().unwrap();
        let output = run([
            "run",
            raw.to_str().unwrap(),
            "--anchors",
            "none",
            "--clip",
            clip.to_str().unwrap(),
            "--out",
            out,
        ]);
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn numbers_out_of_range_are_named_with_their_bound() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "64x64", 3, &[]);
    refused(&clip, &["--quality", "1,2,3"], USAGE, &["quality indices", "[1, 2, 3]", "4 or more"]);
    refused(&clip, &["--quality", "1,2,3,64"], USAGE, &["quality index", "64", "0 to 63"]);
    refused(&clip, &["--gop", "0"], USAGE, &["GOP", "0", "1 to 1024"]);
    refused(&clip, &["--anchors", "x266"], USAGE, &["anchor", "x266", "one of x264-medium"]);
}

#[test]
fn a_gop_that_does_not_fit_says_how_many_frames_do() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "large.mp4", "3840x2160", 1, &[]);
    refused(&clip, &["--gop", "32"], USAGE, &["raw GOP", "8 frames", "3840x2160"]);
}

#[test]
fn a_parameter_that_is_not_declared_is_refused_by_name_and_publishes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "64x64", 3, &[]);
    refused(&clip, &["--set", "speed=3"], USAGE, &["\"speed\" is not declared"]);
    refused(&clip, &["--set", "speed=NaN"], USAGE, &["speed=NaN", "a finite number"]);
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "320x240", 25, &[]);
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let raw = workspace().join("codecs/raw.rs");
    // A file system of 2 MiB, in a mount namespace that ends with the command; raw writes 2.9 MB a stream.
    let script = format!(
        "mount -t tmpfs -o size=2m none {small} && {aiv1} --quiet run {raw} --anchors none --clip {clip} --out {small}; \
         code=$?; ls -A {small} >&2; exit $code",
        small = small.display(),
        aiv1 = aiv1_tests::aiv1().display(),
        raw = raw.display(),
        clip = clip.display(),
    );
    let output = std::process::Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", &script])
        .output();
    let output = output.unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(MACHINE), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(!said.contains("exp_"), "nothing is published: {said}");
}

#[test]
fn a_decoder_that_is_no_module_is_refused_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "32x32", 3, &[]);
    let raw = workspace().join("codecs/raw.rs");
    let out = folder.path().to_str().unwrap();
    assert!(
        run([
            "run",
            raw.to_str().unwrap(),
            "--anchors",
            "none",
            "--clip",
            clip.to_str().unwrap(),
            "--out",
            out
        ])
        .status
        .success()
    );
    let stream = find(folder.path(), "q16.aiv1");
    let junk = folder.path().join("junk.wasm");
    fs::write(&junk, "no module").unwrap();
    let y4m = folder.path().join("out.y4m");
    let arguments = [
        "decode",
        stream.to_str().unwrap(),
        "--decoder",
        junk.to_str().unwrap(),
        "--out",
        y4m.to_str().unwrap(),
    ];
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(said(&output).contains("SHA-256"), "{}", said(&output));
    assert!(!y4m.exists());
}

#[test]
fn help_names_the_exit_codes() {
    let output = command(["--help"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("Exit codes:"));
}

fn find(folder: &Path, name: &str) -> std::path::PathBuf {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.ends_with(name) {
                return path;
            }
        }
    }
    panic!("no {name}");
}
