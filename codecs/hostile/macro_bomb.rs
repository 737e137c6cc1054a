//! compile_limit or compile_error: a macro that doubles itself at every level.

#[cfg(encoder)]
macro_rules! bomb {
    ($value:expr;) => { $value };
    ($value:expr; $level:tt $($rest:tt)*) => { bomb!($value; $($rest)*) ^ bomb!($value; $($rest)*) };
}

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Macros without end.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    vec![gop.bytes()[0], bomb!(1 + 1; a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a)]
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
