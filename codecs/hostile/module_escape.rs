//! compile_error: it tries to close the harness's bracket and to export more than it may.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Closes what it did not open.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    gop.bytes().to_vec()
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}

pub mod boundary {
    /// The harness's own module of this name is another one.
    pub fn abi() -> i32 {
        crate::boundary::abi() + 1
    }
}
