//! validation: trap or memory. The encoder takes memory until there is none.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Memory without end.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(Vec::with_capacity(1 << 20 | gop.bytes().len())));
        if hoard.len() == usize::MAX {
            return hoard.concat();
        }
    }
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
