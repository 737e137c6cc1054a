//! Rebuilding from what a real run stored. A test with a `main` of its own, because compilers and untrusted modules run
//! in children that are this very program.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests report by panicking")]

mod flaky;
mod queue;
#[path = "../support/mod.rs"]
mod support;

use aiv1_decoder::stream::Reader;
use aiv1_decoder::{DecodeRange, Decoder, Delivery, Role, decode_stream};
use aiv1_lab::{Bundle, Lab, machine};
use aiv1_model::{Digest, Limits};
use aiv1_playback::{Mp4Writer, Options};
use aiv1_regenerate_video::{Rebuilder, function_compiler, serve};
use aiv1_store::contract::fixtures;
use aiv1_store::{BlobKey, ObjectKind, Rebuild, RebuildState};
use aiv1_video::{Clip, ClipOptions};
use bytes::Bytes;
use std::process::ExitCode;
use support::{FRAMES, Stored, THREADS, publish, run, submission};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    if let Some(code) = machine::run_as_child() {
        return code;
    }
    // `cargo test -- --list` and the like want no run.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = machine::lab(THREADS).unwrap_or_else(|error| panic!("{}", aiv1_lab::chain(&error)));
    let published = run(&lab, "raw", folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stored = runtime.block_on(async {
        let stored = Stored::import(&lab, &published, folder.path()).await;
        a_preview_is_rebuilt_from_its_stream(&stored, &lab).await;
        a_streamed_preview_is_the_file_that_play_writes(&stored, &lab).await;
        an_archive_is_rebuilt_byte_for_byte(&stored, &lab).await;
        the_queue_is_served_once_however_many_ask(&stored).await;
        what_cannot_be_rebuilt_says_whose_fault_it_is(&stored).await;
        a_decoder_may_have_the_memory_that_it_was_measured_with(&stored).await;
        queue::all(&stored).await;
        stored
    });
    let standing = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    standing.unwrap().block_on(queue::within_time(&stored));
    eprintln!("rebuilds: all passed");
    ExitCode::SUCCESS
}

async fn a_preview_is_rebuilt_from_its_stream(stored: &Stored, lab: &Lab) {
    let target = stored.video(24);
    let rebuilt = stored.rebuilder.rebuild(&target).await.unwrap();
    assert_eq!(rebuilt.frames, Some(FRAMES));
    let made = stored.made(&target).await;
    let bytes = std::fs::read(&made).unwrap();
    assert_eq!((bytes.len() as u64, &bytes[4..8]), (rebuilt.bytes, &b"ftyp"[..]));
    let shown = Clip::open(&lab.ffmpeg, &made, &ClipOptions::default()).unwrap();
    assert_eq!(
        (shown.info.frames, shown.info.format.frame_rate),
        (FRAMES, stored.record.clips[0].format.frame_rate)
    );
    // What is there is left as it is; what expired is made again, byte for byte.
    assert_eq!(stored.rebuilder.rebuild(&target).await.unwrap().frames, None);
    stored.blobs.delete(&target.key()).await.unwrap();
    stored.rebuilder.rebuild(&target).await.unwrap();
    assert_eq!(std::fs::read(stored.made(&target).await).unwrap(), bytes);
    // Compiled as a function of the cloud does it, the same comes out.
    let (catalog, blobs) = (stored.catalog.clone(), stored.blobs.clone());
    let compiler = function_compiler().unwrap();
    let function = Rebuilder::new(catalog, blobs, compiler, stored.folder.join("scratch"), THREADS);
    stored.blobs.delete(&target.key()).await.unwrap();
    function.rebuild(&target).await.unwrap();
    assert_eq!(std::fs::read(stored.made(&target).await).unwrap(), bytes);
    assert_scratch_is_empty(stored);
}

async fn a_streamed_preview_is_the_file_that_play_writes(stored: &Stored, lab: &Lab) {
    let target = stored.video(24);
    let point = stored.record.points.iter().find(|point| point.quality_index == 24).unwrap();
    let (stream, file) = (stored.folder.join("stream.aiv1"), stored.folder.join("played.mp4"));
    let key = BlobKey::object(ObjectKind::Stream, point.stream.sha256);
    stored.blobs.download(&key, &stream, 1 << 30).await.unwrap().unwrap();
    let limits = Limits::default();
    let wasm = std::fs::read(stored.bundle.join("codec/decoder.wasm")).unwrap();
    let decoder =
        Decoder::new(lab.compiler.compile(Role::Decoder, &wasm, &limits).unwrap(), &limits).unwrap();
    let mut reader = Reader::open(std::fs::File::open(&stream).unwrap(), &limits).unwrap();
    let header = *reader.header();
    let options = Options { keyframe_interval: u32::from(header.gop_frames), ..Options::default() };
    let mut writer = Mp4Writer::create(&file, &header.format, options).unwrap();
    let range = DecodeRange::ALL;
    let played = decode_stream(&mut reader, &decoder, range, THREADS, |Delivery { gop, .. }| {
        gop.frames().try_for_each(|frame| writer.push(frame)).unwrap();
        Ok::<_, aiv1_decoder::Error>(())
    });
    played.unwrap();
    writer.finish().unwrap();
    stored.rebuilder.rebuild(&target).await.unwrap();
    let (streamed, played) =
        (std::fs::read(stored.made(&target).await).unwrap(), std::fs::read(file).unwrap());
    assert!(streamed == played, "{} and {} bytes", streamed.len(), played.len());
}

async fn an_archive_is_rebuilt_byte_for_byte(stored: &Stored, lab: &Lab) {
    let target = Rebuild::Bundle { experiment: stored.record.id.clone() };
    stored.rebuilder.rebuild(&target).await.unwrap();
    let exported = stored.folder.join("exported.tar");
    Bundle::open(&stored.bundle, &lab.home).unwrap().export(&exported).unwrap();
    let made = stored.made(&target).await;
    assert!(std::fs::read(&exported).unwrap() == std::fs::read(&made).unwrap(), "the archives differ");
    assert_eq!(Bundle::open(&made, &lab.home).unwrap().record(), &stored.record);
    assert_scratch_is_empty(stored);
}

async fn the_queue_is_served_once_however_many_ask(stored: &Stored) {
    let target = stored.video(32);
    for _ in 0..50 {
        stored.catalog.request_rebuild(&target).await.unwrap();
    }
    let status = finished(stored, &target).await;
    assert_eq!((status.0, status.1), (RebuildState::Done, 1));
    assert!(stored.blobs.head(&target.key()).await.unwrap().is_some());
}

/// Serves the queue until the target is done or failed; how it ended, and how often it was begun.
async fn finished(stored: &Stored, target: &Rebuild) -> (RebuildState, u32) {
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(stored.rebuilder.clone(), shutdown.clone()));
    let ended = async {
        loop {
            let status = stored.catalog.rebuild(target).await.unwrap().unwrap();
            if !matches!(status.state, RebuildState::Queued | RebuildState::Running) {
                return (status.state, status.attempt);
            }
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(std::time::Duration::from_mins(1), ended).await.unwrap();
    shutdown.cancel();
    serving.await.unwrap();
    ended
}

/// Why it is not made.
async fn failed(stored: &Stored, target: Rebuild) -> String {
    stored.catalog.request_rebuild(&target).await.unwrap();
    match finished(stored, &target).await.0 {
        RebuildState::Failed { reason } => reason,
        other => panic!("{target:?} is {other:?}"),
    }
}

async fn what_cannot_be_rebuilt_says_whose_fault_it_is(stored: &Stored) {
    let failed = async |target| failed(stored, target).await;
    let reason = failed(stored.video(33)).await;
    assert!(reason.starts_with("evaluator: ") && reason.ends_with("at quality index 33"), "{reason}");

    // A decoder that is none, and a stream that is not there.
    let garbage = Bytes::from_static(b"\0asm\x01\0\0\0no module");
    let decoder = Digest::of(&garbage);
    stored.blobs.put(&BlobKey::object(ObjectKind::Module, decoder), garbage).await.unwrap();
    let mut record = stored.record.clone();
    record.asked = fixtures::submission(7).parameters;
    let submission = submission(&record);
    record.id = submission.id();
    record.codec.decoder.as_mut().unwrap().sha256 = decoder;
    record.points[1].stream.sha256 = Digest::of(b"never stored");
    let (experiment, clip) = (record.id.clone(), record.clips[0].id);
    publish(&*stored.catalog, submission, record, fixtures::bundle(1)).await;
    let video = |quality_index| Rebuild::Video { experiment: experiment.clone(), clip, quality_index };
    let reason = failed(video(16)).await;
    assert!(reason.starts_with("candidate: "), "{reason}");
    let reason = failed(video(24)).await;
    assert!(
        reason.starts_with("infrastructure: streams/") && reason.ends_with("is not in the store"),
        "{reason}"
    );
    let reason = failed(Rebuild::Bundle { experiment }).await;
    assert!(reason.starts_with("infrastructure: manifests/"), "{reason}");
    assert_scratch_is_empty(stored);
}

async fn a_decoder_may_have_the_memory_that_it_was_measured_with(stored: &Stored) {
    let mut record = stored.record.clone();
    record.asked = fixtures::submission(8).parameters;
    record.points[0].cost.peak_memory_bytes = 1 << 16;
    let submission = submission(&record);
    record.id = submission.id();
    let (experiment, clip) = (record.id.clone(), record.points[0].clip);
    let quality_index = record.points[0].quality_index;
    publish(&*stored.catalog, submission, record, fixtures::bundle(1)).await;
    let reason = failed(stored, Rebuild::Video { experiment, clip, quality_index }).await;
    assert!(reason.starts_with("candidate: ") && reason.contains("65536"), "{reason}");
}

fn assert_scratch_is_empty(stored: &Stored) {
    assert_eq!(std::fs::read_dir(stored.folder.join("scratch")).unwrap().count(), 0);
}
