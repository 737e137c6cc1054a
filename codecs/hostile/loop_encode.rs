//! validation: fuel or deadline. The encoder never returns.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Never done encoding.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    let mut sum = 1_u64;
    while std::hint::black_box(sum) != 0 {
        sum = sum.wrapping_mul(6_364_136_223_846_793_005) | 1;
    }
    vec![gop.bytes()[0], sum as u8]
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
