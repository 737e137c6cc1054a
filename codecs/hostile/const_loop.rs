//! compile_limit: a constant that takes for ever to compute.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "A constant without end.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    vec![(FOREVER & 1) as u8, gop.bytes()[0]]
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}

#[cfg(encoder)]
const FOREVER: u64 = {
    let mut number = 1_u64;
    while number != 0 {
        number = number.wrapping_mul(6_364_136_223_846_793_005) | 1;
    }
    number
};
