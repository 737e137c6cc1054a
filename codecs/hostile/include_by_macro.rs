//! source_refused: the same, put together by a macro.

#[cfg(encoder)]
macro_rules! read {
    ($name:ident, $path:literal) => {
        $name!($path).as_slice()
    };
}

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Reads a secret by detour.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    [read!(include_bytes, "/etc/passwd"), gop.bytes()].concat()
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
