//! compile_limit or compile_error: types that double at every level, and code for each of them.

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

pub const ABOUT: &str = "Generics without end.";

#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[];

#[cfg(encoder)]
pub fn encode(_: &Settings, _: u8, gop: &Gop<'_>) -> Vec<u8> {
    vec![Forest::walk::<u8>(gop.bytes()[0])]
}

#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}

#[cfg(encoder)]
struct Left<Path>(Path);

#[cfg(encoder)]
struct Right<Path>(Path);

/// A tree below which every leaf has a type, and so a function, of its own.
#[cfg(encoder)]
trait Tree {
    fn walk<Path>(seed: u8) -> u8;
}

#[cfg(encoder)]
struct Fork<Below>(Below);

#[cfg(encoder)]
impl Tree for u8 {
    fn walk<Path>(seed: u8) -> u8 {
        std::hint::black_box(seed) ^ size_of::<Path>() as u8
    }
}

#[cfg(encoder)]
impl<Below: Tree> Tree for Fork<Below> {
    fn walk<Path>(seed: u8) -> u8 {
        Below::walk::<Left<Path>>(std::hint::black_box(seed))
            ^ Below::walk::<Right<Path>>(seed.rotate_left(1))
    }
}

#[cfg(encoder)]
type Fork5<Below> = Fork<Fork<Fork<Fork<Fork<Below>>>>>;
#[cfg(encoder)]
type Forest = Fork5<Fork5<Fork5<Fork5<Fork5<u8>>>>>;
