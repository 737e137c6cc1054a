//! What can go wrong between this program and the API.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that is none.
    #[error("{url:?} is no address of a lab: {reason}")]
    Address {
        /// The address.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The server refused; its reason, as it gave it.
    #[error("the server answered {status}: {detail}")]
    Problem {
        /// HTTP status.
        status: u16,
        /// What it said.
        detail: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The work is no longer this worker's.
    #[error("the work is no longer held: {detail}")]
    Lost {
        /// What the server said.
        detail: String,
    },
    /// The server could not be reached, or not in time.
    #[error("cannot {action}")]
    Network {
        /// What was tried.
        action: &'static str,
        /// What was in the way.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// More was sent than is read.
    #[error("{what} has more than the {most} bytes that are read")]
    TooLarge {
        /// What.
        what: String,
        /// The bound.
        most: u64,
    },
    /// What was sent is not what it should be.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// What.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// A file on this side could not be read or written.
    #[error("{}: cannot {action}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: the network failed while doing `action`. Addresses stay out of it: a link is a permission.
    pub(crate) fn network(action: &'static str) -> impl FnOnce(reqwest::Error) -> Self {
        move |error| Self::Network { action, source: Box::new(error.without_url()) }
    }

    /// For `map_err`: a file.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    pub(crate) fn damaged(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), reason: reason.into() }
    }

    /// Whether asking again may help: the network was in the way, or the server was busy.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Network { .. } | Self::Problem { status: 429 | 502..=504, .. })
    }

    /// Whether the token was refused.
    #[must_use]
    pub const fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Problem { status: 401 | 403, .. })
    }

    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
