//! What can go wrong before the program runs; how the program itself ended is an [`Outcome`](crate::Outcome).

use std::io;
use std::path::PathBuf;

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The helper could not be started.
    #[error("the confinement helper {} cannot be started", path.display())]
    Helper {
        /// The helper.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The helper is some other program, or died before it could report.
    #[error("{} did not answer as a confinement helper: {said}", path.display())]
    NotAHelper {
        /// The helper.
        path: PathBuf,
        /// What it wrote instead, bounded.
        said: String,
    },
    /// The kernel lacks something without which the program would be half confined.
    #[error("this kernel cannot confine programs: {missing}")]
    Unsupported {
        /// What is missing.
        missing: String,
    },
    /// A path that was to be given does not exist or cannot be opened.
    #[error("{} cannot be given to a confined program: {reason}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A step of the confinement failed.
    #[error("confinement failed at {step}: {reason}")]
    Setup {
        /// The step.
        step: String,
        /// Why.
        reason: String,
    },
    /// The program itself could not be started.
    #[error("{} cannot be executed: {reason}", program.display())]
    Execute {
        /// The program.
        program: PathBuf,
        /// Why.
        reason: String,
    },
    /// Waiting for the child or talking to it failed.
    #[error("the confined child cannot be followed: {what}")]
    Follow {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}
