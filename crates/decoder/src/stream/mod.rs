//! The `.aiv1` stream, version 1: `docs/STREAM-FORMAT.md`, field by field.
//!
//! A header, then one self-delimiting record per group of pictures, then an index and a footer. A stream can be written
//! to a pipe ([`Writer`]), read from any group on ([`Reader`]), and what was cut off in the middle still yields its whole
//! groups ([`Reader::salvage`]). Every byte is covered by a hash: a reader that has opened a stream strictly, read all of
//! its groups and checked the frames has seen every bit of it.

mod error;
mod format;
mod reader;
#[cfg(feature = "encode")]
mod writer;

pub use error::StreamError;
pub use format::{Header, MAX_DIMENSION, MAX_QUALITY, VERSION};
pub use reader::{GopInfo, GopRecord, Reader};
#[cfg(feature = "encode")]
pub use writer::{Finished, Writer};
