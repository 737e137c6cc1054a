//! Ten seconds of 1080p30, rebuilt into the preview: seconds, frames a second, peak memory. The budget is 10 s on two
//! cores and 512 MiB.
//!
//! `cargo bench -p aiv1-regenerate-video`; `CODEC` names the starting codec (`transform`), `AIV1_CLIPS` the folder of
//! clips of which `CLIP` is read. One group of pictures is encoded, outside the clock, and repeated: its frames are real,
//! and rebuilding does not know that they come again.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a bench prints its figures"
)]

#[path = "../tests/support/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod support;

use aiv1_decoder::stream::{Header, Writer};
use aiv1_decoder::{Decoder, EncodeRequest, Encoder, Role};
use aiv1_lab::{Lab, machine};
use aiv1_model::{Limits, Parameters, Record};
use aiv1_store::contract::fixtures;
use aiv1_store::{BlobKey, ObjectKind, Rebuild};
use aiv1_video::{Clip, ClipOptions, Gop};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use support::{Stored, THREADS, publish, run, submission};

const QUALITY: u8 = 32;
const GOP_FRAMES: u16 = 30;
const GOPS: usize = 10;

fn main() -> ExitCode {
    if let Some(code) = machine::run_as_child() {
        return code;
    }
    let clips = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/clips"));
    let clips = std::env::var_os("AIV1_CLIPS").map_or_else(clips, PathBuf::from);
    let path = clips.join(std::env::var_os("CLIP").unwrap_or_else(|| "street_tree_1080p.mp4".into()));
    if !path.exists() {
        eprintln!("SKIPPED: no {}; set AIV1_CLIPS", path.display());
        return ExitCode::SUCCESS;
    }
    let codec = std::env::var_os("CODEC").unwrap_or_else(|| "transform".into());
    let codec = codec.to_string_lossy().into_owned();
    let folder = tempfile::tempdir().unwrap();
    let lab = machine::lab(THREADS).unwrap_or_else(|error| panic!("{}", aiv1_lab::chain(&error)));
    let small = run(&lab, &codec, folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stored = Stored::import(&lab, &small, folder.path()).await;
        let record = with_long_stream(&stored, &lab, &path).await;
        let (experiment, clip) = (record.id.clone(), record.points[0].clip);
        let quality_index = record.points[0].quality_index;
        publish(&*stored.catalog, submission(&record), record, fixtures::bundle(1)).await;

        let target = Rebuild::Video { experiment, clip, quality_index };
        forget_peak();
        let started = Instant::now();
        let rebuilt = stored.rebuilder.rebuild(&target).await.unwrap_or_else(|error| panic!("{}", error.reason()));
        let seconds = started.elapsed().as_secs_f64();
        let frames = rebuilt.frames.unwrap();
        let (fps, peak) = (frames as f64 / seconds, peak_mebibytes());
        println!(
            "{codec}: {frames} frames of 1080p rebuilt in {seconds:.1} s, {fps:.1} fps, on {THREADS} threads; peak {peak:.0} MiB; {:.1} MiB of MP4; load average {}",
            rebuilt.bytes as f64 / f64::from(1 << 20),
            std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
        );
    });
    ExitCode::SUCCESS
}

/// The small experiment's record under another id, its first stream replaced by a long one.
async fn with_long_stream(stored: &Stored, lab: &Lab, path: &Path) -> Record {
    let limits = Limits::default();
    let module = |role, name: &str| {
        let wasm = std::fs::read(stored.bundle.join("codec").join(name)).unwrap();
        lab.compiler.compile(role, &wasm, &limits).unwrap()
    };
    let encoder = Encoder::new(module(Role::Encoder, "encoder.wasm"), &limits).unwrap();
    let decoder = Decoder::new(module(Role::Decoder, "decoder.wasm"), &limits).unwrap();

    let options = ClipOptions { frame_limit: Some(GOP_FRAMES.into()), ..ClipOptions::default() };
    let clip = Clip::open(&lab.ffmpeg, path, &options).unwrap();
    let format = clip.info.format;
    let mut gop = Gop::empty(&format);
    clip.reader(&lab.ffmpeg).unwrap().read_gop(GOP_FRAMES.into(), &mut gop).unwrap();
    let numbers = encoder.declaration().numbers(&Parameters::new()).unwrap();
    let request = EncodeRequest { quality: QUALITY, frame_rate: format.frame_rate, numbers: &numbers };
    let encoded = encoder.encode_gop(&request, &gop).unwrap();
    let (payload, frames) = (encoded.bytes, u32::from(GOP_FRAMES));
    let decoded = decoder.decode_gop(&payload, format.width, format.height, frames).unwrap();
    let (hashes, memory) = (decoded.frame_hashes(), decoded.peak_memory_bytes());
    drop(decoded);

    let mut record = stored.record.clone();
    let header = Header {
        format,
        gop_frames: GOP_FRAMES,
        quality: QUALITY,
        decoder: record.codec.decoder.as_ref().unwrap().sha256,
        clip: clip.info.id,
    };
    let file = stored.folder.join("long.aiv1");
    let mut writer = Writer::new(std::fs::File::create(&file).unwrap(), header, &limits).unwrap();
    for _ in 0..GOPS {
        writer.write_gop(&payload, &hashes).unwrap();
    }
    let (_, finished) = writer.finish().unwrap();
    stored.blobs.put_file(&BlobKey::object(ObjectKind::Stream, finished.sha256), &file).await.unwrap();
    let mebibytes = [encoded.peak_memory_bytes, memory].map(|bytes| bytes >> 20);
    println!(
        "{format}, {} frames, stream of {} bytes; MiB of memory to encode and to decode a group: {mebibytes:?}",
        finished.frames, finished.bytes
    );
    record.asked = fixtures::submission(7).parameters;
    record.id = submission(&record).id();
    record.points[0].stream.sha256 = finished.sha256;
    record.points[0].stream.bytes = finished.bytes;
    record.points[0].cost.peak_memory_bytes = encoded.peak_memory_bytes.max(memory);
    record
}

/// Lets the peak begin anew: encoding came before.
fn forget_peak() {
    // Where it cannot be, the figure is of the whole process and only larger.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Peak resident memory of this process.
fn peak_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}
