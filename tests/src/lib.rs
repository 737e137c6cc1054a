//! What the end-to-end tests share: where the built command lies, where footage lies, and how a run is started.
//!
//! The command comes from `AIV1_BIN` (set by `make end-to-end`) so that what is tested is what `make demo` runs; without
//! it, the command is looked for where a release build puts it.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a test's helper reports by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests read their environment")]

pub mod browser;
pub mod live;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The checkout.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The built `aiv1`.
#[must_use]
pub fn aiv1() -> PathBuf {
    let built = || {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        target.join("release/aiv1")
    };
    let path = std::env::var_os("AIV1_BIN").map_or_else(built, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not there: run `make build` first, or the whole `make end-to-end`",
        path.display()
    );
    path
}

/// A command `aiv1 …` that shows no progress.
pub fn command(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(aiv1());
    command.arg("--quiet").args(arguments);
    command
}

/// Runs `aiv1 …` to its end.
pub fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    command(arguments).output().unwrap()
}

/// Standard error as text.
#[must_use]
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard output as JSON.
#[must_use]
pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("no JSON ({error}): {}\n{}", String::from_utf8_lossy(&output.stdout), said(output))
    })
}

/// How the built command confines a child: what a benchmark that uses the libraries hands to them.
#[must_use]
pub fn confine_helper() -> aiv1_confine::Helper {
    aiv1_confine::Helper::new(aiv1()).args(["__confine"])
}

/// The cache of the command under test.
#[must_use]
pub fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("AIV1_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("aiv1")))
        .unwrap_or_else(|| variable("HOME").unwrap().join(".cache/aiv1"))
}

/// Real footage: the clip of this name in the clips folder (`AIV1_CLIPS`), else the sample that `make setup` fetched.
#[must_use]
pub fn real_clip(name: &str) -> PathBuf {
    let folder =
        std::env::var_os("AIV1_CLIPS").map_or_else(|| workspace().join("../shared/clips"), PathBuf::from);
    let path = folder.join(name);
    if path.is_file() {
        return path;
    }
    let samples = cache().join("samples");
    assert!(
        samples.join("bikes.mp4").is_file(),
        "there is neither {} nor a sample in {}: run `make setup`, or set AIV1_CLIPS",
        path.display(),
        samples.display()
    );
    // The sample is there, so this only holds it against its digest.
    let output = Command::new(workspace().join("scripts/fetch-sample.sh")).arg(&samples).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
}

/// Makes a clip of moving test content with ffmpeg: `frames` frames of `size`, lossless H.264 unless `more` says otherwise.
#[must_use]
pub fn made_clip(folder: &Path, name: &str, size: &str, frames: u32, more: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let source = format!("testsrc2=size={size}:rate=25,noise=alls=6:allf=t:all_seed=7");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-hide_banner",
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        &source,
        "-frames:v",
        &frames.to_string(),
    ]);
    if more.is_empty() {
        ffmpeg.args(["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
    }
    let output = ffmpeg.args(more).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    path
}
