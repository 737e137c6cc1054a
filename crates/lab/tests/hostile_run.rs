//! Hostile sources that compile: what the sandbox says of them, and that honest codecs come through the same way.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "what cannot be set up fails the test; figures are printed"
)]

mod support;

use aiv1_decoder::{Decoder, EncodeRequest, Encoder, Error, Module, Role};
use aiv1_model::{ColorInfo, FrameRate, Limits, Parameters, VideoFormat};
use aiv1_video::Gop;
use std::fmt::Write as _;
use support::{builder, source, told};

const WIDTH: usize = 50;
const HEIGHT: usize = 34;
const FRAMES: usize = 3;
const RATE: FrameRate = FrameRate { numerator: 25, denominator: 1 };

/// Codec, the call that fails, the words for it.
const STOPPED: &[(&str, &str, &[&str])] = &[
    ("loop_encode", "encode", &["fuel"]),
    ("loop_decode", "decode", &["fuel"]),
    ("allocation_bomb", "encode", &["trap", "memory"]),
    ("deep_recursion", "encode", &["trap"]),
    ("panic_encode", "encode", &["trap"]),
    ("panic_decode", "decode", &["trap"]),
    ("abort_decode", "decode", &["trap"]),
    ("clock", "encode", &["trap"]),
    ("wrong_lengths", "decode", &["trap"]),
    ("huge_output", "encode", &["output_size"]),
    ("declares_nonsense", "load", &["declaration"]),
    ("carries_video", "load", &["module_size"]),
];

/// Codecs that do no harm but to themselves.
const HARMLESS: &[&str] = &["black", "garbage", "empty_output", "heap_address", "remembers"];

fn limits() -> Limits {
    // Loops cost test time in proportion to this.
    Limits { deadline_ms: 60_000, ..Limits::default() }
}

fn pictures() -> Gop {
    let color = ColorInfo::UNSPECIFIED;
    let format = VideoFormat { width: WIDTH as u32, height: HEIGHT as u32, frame_rate: RATE, color };
    let frame = WIDTH * HEIGHT * 3 / 2;
    let data = (0..FRAMES * frame).map(|at| (at / 7 * at % 251) as u8).collect();
    Gop::from_data(&format, data).unwrap()
}

/// The call that failed, and why.
type Failed = (&'static str, Error);

/// One way through the sandbox: the encoder's bytes and the frames.
fn through(text: &str, quality: u8) -> Result<(Vec<u8>, Vec<u8>), Failed> {
    let cache = support::user_cache().join("tests");
    let built = builder(&cache).build("hostile", text).unwrap_or_else(|error| panic!("{}", told(&error)));
    let limits = limits();
    let load = |error| ("load", error);
    let encoder = Module::compile_in_process(Role::Encoder, &built.encoder, &limits).map_err(load)?;
    let decoder = Module::compile_in_process(Role::Decoder, &built.decoder, &limits).map_err(load)?;
    let encoder = Encoder::new(encoder, &limits).map_err(load)?;
    let decoder = Decoder::new(decoder, &limits).map_err(load)?;
    let numbers = encoder.declaration().numbers(&Parameters::new()).unwrap();
    let request = EncodeRequest { quality, frame_rate: RATE, numbers: &numbers };
    let encoded = encoder.encode_gop(&request, &pictures()).map_err(|error| ("encode", error))?;
    let decoded = decoder
        .decode_gop(&encoded.bytes, WIDTH as u32, HEIGHT as u32, FRAMES as u32)
        .map_err(|error| ("decode", error))?;
    let pixels = (WIDTH * HEIGHT * FRAMES) as u64;
    eprintln!(
        "  {} bytes, {} and {} fuel per pixel",
        encoded.bytes.len(),
        encoded.fuel / pixels,
        decoded.fuel() / pixels
    );
    Ok((encoded.bytes, decoded.data().to_vec()))
}

#[test]
fn what_a_module_does_wrong_is_named_and_is_the_candidates() {
    let mut wrong = String::new();
    for (name, call, kinds) in STOPPED {
        match through(&source(&format!("hostile/{name}.rs")), 32) {
            Ok(_) => {
                let _ = writeln!(wrong, "{name} came through");
            }
            Err((failed, error)) => {
                eprintln!("{name}: {failed}: {}: {error}", error.kind());
                if failed != *call
                    || !kinds.contains(&error.kind())
                    || error.fault() != aiv1_model::Fault::Candidate
                {
                    let _ = writeln!(wrong, "{name}: {failed}: {}: {error}", error.kind());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_panics_own_words_arrive() {
    let (_, error) = through(&source("hostile/panic_encode.rs"), 32).unwrap_err();
    let evidence: Vec<_> = error.evidence().into_iter().map(|evidence| evidence.text).collect();
    let told = format!("{error} {evidence:?}");
    assert!(told.contains("the encoder gives up on 7650 bytes") && told.contains("codec.rs:15"), "{told}");
}

#[test]
fn chance_and_memory_are_the_same_every_time() {
    for name in HARMLESS {
        eprintln!("{name}:");
        let text = source(&format!("hostile/{name}.rs"));
        let (first, second) = (through(&text, 7).unwrap(), through(&text, 7).unwrap());
        assert!(first == second, "{name} differs from one run to the next");
    }
}

#[test]
fn the_starting_codecs_come_through() {
    for name in ["raw", "template", "procedural"] {
        for quality in [0, 32, 63] {
            eprintln!("{name} at {quality}:");
            let (bytes, frames) =
                through(&source(&format!("{name}.rs")), quality).unwrap_or_else(|(call, error)| {
                    panic!("{name}: {call}: {error}");
                });
            assert!(!bytes.is_empty());
            if name == "raw" {
                assert!(frames == pictures().data(), "raw is not exact");
            }
        }
    }
}
