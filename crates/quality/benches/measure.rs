//! PSNR and SSIM of 1080p here and in ffmpeg's two filters, on the same raw frames, one thread each, per CPU-second.
//!
//! `cargo bench -p aiv1-quality`. A plain program: what is compared is another process, whose CPU time is its own. ffmpeg
//! reads raw files, so there is nothing to decode; what it costs to read and drop the same files is subtracted. The
//! frames are of the clips folder (`AIV1_CLIPS`) where it is, generated otherwise. Prints figures, asserts nothing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_lossless,
    reason = "a program for people to read"
)]

use aiv1_quality::Measurer;
use aiv1_video::FrameRef;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const FRAME: usize = WIDTH * HEIGHT * 3 / 2;
const FRAMES: usize = 30;
/// Times that each side goes over the frames in one round.
const LOOPS: usize = 8;
const ROUNDS: usize = 5;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let what = make_pair(folder.path());
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let (source, decoded) = (read("source.yuv"), read("decoded.yuv"));
    println!("{what}, {WIDTH}x{HEIGHT}, {} frames a round, frames per CPU-second:", FRAMES * LOOPS);
    println!(
        "{:>8} {:>14} {:>14} {:>22} {:>7} {:>16}",
        "round", "aiv1-quality", "ffmpeg", "ffmpeg user time only", "ratio", "user time only"
    );
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let ours = per_second(measure_here(&source, &decoded));
        let filters = ffmpeg_seconds(
            folder.path(),
            &[
                "-filter_complex",
                "[0:v]split[a][b];[1:v]split[c][d];[a][c]psnr[x];[b][d]ssim[y]",
                "-map",
                "[x]",
                "-map",
                "[y]",
            ],
        );
        let reading = ffmpeg_seconds(folder.path(), &["-map", "0:v", "-map", "1:v"]);
        let all = per_second(filters.0 + filters.1 - reading.0 - reading.1);
        let user = per_second(filters.0 - reading.0);
        println!(
            "{round:>8} {ours:>14.0} {all:>14.0} {user:>22.0} {:>7.2} {:>16.2}",
            ours / all,
            ours / user
        );
        ratios.push((ours / all, ours / user));
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (all, user) = ratios.into_iter().unzip();
    println!("median ratio {:.2}; counting only ffmpeg's user time {:.2}", median(all), median(user));
}

fn per_second(seconds: f64) -> f64 {
    (FRAMES * LOOPS) as f64 / seconds
}

/// Writes the pair of raw files; says what they hold.
fn make_pair(folder: &Path) -> String {
    let clips = std::env::var_os("AIV1_CLIPS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/clips"), PathBuf::from);
    let clip = clips.join("street_tree_1080p.mp4");
    let real = clip.is_file();
    let input: Vec<&str> = if real {
        vec!["-i", clip.to_str().unwrap()]
    } else {
        vec!["-f", "lavfi", "-i", "mandelbrot=size=1920x1080:rate=25"]
    };
    for (name, filter) in [("source.yuv", "format=yuv420p"), ("decoded.yuv", "format=yuv420p,gblur=sigma=1")]
    {
        let status = Command::new("ffmpeg")
            .current_dir(folder)
            .args(["-v", "error", "-nostdin"])
            .args(&input)
            .args(["-frames:v", &FRAMES.to_string(), "-vf", filter, "-f", "rawvideo", name])
            .status()
            .unwrap();
        assert!(status.success(), "ffmpeg made no {name}");
    }
    format!("{} against itself blurred", if real { "street_tree_1080p.mp4" } else { "generated frames" })
}

/// CPU-seconds of this thread, user and system.
fn measure_here(source: &[u8], decoded: &[u8]) -> f64 {
    let frame = |data| FrameRef::new(WIDTH, HEIGHT, data).unwrap();
    let start = thread_seconds();
    let mut measurer = Measurer::new(WIDTH, HEIGHT).unwrap();
    for _ in 0..LOOPS {
        for (source, decoded) in source.chunks_exact(FRAME).zip(decoded.chunks_exact(FRAME)) {
            measurer.push(frame(source), frame(decoded)).unwrap();
        }
    }
    black_box(measurer.finish().unwrap());
    thread_seconds() - start
}

/// Time that this thread has spent on a processor, by the kernel's count in nanoseconds.
fn thread_seconds() -> f64 {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    counts.split_whitespace().next().unwrap().parse::<u64>().unwrap() as f64 / 1e9
}

/// User and system CPU-seconds of one ffmpeg run over the pair, as its `-benchmark` reports them.
fn ffmpeg_seconds(folder: &Path, arguments: &[&str]) -> (f64, f64) {
    let again = (LOOPS - 1).to_string();
    let raw =
        ["-stream_loop", &again, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", "1920x1080", "-i"];
    let output = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-hide_banner", "-nostdin", "-benchmark", "-threads", "1", "-filter_complex_threads", "1"])
        .args(raw)
        .arg("decoded.yuv")
        .args(raw)
        .arg("source.yuv")
        .args(arguments)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let seconds = |key: &str| -> f64 {
        let (_, rest) = log.split_once(key).unwrap();
        rest.split('s').next().unwrap().parse().unwrap()
    };
    (seconds("bench: utime="), seconds(" stime="))
}
