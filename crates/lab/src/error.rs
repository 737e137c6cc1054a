//! What can go wrong, by whose fault it is.

use aiv1_model::{Digest, Evidence, Failure, Fault, Phase, chain};
use std::path::{Path, PathBuf};

/// Why something could not be done at all. What a *candidate* does wrong is no `Error`: it ends up in its record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: cannot {action}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No folder for caches.
    #[error(transparent)]
    Home(#[from] crate::NoHome),
    /// A clip, or ffmpeg.
    #[error(transparent)]
    Video(#[from] aiv1_video::Error),
    /// The toolchain, or the compiler's surroundings.
    #[error(transparent)]
    Build(#[from] crate::build::BuildError),
    /// A parameter that the codec does not have, or a value outside its range.
    #[error(transparent)]
    Parameter(#[from] aiv1_model::ParameterError),
    /// No compiler for codecs.
    #[error(transparent)]
    Toolchain(#[from] crate::toolchain::Error),
    /// A module or a stream.
    #[error(transparent)]
    Decoder(#[from] aiv1_decoder::Error),
    /// Measuring.
    #[error(transparent)]
    Quality(#[from] aiv1_quality::Error),
    /// A request that makes no sense.
    #[error("{what} is {value}, but must be {bound}")]
    Request {
        /// The thing.
        what: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        bound: String,
    },
    /// A bundle that is not one.
    #[error("{}: {reason}", path.display())]
    Bundle {
        /// The bundle, or the file inside it.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An anchor's encoder failed.
    #[error("anchor {anchor} could not be made: {reason}")]
    Anchor {
        /// Which.
        anchor: String,
        /// What ffmpeg said.
        reason: String,
    },
    /// Something gave way during a phase that is not the candidate's fault.
    #[error("{} failed: {}", failure.phase, failure.message)]
    Infrastructure {
        /// What and where.
        failure: Box<Failure>,
    },
    /// Told to stop.
    #[error("stopped")]
    Cancelled,
}

impl Error {
    /// For `map_err`: an error about `path`.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    pub(crate) fn request(
        what: &'static str,
        value: impl std::fmt::Display,
        bound: impl Into<String>,
    ) -> Self {
        Self::Request { what, value: value.to_string(), bound: bound.into() }
    }

    pub(crate) fn bundle(path: &Path, reason: impl Into<String>) -> Self {
        Self::Bundle { path: path.to_owned(), reason: reason.into() }
    }
}

/// Kind of the failure that is no failure: the run was told to stop.
pub(crate) const CANCELLED: &str = "cancelled";

/// How a step of an experiment ended early: a failure to be, short of its phase.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) clip: Option<Digest>,
    pub(crate) quality_index: Option<u8>,
    pub(crate) evidence: Vec<Evidence>,
}

impl Failed {
    pub(crate) fn new(fault: Fault, kind: &str, message: impl Into<String>) -> Self {
        let (kind, message) = (kind.to_owned(), message.into());
        Self { fault, kind, message, clip: None, quality_index: None, evidence: Vec::new() }
    }

    pub(crate) fn at(mut self, clip: Digest, quality_index: impl Into<Option<u8>>) -> Self {
        self.clip = self.clip.or(Some(clip));
        self.quality_index = self.quality_index.or(quality_index.into());
        self
    }

    /// Notes the step at hand first among the evidence.
    pub(crate) fn during(mut self, step: &str) -> Self {
        self.evidence.insert(0, Evidence::new("step", step));
        self
    }

    pub(crate) fn into_failure(self, phase: Phase) -> Failure {
        let Self { fault, kind, message, clip, quality_index, evidence } = self;
        Failure { fault, phase, kind, message, clip, quality_index, evidence }
    }
}

impl From<aiv1_model::SubmissionError> for Error {
    fn from(error: aiv1_model::SubmissionError) -> Self {
        let aiv1_model::SubmissionError { what, value, bound } = error;
        Self::Request { what, value, bound }
    }
}

impl From<aiv1_decoder::Error> for Failed {
    fn from(error: aiv1_decoder::Error) -> Self {
        let mut failed = Self::new(error.fault(), error.kind(), chain(&error));
        failed.evidence = error.evidence();
        failed
    }
}

impl From<crate::build::BuildError> for Failed {
    fn from(error: crate::build::BuildError) -> Self {
        let mut failed = Self::new(error.fault(), error.kind(), chain(&error));
        failed.evidence = error.evidence();
        failed
    }
}

impl From<aiv1_quality::Error> for Failed {
    fn from(error: aiv1_quality::Error) -> Self {
        Self::new(Fault::Evaluator, "measuring", chain(&error))
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error {
            Error::Decoder(error) => error.into(),
            Error::Build(error) => error.into(),
            Error::Quality(error) => error.into(),
            Error::Cancelled => Self::new(Fault::Infrastructure, CANCELLED, "the run was told to stop"),
            other => Self::new(Fault::Infrastructure, "infrastructure", chain(&other)),
        }
    }
}
