//! Where the lab keeps what can be made again: toolchain, modules, anchors.

use crate::error::Error;
use crate::run_directory::RunDirectory;
use std::fs;
use std::path::{Path, PathBuf};

/// Folder of the caches; overrides the default below the user's cache folder.
pub const CACHE_VARIABLE: &str = "AIV1_CACHE";

/// The cache folder and the places inside it. Deleting it costs time, never results.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

/// No folder to keep caches in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no cache folder: none of AIV1_CACHE, XDG_CACHE_HOME and HOME is set")]
pub struct NoHome;

impl Home {
    /// `$AIV1_CACHE`, else `$XDG_CACHE_HOME/aiv1`, else `$HOME/.cache/aiv1`.
    pub fn from_environment() -> Result<Self, NoHome> {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        folder(CACHE_VARIABLE)
            .or_else(|| folder("XDG_CACHE_HOME").map(|base| base.join("aiv1")))
            .or_else(|| folder("HOME").map(|home| home.join(".cache/aiv1")))
            .map(|root| Self { root })
            .ok_or(NoHome)
    }

    /// A given folder.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A private directory for work in passing; what a killed process left there is swept first.
    pub fn scratch(&self) -> Result<RunDirectory, Error> {
        let scratch = self.root.join("scratch");
        fs::create_dir_all(&scratch).map_err(Error::file("create", &scratch))?;
        RunDirectory::create(&scratch).map_err(Error::file("use", &scratch))
    }

    /// Measured anchors, by the digest of clip and command.
    #[must_use]
    pub fn anchors(&self) -> PathBuf {
        self.root.join("anchors")
    }

    /// Compiled codec modules, by the digest of everything that went in.
    #[must_use]
    pub fn modules(&self) -> PathBuf {
        self.root.join("modules")
    }

    /// Machine code of modules, by module and compiler.
    #[must_use]
    pub fn machine_code(&self) -> PathBuf {
        self.root.join("machine-code")
    }
}
