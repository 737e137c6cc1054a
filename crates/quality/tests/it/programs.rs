//! Running the real ffmpeg: frames from it, and what its filters say about two raw files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether there is an ffmpeg; says so if not.
pub(crate) fn ffmpeg_is_here() -> bool {
    let here = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok();
    if !here {
        eprintln!("SKIPPED: no ffmpeg on the path, so nothing is held against it");
    }
    here
}

/// A clip of the clips folder, `AIV1_CLIPS` or beside the workspace; says so if it is not there.
pub(crate) fn clip(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("AIV1_CLIPS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/clips"), PathBuf::from);
    let path = folder.join(name);
    if !path.is_file() {
        eprintln!("SKIPPED: no {name} in the clips folder (AIV1_CLIPS)");
        return None;
    }
    Some(path)
}

/// Standard output of ffmpeg.
pub(crate) fn ffmpeg_bytes(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg").args(["-v", "error", "-nostdin"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Packed I420 frames of a filter graph that makes 4:4:4 frames of at least the size, cropped to it and subsampled.
pub(crate) fn generated(graph: &str, width: usize, height: usize, frames: usize) -> Vec<u8> {
    let graph = format!("{graph},format=yuv444p,crop={width}:{height}:0:0:exact=1,format=yuv420p");
    let count = frames.to_string();
    ffmpeg_bytes(&["-f", "lavfi", "-i", &graph, "-frames:v", &count, "-f", "rawvideo", "-"])
}

/// What ffmpeg's `psnr` and `ssim` filters say.
pub(crate) struct Verdict {
    /// Summary PSNR of Y, U and V in dB; infinite if lossless.
    pub(crate) psnr: [f64; 3],
    /// Summary SSIM of Y.
    pub(crate) ssim_y: f64,
    /// Frame by frame, PSNR of Y, U and V in dB, from the filter's metadata (its statistics file has two digits).
    pub(crate) frame_psnrs: Vec<[f64; 3]>,
    /// Frame by frame, SSIM of Y, from the filter's statistics file.
    pub(crate) frame_ssims: Vec<f64>,
}

/// Runs both filters on two raw files; `options` come first.
pub(crate) fn verdict(
    options: &[&str],
    width: usize,
    height: usize,
    source: &[u8],
    decoded: &[u8],
) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("source.yuv"), source).unwrap();
    std::fs::write(folder.path().join("decoded.yuv"), decoded).unwrap();
    let size = format!("{width}x{height}");
    let raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", &size, "-i"];
    let graph = "[0:v]split[a][b];[1:v]split[c][d];[a][c]psnr,metadata=print:file=psnr.txt[x];\
                 [b][d]ssim=stats_file=ssim.txt[y]";
    let output = Command::new("ffmpeg")
        .current_dir(folder.path())
        .args(["-hide_banner", "-nostdin"])
        .args(options)
        .args(raw)
        .arg("decoded.yuv")
        .args(raw)
        .arg("source.yuv")
        .args(["-filter_complex", graph, "-map", "[x]", "-map", "[y]", "-f", "null", "-"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let summary = |line: &str, key: &str| after(log.lines().find(|text| text.contains(line)).unwrap(), key);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let metadata = read("psnr.txt");
    let plane = |key: &str| {
        metadata.lines().filter_map(|line| line.strip_prefix(key)?.parse().ok()).collect::<Vec<f64>>()
    };
    let [y, u, v] = ["lavfi.psnr.psnr.y=", "lavfi.psnr.psnr.u=", "lavfi.psnr.psnr.v="].map(plane);
    Verdict {
        psnr: ["y:", "u:", "v:"].map(|key| summary("PSNR y:", key)),
        ssim_y: summary("SSIM Y:", "Y:"),
        frame_psnrs: y.into_iter().zip(u).zip(v).map(|((y, u), v)| [y, u, v]).collect(),
        frame_ssims: read("ssim.txt").lines().map(|line| after(line, "Y:")).collect(),
    }
}

/// The number that follows `key`.
fn after(line: &str, key: &str) -> f64 {
    let (_, rest) = line.split_once(key).unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}
