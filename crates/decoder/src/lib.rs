//! The shared decoder: the `.aiv1` stream format, the sandbox in which codec modules run, frames out.
//!
//! - [`stream`]: reading (and with the feature `encode`, writing) of streams; `docs/STREAM-FORMAT.md` is its contract.
//! - [`Module`]: a codec module that was checked ([`check_module`]) and compiled, in a child process
//!   (`ModuleCompiler`, feature `encode`) or in this one.
//! - [`Decoder`] and `Encoder`: one call per group of pictures, each in a fresh instance, held to [`aiv1_model::Limits`].
//! - [`decode_stream`]: all of a stream, or a range, on several threads, in order, in bounded memory.
//!
//! Without the feature `encode` this is what a Lambda needs and nothing else.
//!
//! # Decisions
//! - **Fuel counts, the clock only stops.** Fuel is deterministic, so it is the bound that a codec's author meets. The
//!   wall-clock deadline is for the machine's sake: the guest yields every [`YIELD_INTERVAL`] of fuel, and the clock is
//!   looked at between two polls. Rejected: epochs, which cost another 20 % of speed beside fuel, and a watchdog thread,
//!   which cannot stop a guest without them.
//! - **A fresh instance per group of pictures**, so that nothing survives from one to the next and every group decodes
//!   alone. It costs tens of microseconds. Rejected: pooling instances, for which there is nothing to save.
//! - **Checked before Cranelift sees it** ([`check_module`]): compiling is superlinear in the size of a function body, so
//!   body and module are capped first, and untrusted modules are compiled in a confined child.
//! - **Decoded frames stay in guest memory** until they are looked at ([`DecodedGop`] owns the instance): no copy, and a
//!   worker's memory is that of one group of pictures.
//! - **One error enum by fault** ([`Error::fault`], [`Error::kind`]): a record says whose failure it was.

#[cfg(feature = "encode")]
mod compile;
mod decoder;
#[cfg(feature = "encode")]
mod encoder;
mod error;
mod parallel;
mod sandbox;
pub mod stream;

#[cfg(feature = "encode")]
pub use compile::{CompileLimits, ModuleCompiler, compile_child_main, confine_helper, run_as_child};
pub use decoder::{DecodedGop, Decoder};
#[cfg(feature = "encode")]
pub use encoder::{EncodeRequest, Encoded, Encoder};
pub use error::{Error, PanicText, Result};
pub use parallel::{DecodeRange, Delivery, decode_stream};
pub use sandbox::{FUEL_ALLOWANCE, Module, ModuleSummary, Role, YIELD_INTERVAL, check_module, output_bound};
