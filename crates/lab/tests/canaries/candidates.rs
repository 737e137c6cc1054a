//! Sources of the canaries: those of `codecs/hostile`, and cheats around a codec that is good otherwise, so that what is
//! caught is the cheat.

use crate::bench::repository;

pub(crate) fn source(canary: &str) -> String {
    let hostile = |name: &str| codec(&format!("hostile/{name}"));
    match canary {
        "source_reads_files" => hostile("include_secret"),
        "clip_in_decoder" => hostile("carries_video"),
        "endless_loop" => hostile("loop_decode"),
        "memory_bomb" => hostile("allocation_bomb"),
        "stack_overflow" => hostile("deep_recursion"),
        "constant_frames" => hostile("black"),
        "cached_output" => hostile("remembers"),
        "empty_stream" => hostile("empty_output"),
        "honest" => around("true", "Some(at)", ""),
        "frames_dropped" => around("at % 4 != 3", "Some(at)", ""),
        "frames_duplicated" => around("at % 2 == 0", "Some(at / 2)", ""),
        "frames_swapped" => around("true", "Some(at ^ 1)", ""),
        "frames_off_by_one" => around("true", "Some(at.saturating_sub(1))", ""),
        "planes_swapped" => around(
            "true",
            "Some(at)",
            "let chroma = shape.chroma_len(); let (u, v) = frame[shape.luma_len()..].split_at_mut(chroma); u.swap_with_slice(v);",
        ),
        "chroma_forsaken" => around("true", "Some(at)", "frame[shape.luma_len()..].fill(128);"),
        other => panic!("no source of the canary {other}"),
    }
}

pub(crate) fn codec(name: &str) -> String {
    std::fs::read_to_string(repository().join("codecs").join(format!("{name}.rs"))).unwrap()
}

/// The transform codec, given only the frames for which `kept` holds, showing for each place the frame `shown` of those it
/// decoded, black where there is none, and each with `change` done to it.
fn around(kept: &str, shown: &str, change: &str) -> String {
    format!(
        r"{CHEAT}
const fn kept(at: usize) -> bool {{ let _ = at; {kept} }}
#[cfg(decoder)]
const fn shown(at: usize) -> Option<usize> {{ {shown} }}
#[cfg(decoder)]
fn change(shape: aiv1_kit::Shape, frame: &mut [u8]) {{ let _ = (shape, &frame); {change} }}
mod honest {{
{}
}}
",
        codec("transform")
    )
}

const CHEAT: &str = r#"
pub const ABOUT: &str = "A cheat around an honest codec.";
#[cfg(encoder)]
pub const PARAMETERS: &[aiv1_kit::Parameter] = honest::PARAMETERS;

fn few(shape: aiv1_kit::Shape) -> (aiv1_kit::Shape, Vec<usize>) {
    let indices: Vec<usize> = (0..shape.frames).filter(|at| kept(*at)).collect();
    (aiv1_kit::Shape { frames: indices.len(), ..shape }, indices)
}

#[cfg(encoder)]
pub fn encode(settings: &aiv1_kit::Settings, quality: u8, gop: &aiv1_kit::Gop<'_>) -> Vec<u8> {
    let (shape, indices) = few(gop.shape());
    let length = shape.frame_len();
    let bytes: Vec<u8> = indices.iter().flat_map(|at| &gop.bytes()[at * length..(at + 1) * length]).copied().collect();
    honest::encode(settings, quality, &aiv1_kit::Gop::new(shape, &bytes).unwrap())
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut aiv1_kit::GopMut<'_>) {
    let whole = gop.shape();
    let (shape, _) = few(whole);
    let length = shape.frame_len();
    let mut decoded = vec![0; shape.gop_len()];
    honest::decode(bytes, &mut aiv1_kit::GopMut::new(shape, &mut decoded).unwrap());
    for (at, frame) in gop.bytes_mut().chunks_exact_mut(length).enumerate() {
        if let Some(from) = shown(at).filter(|from| *from < shape.frames) {
            frame.copy_from_slice(&decoded[from * length..(from + 1) * length]);
        }
        change(whole, frame);
    }
}
"#;
