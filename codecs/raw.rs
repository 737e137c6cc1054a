//! `raw`: identity. It compresses nothing and loses nothing, so it proves that every byte of a frame survives the way
//! through the sandbox, the stream and back.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

/// One line for the pages.
pub const ABOUT: &str = "Identity: every sample as it is.";

/// Nothing to turn.
#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

/// Copies the frames.
#[cfg(encoder)]
pub fn encode(_settings: &Settings, _quality: u8, gop: &Gop<'_>) -> Vec<u8> {
    gop.bytes().to_vec()
}

/// Copies them back.
#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
