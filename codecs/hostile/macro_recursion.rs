//! compile_limit or compile_error: a macro that never comes to an end and doubles what it is given.

#[cfg(encoder)]
macro_rules! again {
    ($($token:tt)*) => { again!($($token)* $($token)*) };
}

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "A macro that calls itself.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    vec![gop.bytes()[0], again!(1)]
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
