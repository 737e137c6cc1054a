//! The guest kit: what a codec's source file may lean on, natively and inside the sandbox.
//!
//! A codec is two pure functions over a group of pictures. The kit gives it typed access to the pictures
//! ([`Gop`], [`GopMut`]), its declared parameters ([`Parameter`], [`Settings`]) and nothing that could reach outside:
//! the boundary with the host ([`guest`]) is written here once, so that a codec's own text needs no `unsafe`.
//! The contract is `docs/CODEC-ABI.md`.

mod parameters;
mod pictures;

pub mod guest;

pub use parameters::{Kind, Parameter, Settings};
pub use pictures::{Gop, GopMut, Shape};

/// Version of the contract between a module and its host; a module exports it as `abi`.
pub const ABI_VERSION: u32 = 1;
