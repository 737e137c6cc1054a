//! Interruption: kill -9 in the middle, Ctrl-C, and what the next run finds.

use aiv1_tests::{command, made_clip, run, said, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// A run that takes a while: the serious codec on enough frames.
fn start(clip: &Path, out: &Path) -> Child {
    let codec = workspace().join("codecs/transform.rs");
    let mut command = command(["run", codec.to_str().unwrap(), "--anchors", "none", "--gop", "8"]);
    command.args(["--clip", clip.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until the run has begun to write streams: the child ends first only if something is wrong.
fn wait_for_streams(child: &mut Child, out: &Path) {
    loop {
        let written = runs(out).iter().any(|run| run.join("bundle/streams").is_dir());
        if written {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it wrote a stream");
        std::thread::yield_now();
    }
}

fn runs(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out.join(".runs")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

fn bundles(out: &Path) -> usize {
    let entries = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| name.starts_with("exp_")).count()
}

#[test]
fn a_killed_run_publishes_nothing_and_the_next_one_sweeps_and_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "320x240", 40, &[]);
    let out = folder.path().join("out");
    for _ in 0..3 {
        let mut child = start(&clip, &out);
        wait_for_streams(&mut child, &out);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(bundles(&out), 0, "nothing half-written is published");
        assert_eq!(runs(&out).len(), 1, "what was killed left its directory, and the one before was swept");
    }
    assert!(start(&clip, &out).wait().unwrap().success());
    assert_eq!((bundles(&out), runs(&out).len()), (1, 0));
    let bundle = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| !path.ends_with(".runs"))
        .unwrap();
    let output = run(["verify", bundle.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn ctrl_c_stops_cleanly_with_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "320x240", 40, &[]);
    let out = folder.path().join("out");
    let mut child = start(&clip, &out);
    wait_for_streams(&mut child, &out);
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!((bundles(&out), runs(&out).len()), (0, 0), "its directory went with it");
}
