//! Writes the good files that fuzzing starts from: `seeds stream FOLDER`, and so on. It is built as a fuzz
//! target, since the instrumented crates want libFuzzer's runtime, and leaves before anything is fuzzed.
#![no_main]
#![allow(unreachable_code, reason = "it leaves before the macro's own code goes on")]

use aiv1_decoder::stream::{Header, Writer};
use aiv1_model::{ColorInfo, Digest, FrameRate, Limits, VideoFormat};
use libfuzzer_sys::fuzz_target;
use std::error::Error;
use std::fs;
use std::path::Path;

fuzz_target!(
    init: {
        write_seeds().expect("the seeds can be written");
        std::process::exit(0);
    },
    |_bytes: &[u8]| {}
);

fn write_seeds() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, target, folder] = args.as_slice() else { return Err("usage: seeds TARGET FOLDER".into()) };
    let files = match target.as_str() {
        "stream" => streams()?,
        "module" => modules()?,
        "reply" => replies(),
        other => return Err(format!("no seeds for {other}").into()),
    };
    for (number, bytes) in files.iter().enumerate() {
        fs::write(Path::new(folder).join(format!("seed-{number}")), bytes)?;
    }
    Ok(())
}

/// Each as it is and as one whose checksums are put right: the first byte says which.
fn streams() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut files = Vec::new();
    for (gops, last, payload_len) in [(1_u8, 1, 0), (1, 2, 20), (3, 1, 54), (40, 2, 5)] {
        let frame_rate = FrameRate { numerator: 30_000, denominator: 1001 };
        let format = VideoFormat { width: 5, height: 3, frame_rate, color: ColorInfo::UNSPECIFIED };
        let (decoder, clip) = (Digest::of(b"decoder"), Digest::of(b"clip"));
        let header = Header { format, gop_frames: 2, quality: 7, decoder, clip };
        let mut writer = Writer::new(Vec::new(), header, &Limits::default())?;
        for gop in 0..gops {
            let frames = if gop + 1 == gops { last } else { 2 };
            writer.write_gop(&vec![gop; payload_len], &vec![[gop; 8]; frames])?;
        }
        let bytes = writer.finish()?.0;
        files.extend([0, 1].map(|how| [&[how], bytes.as_slice()].concat()));
    }
    Ok(files)
}

/// Each kind of change that a model may propose, and one that is cut off.
fn replies() -> Vec<Vec<u8>> {
    let head = "### RATIONALE\nFiner.\n### PREDICTION\n{\"bd_rate\": -2.5, \"decode_fuel_per_pixel\": null}\n### NAME\nfiner\n\
                ### PARAMETERS\n```json\n{\"radius\": 8, \"mode\": \"fast\", \"on\": true, \"lambda\": 0.5}\n```\n";
    let source = "### SOURCE\n````rust\nfn step<'a>() -> char { /* ``` */ '\"' } // r#\"\"#\n````\n";
    let edits = "### EDITS\n```\n<<<<<<< SEARCH\nfn step() -> u8 { 1 }\n=======\nfn step() -> u8 { 2 }\n>>>>>>> REPLACE\n\
                 <<<<<<< SEARCH\nfn other() {}\n=======\n>>>>>>> REPLACE\n```\n";
    [source, edits, "### SOURCE\n```rust\nfn step() {"]
        .map(|change| format!("{head}{change}").into_bytes())
        .to_vec()
}

fn modules() -> Result<Vec<Vec<u8>>, wat::Error> {
    let identity =
        "(i64.or (i64.shl (i64.extend_i32_u (local.get 2)) (i64.const 32)) (i64.extend_i32_u (local.get 3)))";
    let float = "(f32.store (local.get 2) (f32.sqrt (f32.load (local.get 2)))) ";
    let vector = "(v128.store (local.get 2) (i8x16.add (v128.load (local.get 2)) (v128.const i64x2 1 2))) ";
    let grow =
        "(drop (memory.grow (i32.const 3))) (memory.fill (i32.const 70000) (i32.const 1) (i32.const 9)) ";
    let table = "(drop (call_indirect (result i32) (i32.const 0))) ";
    let looping =
        "(loop (br_if 0 (i32.lt_u (local.tee 3 (i32.sub (local.get 3) (i32.const 1))) (i32.const 99)))) ";
    let trap = "(if (i32.eqz (local.get 3)) (then unreachable)) ";
    let bodies = ["", float, vector, grow, table, looping, trap];
    let module = |entry: &str, body: &str| {
        let declaration = r#"{\"abi\":1,\"about\":\"x\",\"parameters\":[]}"#;
        let length = declaration.len() - declaration.matches('\\').count();
        let packed = 1024_u64 << 32 | length as u64;
        wat::parse_str(format!(
            "(module (memory (export \"memory\") 2) (global $top (mut i32) (i32.const 8192))
            (table 1 funcref) (elem (i32.const 0) $abi) (data (i32.const 1024) \"{declaration}\")
            (func $abi (export \"abi\") (result i32) (i32.const 1))
            (func (export \"describe\") (result i64) (i64.const {packed}))
            (func (export \"last_panic\") (result i64) (i64.const {packed}))
            (func (export \"alloc\") (param i32) (result i32)
                (global.get $top) (global.set $top (i32.add (global.get $top) (local.get 0))))
            (func (export \"{entry}\") (param i32 i32 i32 i32) (result i64) {body} {identity}))"
        ))
    };
    ["encode", "decode"].iter().flat_map(|entry| bodies.map(|body| module(entry, body))).collect()
}
