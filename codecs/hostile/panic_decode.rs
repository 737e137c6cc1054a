//! validation: trap, with a message about an index. The decoder reads past what it was given.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Panics while decoding.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    gop.bytes()[..1].to_vec()
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    let far = usize::from(bytes[0]) + bytes.len() + 1;
    gop.bytes_mut()[0] = bytes[far];
}
