//! validation: trap. The encoder keeps half of the frames, the decoder writes one frame more than there are.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Lies about lengths.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    let half = &gop.bytes()[..gop.bytes().len() / 2];
    half.to_vec()
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    // The one way to hand over fewer frames is to write fewer: the buffer's length is the kit's.
    let frames = bytes.len() / gop.shape().frame_len();
    for frame in 0..=gop.shape().frames.max(frames) {
        gop.plane_mut(frame, 0).fill(bytes[0]);
    }
}
