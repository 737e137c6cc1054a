//! Why a preview could not be written.

use std::io;
use std::path::{Path, PathBuf};

/// Why a preview could not be written. Whatever it was, nothing is left at the path that was not there before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The format cannot be coded as H.264 that players take.
    #[error("{what} is {value}: {bound}")]
    Unsupported {
        /// `size`, `frame rate`, `quantiser`, …
        what: &'static str,
        /// As it is.
        value: String,
        /// What can be coded.
        bound: String,
    },
    /// A frame of another size than the file's.
    #[error("frame {frame} is {found}, the video is {expected}")]
    FrameSize {
        /// Its index.
        frame: u64,
        /// The video's size.
        expected: String,
        /// The frame's size.
        found: String,
    },
    /// The H.264 encoder failed.
    #[error("frame {frame} cannot be coded: {reason}")]
    Encode {
        /// Index of the frame.
        frame: u64,
        /// What the encoder said.
        reason: String,
    },
    /// The disk is full, or the folder not writable.
    #[error("{}: cannot {action} after {bytes} bytes", path.display())]
    Write {
        /// The file to be.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// Bytes of video written before.
        bytes: u64,
        /// Why not.
        source: io::Error,
    },
    /// Nothing was pushed.
    #[error("zero frames; a video has at least one")]
    NoFrames,
    /// The index of the file cannot be built.
    #[error("cannot build the index of {frames} frames: {reason}")]
    Index {
        /// Frames pushed.
        frames: u64,
        /// What is in the way.
        reason: String,
    },
}

impl Error {
    pub(crate) fn write(path: &Path, action: &'static str, bytes: u64) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, action, bytes, source }
    }
}
