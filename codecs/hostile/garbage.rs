//! no failure: poor quality. The encoder returns bytes that have nothing to do with the pictures.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Garbage in the stream.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    (0..64 * gop.shape().frames).map(|index| (index * 197 >> 3) as u8).collect()
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    for (index, sample) in gop.bytes_mut().iter_mut().enumerate() {
        *sample = bytes[index % bytes.len()];
    }
}
