//! validation: parameters. It declares a default outside its range, a name that is none, and one name twice.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "<script>alert(1)</script>";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[
    Parameter::int("radius", 1, 4, 9, "default outside the range"),
    Parameter::flag("<b>", true, "no name"),
    Parameter::flag("radius", true, "twice"),
];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    gop.bytes().to_vec()
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
