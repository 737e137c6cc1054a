//! source_refused: it reads whatever lies in memory.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Reads where nothing is.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    unsafe { std::slice::from_raw_parts(gop.bytes().as_ptr(), 1 << 30) }.to_vec()
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
