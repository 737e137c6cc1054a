//! Why something could not be rebuilt, and whose fault that is.

use aiv1_model::{Digest, ExperimentId, Fault, chain};
use std::io;
use std::path::{Path, PathBuf};

/// Most characters of a reason that is kept.
const MAX_REASON: usize = 1000;

/// Why something could not be rebuilt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to rebuild it from.
    #[error("experiment {0} has no bundle")]
    NoBundle(ExperimentId),
    /// The experiment has no such stream.
    #[error("experiment {experiment} has no stream of clip {clip} at quality index {quality_index}")]
    NoStream {
        /// The experiment.
        experiment: ExperimentId,
        /// The clip.
        clip: Digest,
        /// The quality index.
        quality_index: u8,
    },
    /// An object that is kept for ever is not there.
    #[error("{0} is not in the store")]
    Missing(String),
    /// An object is not what its name says.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// Which.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] aiv1_store::Error),
    /// The decoder, or what it made of the stream.
    #[error(transparent)]
    Decoder(#[from] aiv1_decoder::Error),
    /// The preview could not be coded.
    #[error(transparent)]
    Preview(#[from] aiv1_playback::Error),
    /// A file of the scratch folder.
    #[error("{}: cannot {action}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The scratch folder is too small.
    #[error("{what} has {bytes} bytes, but there is room for {free}")]
    NoRoom {
        /// What was to be brought there.
        what: String,
        /// Its size.
        bytes: u64,
        /// The room.
        free: u64,
    },
    /// A panic.
    #[error("rebuilding ended early: {0}")]
    Ended(String),
    /// The consumer is stopping.
    #[error("rebuilding was stopped")]
    Stopped,
}

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    pub(crate) fn damaged(what: impl std::fmt::Display, reason: impl Into<String>) -> Self {
        Self::Damaged { what: what.to_string(), reason: reason.into() }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Decoder(error) => error.fault(),
            Self::NoBundle(_) | Self::NoStream { .. } | Self::Preview(_) | Self::Ended(_) => Fault::Evaluator,
            Self::Missing(_)
            | Self::Damaged { .. }
            | Self::Store(_)
            | Self::File { .. }
            | Self::NoRoom { .. }
            | Self::Stopped => Fault::Infrastructure,
        }
    }

    /// Whether it may be otherwise next time without anybody doing anything.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Store(aiv1_store::Error::Backend { .. }) | Self::File { .. } => true,
            Self::Decoder(error) => error.fault() == Fault::Infrastructure,
            _ => false,
        }
    }

    /// The reason that is kept and shown to everybody: whose fault, and what went wrong, on one bounded line.
    #[must_use]
    pub fn reason(&self) -> String {
        let what = match self {
            // What the backend answered names its tables, buckets and addresses.
            Self::Store(error) => error.to_string(),
            error => chain(error),
        };
        let text = format!("{}: {what}", self.fault());
        let line = text.chars().map(|character| if character.is_control() { ' ' } else { character });
        line.take(MAX_REASON).collect()
    }
}
