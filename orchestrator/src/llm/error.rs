//! Why a model was not asked, or what became of the question when no reply came back.

use super::{Charge, OverBudget};
use aiv1_model::Digest;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no reply. None of these is the model's fault; its own are a [`ReplyProblem`](super::ReplyProblem).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DesignError {
    /// It might have cost more than may be spent.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The request could not be put into words.
    #[error("the request to the model cannot be written as JSON")]
    Request(#[from] serde_json::Error),
    /// The server refused the request: asking again would not help.
    #[error("the model's server answered {status}: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// The server was busy or broken, however often it was asked.
    #[error("the model's server answered {status} after {tries} tries: {detail}")]
    Busy {
        /// HTTP status of the last answer.
        status: u16,
        /// What it said.
        detail: String,
        /// How often it was asked.
        tries: u32,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server could not be reached.
    #[error("the model's server cannot be reached, tried {tries} times: {reason}")]
    Unreachable {
        /// How often it was tried.
        tries: u32,
        /// What was in the way.
        reason: String,
    },
    /// The model was asked, and no whole answer came back. It is not asked again: it may have been paid for.
    #[error("the model was asked, and no whole answer came back: {reason}")]
    Lost {
        /// What was in the way.
        reason: String,
        /// What it may have cost.
        charge: Charge,
    },
    /// Replies are replayed, and this one was not recorded.
    #[error("{}: no reply to the request {request} is recorded", folder.display())]
    NotRecorded {
        /// SHA-256 of the request.
        request: Digest,
        /// Where the records are.
        folder: PathBuf,
    },
    /// A record that is not one.
    #[error("{}: the record is damaged: {reason}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A record could not be read or written.
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

impl DesignError {
    /// What it may have cost all the same.
    #[must_use]
    pub const fn charge(&self) -> Option<&Charge> {
        match self {
            Self::Lost { charge, .. } => Some(charge),
            _ => None,
        }
    }

    /// For `map_err`: a file.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
