//! Frames to MP4 against ffmpeg's x264 ultrafast, on the same frames in the same run.
//!
//! `cargo bench -p aiv1-playback`; `AIV1_CLIPS` names the folder of clips, of which `CLIP` (by default the 1080p one
//! with the most motion) is read.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]

use aiv1_playback::{Mp4Writer, Options, has_assembly};
use aiv1_video::{Clip, ClipOptions, Ffmpeg, Gop};
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/clips"));
    let folder = std::env::var_os("AIV1_CLIPS").map_or_else(default, PathBuf::from);
    let name = std::env::var_os("CLIP").unwrap_or_else(|| "street_tree_1080p.mp4".into());
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("SKIPPED: no {}; set AIV1_CLIPS", path.display());
        return Ok(());
    }
    let ffmpeg = Ffmpeg::find()?;
    let clip = Clip::open(&ffmpeg, &path, &ClipOptions { frame_limit: Some(48), ..ClipOptions::default() })?;
    let mut frames = Gop::empty(&clip.info.format);
    let mut reader = clip.reader(&ffmpeg)?;
    reader.read_gop(48, &mut frames)?;
    drop(reader);
    let count = frames.len() as f64;
    println!("{}: {} frames of {}, assembly {}", clip.info.name, count, clip.info.format, has_assembly());
    let output = tempfile::tempdir()?;
    let before = peak_mebibytes();

    let mut best = f64::INFINITY;
    let ours = output.path().join("ours.mp4");
    for _ in 0..3 {
        let start = Instant::now();
        let mut writer = Mp4Writer::create(&ours, &clip.info.format, Options::default())?;
        frames.frames().try_for_each(|frame| writer.push(frame))?;
        let summary = writer.finish()?;
        best = best.min(start.elapsed().as_secs_f64());
        let rate = clip.info.bitrate(summary.bytes) / 1e6;
        println!("ours: {:.1} fps, {rate:.1} Mbps", count / start.elapsed().as_secs_f64());
    }
    println!("peak memory: {:.0} MiB more than the {before:.0} MiB of the frames", peak_mebibytes() - before);

    let theirs = output.path().join("theirs.mp4");
    let format = clip.info.format;
    for threads in ["1", "2"] {
        let start = Instant::now();
        let mut command = ffmpeg.command();
        command.args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size"]);
        command.args([
            &format!("{}x{}", format.width, format.height),
            "-framerate",
            &format.frame_rate.to_string(),
        ]);
        command.args(["-i", "-", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "24", "-g", "32"]);
        command.args(["-threads", threads, "-movflags", "+faststart", "-y"]).arg(&theirs);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        child.stdin.take().map_or(Ok(()), |mut input| input.write_all(frames.data()))?;
        child.wait()?;
        let rate = clip.info.bitrate(std::fs::metadata(&theirs)?.len()) / 1e6;
        let fps = count / start.elapsed().as_secs_f64();
        println!(
            "x264 ultrafast, {threads} threads: {fps:.1} fps, {rate:.1} Mbps; ours / theirs {:.2}",
            count / best / fps
        );
    }
    Ok(())
}

/// Peak resident memory of this process.
fn peak_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}
