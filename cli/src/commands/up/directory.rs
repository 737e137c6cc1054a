//! The data directory of `aiv1 up`: locked by one process at a time, with the tokens made at the first start.
//!
//! ```text
//! lock              held while a lab runs here
//! tokens.json       who may write; readable by its owner only
//! catalog.sqlite    blobs/    secret        the store
//! worker/           clips/                  the worker's runs and its clip cache
//! scratch/                                  rebuilds on their way
//! ```

use aiv1_model::Digest;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A directory that this process alone runs a lab in, until it is dropped or the process dies.
#[derive(Debug)]
pub(super) struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::commands) enum DirectoryError {
    /// Another process has it.
    #[error("another `aiv1 up` is running in {}: stop it first, or give this one a directory of its own with --data", .0.display())]
    Taken(PathBuf),
    /// It cannot be read or written.
    #[error("{}: cannot {action}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The tokens are not what this program wrote.
    #[error("{}: not a file of tokens; delete it and new ones are made", path.display())]
    Tokens {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Tokens by scope.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct TokenFile {
    pub(super) submit: String,
    pub(super) worker: String,
    pub(in crate::commands) admin: String,
}

impl TokenFile {
    /// The tokens of the lab in a folder, if it has any.
    pub(in crate::commands) fn read(folder: &Path) -> Result<Option<Self>, DirectoryError> {
        let path = folder.join("tokens.json");
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(tokens) => Ok(Some(tokens)),
                Err(source) => Err(DirectoryError::Tokens { path, source }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DirectoryError::File { action: "read", path, source }),
        }
    }
}

impl DataDirectory {
    /// Makes the directory if need be, and takes it.
    pub(super) fn take(path: &Path) -> Result<Self, DirectoryError> {
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| DirectoryError::File { action, path, source }
        };
        fs::create_dir_all(path).map_err(failed("create", path))?;
        let path = path.canonicalize().map_err(failed("use", path))?;
        let file = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&file);
        let lock = lock.map_err(failed("open", &file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::Taken(path)),
            Err(TryLockError::Error(source)) => Err(failed("lock", &file)(source)),
        }
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A place inside it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The tokens, made at the first start.
    pub(super) fn tokens(&self) -> Result<TokenFile, DirectoryError> {
        if let Some(tokens) = TokenFile::read(&self.path)? {
            return Ok(tokens);
        }
        let path = self.join("tokens.json");
        let failed = |action| {
            let path = path.clone();
            move |source| DirectoryError::File { action, path, source }
        };
        let token = || random_token().map_err(failed("read randomness for"));
        let tokens = TokenFile { submit: token()?, worker: token()?, admin: token()? };
        // Written beside and renamed: a start that is killed leaves no half of a file.
        let beside = self.join("tokens.json.new");
        let options = || OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside);
        let mut file = options().map_err(failed("write"))?;
        let text = serde_json::to_vec_pretty(&tokens).map_err(|error| failed("write")(error.into()))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed("write"))?;
        fs::rename(&beside, &path).map_err(failed("write"))?;
        Ok(tokens)
    }
}

/// 256 bits from the kernel, as text.
fn random_token() -> io::Result<String> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    // A digest of random bytes is as random, and prints.
    Ok(Digest::of(&bytes).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_directory_is_one_process_s_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let taken = DataDirectory::take(folder.path()).unwrap();
        let refused = DataDirectory::take(folder.path()).unwrap_err();
        assert!(matches!(refused, DirectoryError::Taken(_)), "{refused}");
        drop(taken);
        DataDirectory::take(folder.path()).unwrap();
    }

    #[test]
    fn tokens_are_made_once_and_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDirectory::take(folder.path()).unwrap();
        let (first, again) = (directory.tokens().unwrap(), directory.tokens().unwrap());
        assert_eq!(first.admin, again.admin);
        assert_ne!(first.admin, first.worker);
        let mode = fs::metadata(directory.join("tokens.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(directory.join("tokens.json"), "{}").unwrap();
        assert!(matches!(directory.tokens(), Err(DirectoryError::Tokens { .. })));
    }
}
