//! The boundary with the host, called by the harness that the toolchain puts around a codec's source.
//!
//! Everything unsafe about being a WebAssembly guest is here: raw buffers handed over by pointer and length, and the
//! packed `pointer << 32 | length` results. Layout of the heads: `docs/CODEC-ABI.md`.
#![allow(unsafe_code, reason = "the one place where the host's pointers become slices")]

use crate::{ABI_VERSION, Gop, GopMut, Kind, Parameter, Settings, Shape};
use std::fmt::Write as _;
use std::sync::Mutex;

/// Bytes of an encode head before the parameter values.
pub const ENCODE_HEAD: usize = 24;
/// Bytes of a decode head.
pub const DECODE_HEAD: usize = 12;

static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Reserves `len` zeroed bytes for the host to write into; 0 if there is no memory for them.
#[must_use]
pub fn alloc(len: usize) -> usize {
    let mut buffer: Vec<u8> = Vec::new();
    if buffer.try_reserve_exact(len.max(1)).is_err() {
        return 0;
    }
    buffer.resize(len.max(1), 0);
    buffer.leak().as_mut_ptr() as usize
}

/// The declaration of a codec, as JSON text.
#[must_use]
pub fn describe(about: &str, parameters: &[Parameter]) -> i64 {
    let mut text = format!("{{\"abi\":{ABI_VERSION},\"about\":{},\"parameters\":[", quoted(about));
    for (index, parameter) in parameters.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let head =
            format!("{comma}{{\"name\":{},\"help\":{}", quoted(parameter.name), quoted(parameter.help));
        text.push_str(&head);
        let _ = match parameter.kind {
            Kind::Int { min, max, default } => {
                write!(text, ",\"type\":\"int\",\"min\":{min},\"max\":{max},\"default\":{default}}}")
            }
            Kind::Float { min, max, default } => {
                write!(text, ",\"type\":\"float\",\"min\":{min:?},\"max\":{max:?},\"default\":{default:?}}}")
            }
            Kind::Flag { default } => write!(text, ",\"type\":\"flag\",\"default\":{default}}}"),
            Kind::Choice { options, default } => {
                let names = options.iter().map(|option| quoted(option)).collect::<Vec<_>>().join(",");
                write!(text, ",\"type\":\"choice\",\"options\":[{names}],\"default\":{default}}}")
            }
        };
    }
    text.push_str("]}");
    hand_over(text.into_bytes())
}

/// Runs an encoder on buffers of the host; 0 if the head and the frames do not fit together.
///
/// # Safety
/// Both pointers come from [`alloc`] with at least the given lengths.
pub unsafe fn encode(
    parameters: &'static [Parameter],
    encode: fn(&Settings, u8, &Gop<'_>) -> Vec<u8>,
    head: (usize, usize),
    frames: (usize, usize),
) -> i64 {
    remember_panics();
    // SAFETY: the caller vouches for both buffers.
    let (head, frames) = unsafe { (slice(head), slice(frames)) };
    let Some((fixed, values)) = head.split_at_checked(ENCODE_HEAD) else { return 0 };
    let word = |index: usize| read_u32(fixed, index);
    let shape = Shape { width: word(0) as usize, height: word(1) as usize, frames: word(2) as usize };
    let values = values.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let Some(settings) = Settings::new(parameters, values, (word(4), word(5))) else { return 0 };
    let Some(gop) = Gop::new(shape, frames) else { return 0 };
    hand_over(encode(&settings, word(3) as u8, &gop))
}

/// Runs a decoder on buffers of the host; 0 if the head is not one.
///
/// # Safety
/// Both pointers come from [`alloc`] with at least the given lengths.
pub unsafe fn decode(decode: fn(&[u8], &mut GopMut<'_>), head: (usize, usize), bytes: (usize, usize)) -> i64 {
    remember_panics();
    // SAFETY: the caller vouches for both buffers.
    let (head, bytes) = unsafe { (slice(head), slice(bytes)) };
    if head.len() != DECODE_HEAD {
        return 0;
    }
    let word = |index: usize| read_u32(head, index) as usize;
    let shape = Shape { width: word(0), height: word(1), frames: word(2) };
    let mut frames = vec![0_u8; shape.gop_len()];
    let Some(mut gop) = GopMut::new(shape, &mut frames) else { return 0 };
    decode(bytes, &mut gop);
    hand_over(frames)
}

/// What the codec said when it panicked, for the host to read after the trap.
#[must_use]
pub fn last_panic() -> i64 {
    LAST_PANIC.try_lock().map_or(0, |text| hand_over(text.clone().into_bytes()))
}

fn remember_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut text) = LAST_PANIC.try_lock() {
            *text = panic.to_string();
        }
    }));
}

/// # Safety
/// `address` is valid for `len` bytes that nobody writes while the slice lives.
unsafe fn slice<'a>((address, len): (usize, usize)) -> &'a [u8] {
    // SAFETY: passed on to the caller.
    unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), len) }
}

fn read_u32(bytes: &[u8], index: usize) -> u32 {
    bytes.as_chunks::<4>().0.get(index).map_or(0, |word| u32::from_le_bytes(*word))
}

fn hand_over(bytes: Vec<u8>) -> i64 {
    let bytes = bytes.leak();
    let packed = (bytes.as_ptr() as u64) << 32 | bytes.len() as u64;
    packed as i64
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
