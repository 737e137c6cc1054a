//! Why a clip could not be read.

use aiv1_model::Digest;
use std::io;
use std::path::{Path, PathBuf};

/// Why a clip could not be read; each names the file, the value found and what would do instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// ffmpeg or ffprobe does not run.
    #[error(
        "{program} does not run: {reason}; install ffmpeg (Debian: apt-get install ffmpeg) or set {variable} to its path"
    )]
    Tool {
        /// The program as it was called.
        program: String,
        /// What went wrong.
        reason: String,
        /// The environment variable that names another.
        variable: &'static str,
    },
    /// The operating system refused to read the file or to run a program on it.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// ffprobe cannot read it as a video, or its container is not one that is safe to open.
    #[error("{}: not a video file: {reason}", path.display())]
    NotAVideo {
        /// The file.
        path: PathBuf,
        /// What ffprobe said.
        reason: String,
    },
    /// There is no picture in it.
    #[error("{}: no video stream, only {found}", path.display())]
    NoVideoStream {
        /// The file.
        path: PathBuf,
        /// The streams it has.
        found: String,
    },
    /// The video stream is empty.
    #[error("{}: zero frames; a clip has at least one", path.display())]
    NoFrames {
        /// The file.
        path: PathBuf,
    },
    /// The file ends before its own index says it does.
    #[error("{}: truncated: {declared} declared, {found} found; copy or download the file again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What the container promises.
        declared: String,
        /// What is there.
        found: String,
    },
    /// A video that the lab does not measure.
    #[error("{}: {what} is {value}: {reason}; {fix}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The property: `transfer`, `field order`, `width`, …
        what: &'static str,
        /// Its value.
        value: String,
        /// Why it is refused, with the bound.
        reason: String,
        /// What would make it acceptable.
        fix: String,
    },
    /// ffmpeg failed, or reported damage, while it decoded.
    #[error(
        "{}: decoding failed after {frames} frames ({status}): {message}; a damaged frame is never measured: \
         if the damage is acceptable, make it part of a lossless copy first: \
         ffmpeg -i INPUT -c:v ffv1 -an OUTPUT.mkv", path.display()
    )]
    Decode {
        /// The file.
        path: PathBuf,
        /// Whole frames that came out before.
        frames: u64,
        /// How ffmpeg ended.
        status: String,
        /// What ffmpeg printed, bounded.
        message: String,
    },
    /// The decoder put out another number of frames than the file holds.
    #[error("{}: {decoded} frames decoded from {coded} coded pictures", path.display())]
    FrameCount {
        /// The file.
        path: PathBuf,
        /// Coded pictures that are to be shown.
        coded: u64,
        /// Frames that came out.
        decoded: u64,
    },
    /// Decoding again gave other frames than the first time.
    #[error(
        "{}: decoded to {frames} frames with SHA-256 {id}, but the clip is {expected_frames} frames with {expected_id}: \
         the file or the ffmpeg changed since it was opened", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The clip's identity.
        expected_id: Digest,
        /// The clip's frame count.
        expected_frames: u64,
        /// The digest of this decode.
        id: Digest,
        /// The count of this decode.
        frames: u64,
    },
    /// A stream that decodes to another format than it must.
    #[error("{}: {what} is {found}, expected {expected}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// `pixel format`, `size`, `range`.
        what: &'static str,
        /// As it must be.
        expected: String,
        /// As it is.
        found: String,
    },
    /// The caller's buffer is for frames of another size.
    #[error("{}: frames are {found}, the buffer is for {expected}", path.display())]
    Buffer {
        /// The file.
        path: PathBuf,
        /// Size of the buffer's frames.
        expected: String,
        /// Size of the clip's frames.
        found: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    pub(crate) fn refused(
        path: &Path,
        what: &'static str,
        value: impl Into<String>,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (reason, fix) = (reason.into(), fix.into());
        Self::Refused { path: path.to_owned(), what, value: value.into(), reason, fix }
    }
}
