//! validation: trap. The encoder calls itself until the stack is gone.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Recursion without end.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    vec![dig(gop.bytes(), 0) as u8]
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}

#[cfg(encoder)]
fn dig(bytes: &[u8], depth: usize) -> usize {
    let frame = std::hint::black_box([depth; 64]);
    let below = dig(bytes, frame[depth % 64] + 1);
    below + std::hint::black_box(&frame)[bytes[depth % bytes.len()] as usize % 64]
}
