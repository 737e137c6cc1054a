//! What can go wrong between a source and its modules, and whose fault it is.

use super::Side;
use crate::{policy, toolchain};
use aiv1_model::{Evidence, Fault};
use std::path::{Path, PathBuf};

/// Why there are no modules.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The source says what it may not say.
    #[error(transparent)]
    Refused(#[from] policy::Refusal),
    /// The compiler would not have it.
    #[error("the {} does not compile: {summary}", side.name())]
    Compile {
        /// Which of the two.
        side: Side,
        /// The compiler's first complaint.
        summary: String,
        /// All that it said, without this machine's paths.
        stderr: String,
    },
    /// The compiler was stopped.
    #[error("compiling the {} took more than a source may: {which}, bound {bound}", side.name())]
    CompileLimit {
        /// Which of the two.
        side: Side,
        /// What it used too much of.
        which: &'static str,
        /// How much there is.
        bound: String,
        /// What the compiler said until then.
        stderr: String,
    },
    /// There is no compiler for codecs.
    #[error(transparent)]
    Toolchain(#[from] toolchain::Error),
    /// There is one, but it does not work.
    #[error("{version} compiles not even an empty codec: {reason}")]
    Broken {
        /// Which.
        version: String,
        /// What it said.
        reason: String,
    },
    /// The confinement, without which nothing is compiled.
    #[error("the compiler cannot be run confined")]
    Confinement(#[from] aiv1_confine::Error),
    /// A file or folder of the lab's.
    #[error("{}: cannot {action}", path.display())]
    Host {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl BuildError {
    /// Whose it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Refused(_) | Self::Compile { .. } | Self::CompileLimit { .. } => Fault::Candidate,
            Self::Toolchain(_) | Self::Broken { .. } | Self::Confinement(_) | Self::Host { .. } => {
                Fault::Infrastructure
            }
        }
    }

    /// The stable word for it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "source_refused",
            Self::Compile { .. } => "compile_error",
            Self::CompileLimit { .. } => "compile_limit",
            Self::Toolchain(_) | Self::Broken { .. } => "toolchain_missing",
            Self::Confinement(_) | Self::Host { .. } => "host",
        }
    }

    /// What shows it.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        match self {
            Self::Compile { stderr, .. } | Self::CompileLimit { stderr, .. } if !stderr.is_empty() => {
                vec![Evidence::new("compiler output", stderr)]
            }
            _ => Vec::new(),
        }
    }

    /// For `map_err`: an error about `path`.
    pub(super) fn host(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Host { action, path, source }
    }
}
