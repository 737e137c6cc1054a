//! The transform codec's decoder, sandboxed against compiled natively, and GOP-parallel scaling: figures and ratios,
//! each pair in the same run. `cargo bench -p aiv1-tests --bench sandbox [VIDEO]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot run"
)]

use aiv1_decoder::stream::{Header, Reader, Writer};
use aiv1_decoder::{DecodeRange, Decoder, EncodeRequest, Encoder, Module, Role, decode_stream};
use aiv1_kit::{GopMut, Settings, Shape};
use aiv1_lab::{Builder, Home, Toolchain, toolchain};
use aiv1_model::{ClipClass, Digest, Limits};
use aiv1_video::{Clip, ClipOptions, Ffmpeg, Gop};
use std::io::Cursor;
use std::time::{Duration, Instant};

#[allow(
    dead_code,
    clippy::all,
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    reason = "compiled here as it stands"
)]
#[path = "../../codecs/transform.rs"]
mod transform;

const GOP_FRAMES: usize = 32;
const GOPS: usize = 2;
const QUALITY: u8 = 32;
const ROUNDS: usize = 5;

fn main() {
    let ffmpeg = Ffmpeg::find().unwrap();
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).map(Into::into);
    let path = given.unwrap_or_else(|| aiv1_tests::real_clip("london_drive_720p.mp4"));
    let options =
        ClipOptions { frame_limit: Some((GOP_FRAMES * GOPS) as u64), class: ClipClass::Nonpristine };
    let clip = Clip::open(&ffmpeg, &path, &options).unwrap();
    let format = clip.info.format;
    println!(
        "{}: {}, {} frames, GOPs of {GOP_FRAMES}, quality index {QUALITY}",
        clip.info.name, format, clip.info.frames
    );

    let home = Home::from_environment().unwrap();
    let helper = aiv1_tests::confine_helper();
    let builder = Builder::new(
        Toolchain::find(&toolchain::Config::from_environment(home.root())).unwrap(),
        helper,
        home.modules(),
    );
    let source = std::fs::read_to_string(aiv1_tests::workspace().join("codecs/transform.rs")).unwrap();
    let built = builder.build("transform", &source).unwrap();
    let limits = Limits::default();
    let compile = |role, wasm: &[u8]| Module::compile_in_process(role, wasm, &limits).unwrap();
    let encoder = Encoder::new(compile(Role::Encoder, &built.encoder), &limits).unwrap();
    let decoder = Decoder::new(compile(Role::Decoder, &built.decoder), &limits).unwrap();

    let mut reader = clip.reader(&ffmpeg).unwrap();
    let settings = Settings::defaults(transform::PARAMETERS);
    let numbers = encoder.declaration().numbers(&aiv1_model::Parameters::new()).unwrap();
    let mut gops = Vec::new();
    let (mut native_encode, mut sandboxed_encode) = (Duration::ZERO, Duration::ZERO);
    loop {
        let mut gop = Gop::empty(&format);
        let frames = reader.read_gop(GOP_FRAMES, &mut gop).unwrap();
        if frames == 0 {
            break;
        }
        let shape = Shape { width: format.width as usize, height: format.height as usize, frames };
        let started = Instant::now();
        let native = transform::encode(&settings, QUALITY, &aiv1_kit::Gop::new(shape, gop.data()).unwrap());
        native_encode += started.elapsed();
        let request = EncodeRequest { quality: QUALITY, frame_rate: format.frame_rate, numbers: &numbers };
        let encoded = encoder.encode_gop(&request, &gop).unwrap();
        sandboxed_encode += encoded.wall;
        assert_eq!(encoded.bytes, native, "sandboxed and native encoders write the same bytes");
        gops.push((shape, native));
    }
    let frames: usize = gops.iter().map(|(shape, _)| shape.frames).sum();
    report("encode", frames, native_encode, sandboxed_encode);

    let (mut native, mut sandboxed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut native_time, mut sandboxed_time) = (Duration::ZERO, Duration::ZERO);
        for (shape, payload) in &gops {
            let started = Instant::now();
            let mut out = vec![0; shape.gop_len()];
            transform::decode(payload, &mut GopMut::new(*shape, &mut out).unwrap());
            native_time += started.elapsed();
            let started = Instant::now();
            let decoded =
                decoder.decode_gop(payload, format.width, format.height, shape.frames as u32).unwrap();
            sandboxed_time += started.elapsed();
            assert!(decoded.data() == out, "sandboxed and native decoders give the same frames");
        }
        native.push(native_time);
        sandboxed.push(sandboxed_time);
    }
    report("decode", frames, median(native), median(sandboxed));
    scaling(&clip, &decoder, &Digest::of(&built.decoder), &gops, &limits);
}

/// Decodes the same stream with one thread and with all.
fn scaling(clip: &Clip, decoder: &Decoder, sha256: &Digest, gops: &[(Shape, Vec<u8>)], limits: &Limits) {
    let header = Header {
        format: clip.info.format,
        gop_frames: GOP_FRAMES as u16,
        quality: QUALITY,
        decoder: *sha256,
        clip: clip.info.id,
    };
    let mut writer = Writer::new(Vec::new(), header, limits).unwrap();
    for (shape, payload) in gops {
        let decoded = decoder
            .decode_gop(payload, shape.width as u32, shape.height as u32, shape.frames as u32)
            .unwrap();
        writer.write_gop(payload, &decoded.frame_hashes()).unwrap();
    }
    let (stream, _) = writer.finish().unwrap();
    let frames: usize = gops.iter().map(|(shape, _)| shape.frames).sum();
    let time = |threads| {
        let rounds = (0..ROUNDS).map(|_| {
            let mut reader = Reader::open(Cursor::new(&stream), limits).unwrap();
            let started = Instant::now();
            decode_stream(&mut reader, decoder, DecodeRange::ALL, threads, |_| {
                Ok::<_, aiv1_decoder::Error>(())
            })
            .unwrap();
            started.elapsed()
        });
        median(rounds.collect())
    };
    let threads = std::thread::available_parallelism().unwrap();
    let (one, all) = (time(std::num::NonZeroUsize::MIN), time(threads));
    println!(
        "GOP-parallel decode, hashes checked: 1 thread {:.1} fps, {threads} threads {:.1} fps: {:.2} x",
        fps(frames, one),
        fps(frames, all),
        one.as_secs_f64() / all.as_secs_f64()
    );
}

fn report(what: &str, frames: usize, native: Duration, sandboxed: Duration) {
    println!(
        "{what}: native {:.1} fps, sandboxed {:.1} fps: {:.2} of native",
        fps(frames, native),
        fps(frames, sandboxed),
        native.as_secs_f64() / sandboxed.as_secs_f64()
    );
}

fn fps(frames: usize, time: Duration) -> f64 {
    frames as f64 / time.as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
