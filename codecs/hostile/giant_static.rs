//! compile_limit or compile_error: a static of a gigabyte.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "A gigabyte in the module.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    vec![GIANT[gop.bytes().len() % GIANT.len()]]
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}

#[cfg(encoder)]
static GIANT: [u8; 1 << 30] = {
    let mut giant = [1; 1 << 30];
    giant[77] = 7;
    giant
};
