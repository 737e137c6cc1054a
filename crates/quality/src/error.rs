//! What can be wrong with frames that were to be measured.

use crate::{GREATEST_SIDE, LEAST_SIDE};

/// Why frames could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Frames of this size have no SSIM, or are too large to be frames.
    #[error(
        "frames of {width}x{height} cannot be measured: each side must be {LEAST_SIDE} to {GREATEST_SIDE}"
    )]
    Size {
        /// Luma width asked for.
        width: usize,
        /// Luma height asked for.
        height: usize,
    },
    /// A frame has another size than the measurer was made for.
    #[error(
        "frame {frame}: the source is {}x{} and the decoded frame {}x{}, {}x{} is measured",
        source_size.0, source_size.1, decoded_size.0, decoded_size.1, expected_size.0, expected_size.1
    )]
    FrameSize {
        /// Index of the frame.
        frame: u64,
        /// Width and height of the source frame.
        source_size: (usize, usize),
        /// Width and height of the decoded frame.
        decoded_size: (usize, usize),
        /// Width and height that the measurer was made for.
        expected_size: (usize, usize),
    },
    /// The two sides differ in length.
    #[error("the source has {source_frames} frames and the decoded video {decoded_frames}")]
    FrameCount {
        /// Frames of the source.
        source_frames: u64,
        /// Frames that were decoded.
        decoded_frames: u64,
    },
    /// Nothing was pushed.
    #[error("0 frames were measured, at least 1 is needed")]
    NoFrames,
}
