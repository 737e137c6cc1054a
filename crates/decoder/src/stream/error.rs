//! What can be wrong with a stream.

use aiv1_model::Fault;
use std::io;

/// Why a stream cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The file, or the disk under it.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Another kind of file.
    #[error("this is no .aiv1 stream: it does not begin as one")]
    NotAStream,
    /// A version that this reader does not know.
    #[error("version {found} of the format is not known here, version {known} is")]
    Version {
        /// The file's.
        found: u16,
        /// Ours.
        known: u16,
    },
    /// It ends too early.
    #[error("it ends after {len} bytes, in the middle of {within}")]
    Truncated {
        /// Of what.
        within: &'static str,
        /// Its length.
        len: u64,
    },
    /// A field has a value that it cannot have.
    #[error("{field} is {value}, but must be {bound}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What it may be.
        bound: String,
    },
    /// A checksum does not hold.
    #[error("the checksum of {part} does not hold")]
    Checksum {
        /// Of which part.
        part: String,
    },
    /// Two parts of the file disagree.
    #[error("{what}: {left} here, {right} there")]
    Inconsistent {
        /// About what.
        what: &'static str,
        /// One side.
        left: u64,
        /// The other.
        right: u64,
    },
    /// There is no such group of pictures.
    #[error("there is no GOP {index}: the stream has {count}")]
    NoSuchGop {
        /// Which was asked for.
        index: u32,
        /// How many there are.
        count: u32,
    },
}

impl StreamError {
    /// Whose it is: a stream is stored by the lab, so a broken one is the infrastructure's.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NoSuchGop { .. } => Fault::Evaluator,
            _ => Fault::Infrastructure,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Io { .. } => "stream_io",
            Self::NotAStream => "not_a_stream",
            Self::Version { .. } => "stream_version",
            Self::Truncated { .. } => "stream_truncated",
            Self::Field { .. } => "stream_field",
            Self::Checksum { .. } => "stream_checksum",
            Self::Inconsistent { .. } => "stream_inconsistent",
            Self::NoSuchGop { .. } => "stream_no_such_gop",
        }
    }
}
