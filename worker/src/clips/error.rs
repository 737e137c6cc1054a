//! Why a clip cannot be had. All of these are the infrastructure's.

use aiv1_model::Digest;
use std::path::PathBuf;

/// Why a clip cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClipError {
    /// It could not be fetched, or is not what its digest says.
    #[error("the clip's file cannot be fetched")]
    Download(#[source] aiv1_client::Error),
    /// The disk is too full.
    #[error("{} has {free} bytes free, but {keep_free} are to stay free beside the {needed} of the clip", folder.display())]
    Disk {
        /// The folder.
        folder: PathBuf,
        /// Bytes the clip has.
        needed: u64,
        /// Bytes that are to stay free.
        keep_free: u64,
        /// Bytes free.
        free: u64,
    },
    /// The cache is too small, or what is in it is in use.
    #[error(
        "the clip needs {needed} bytes, but clips in use leave {left} of the {most} that the cache may have"
    )]
    Full {
        /// Bytes the clip has.
        needed: u64,
        /// Bytes left.
        left: u64,
        /// The bound.
        most: u64,
    },
    /// A file of the cache.
    #[error("{}: cannot {action}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no video that can be measured here.
    #[error("the clip cannot be opened")]
    Open(#[source] aiv1_video::Error),
    /// Its frames are not those that were asked for.
    #[error("the clip's frames are {found}, but {claimed} was asked for")]
    Identity {
        /// Asked for.
        claimed: Digest,
        /// Found.
        found: Digest,
    },
    /// Reading it ended by a panic.
    #[error("reading the clip ended early: {0}")]
    Ended(String),
}

impl ClipError {
    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
