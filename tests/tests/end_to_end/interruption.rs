//! Interruption: kill -9 in the middle, Ctrl-C, and what the next run finds.

use aiv1_tests::{command, made_clip, run, said, workspace};
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a run may take to write its first stream, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A run that takes a while: the serious codec on enough frames. In a process group of its own, like a terminal's job.
struct Run {
    child: Child,
    out: PathBuf,
    /// Directories of runs before this one.
    before: Vec<PathBuf>,
}

impl Run {
    fn start(clip: &Path, out: &Path) -> Self {
        let before = runs(out);
        let codec = workspace().join("codecs/transform.rs");
        let mut command = command(["run", codec.to_str().unwrap(), "--anchors", "none", "--gop", "8"]);
        command.args(["--clip", clip.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
        Self { child, out: out.to_owned(), before }
    }

    /// Waits until this run, not one before it, has begun to write streams.
    fn wait_for_streams(&mut self) {
        let started = Instant::now();
        let begun = |run: &PathBuf| !self.before.contains(run) && run.join("bundle/streams").is_dir();
        while !runs(&self.out).iter().any(begun) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the run ended before it wrote a stream: {ended:?}");
            assert!(started.elapsed() < PATIENCE, "no stream after {PATIENCE:?}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits for the end: its exit code and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It has ended, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
        let mut run = Run::start(&clip, &out);
        run.wait_for_streams();
        run.child.kill().unwrap();
        assert_eq!(run.end().0, None, "it was killed in the middle");
        assert_eq!(bundles(&out), 0, "nothing half-written is published");
        assert_eq!(runs(&out).len(), 1, "what was killed left its directory, and the one before was swept");
    }
    let (code, said_last) = Run::start(&clip, &out).end();
    assert_eq!(code, Some(0), "{said_last}");
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
    let mut run = Run::start(&clip, &out);
    run.wait_for_streams();
    // The whole group, as a terminal does it.
    let group = format!("-{}", run.child.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    let (code, said) = run.end();
    assert_eq!(code, Some(130), "{said}");
    assert_eq!((bundles(&out), runs(&out).len()), (0, 0), "its directory went with it");
}
