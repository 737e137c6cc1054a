//! validation: module size. The decoder holds the pictures and the stream next to nothing.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "The decoder is the video.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    vec![gop.bytes()[0]]
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    for (index, sample) in gop.bytes_mut().iter_mut().enumerate() {
        *sample = (VIDEO[index % VIDEO.len()] >> 24) as u8 ^ bytes[0];
    }
}

/// More than a megabyte that no optimiser can put in fewer.
#[cfg(decoder)]
static VIDEO: [u32; 320 << 10] = {
    let (mut video, mut state, mut index) = ([0; 320 << 10], 1_u32, 0);
    while index < video.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        video[index] = state;
        index += 1;
    }
    video
};
