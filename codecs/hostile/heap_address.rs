//! no failure: deterministic all the same. It tries to be different each time; a module has no clock, no
//! randomness and no other instance's memory, so addresses and hash orders are the same in every run.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Looks for chance where there is none.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    use std::hash::{BuildHasher as _, RandomState};
    let boxed = Box::new(0_u8);
    let address = std::ptr::from_ref::<u8>(&boxed).addr() as u64;
    let hashed = RandomState::new().hash_one(1_u8);
    let fresh = Vec::<u8>::with_capacity(1 << 16).as_ptr().addr() as u64;
    let nan = (0.0_f64 / std::hint::black_box(0.0)).to_bits();
    let mut out = Vec::new();
    for number in [address, hashed, fresh, nan, gop.bytes()[0].into()] {
        out.extend(number.to_le_bytes());
    }
    out
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    use std::hash::{BuildHasher as _, RandomState};
    let address = std::ptr::from_ref::<[u8]>(bytes).addr() as u64;
    let mix = RandomState::new().hash_one(bytes) ^ address;
    for (index, sample) in gop.bytes_mut().iter_mut().enumerate() {
        *sample = (mix >> (index % 8 * 8)) as u8;
    }
}
