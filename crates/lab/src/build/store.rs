//! What was compiled before: folders named by everything that went in, checked by hash when read.

use super::BuildError;
use aiv1_model::Digest;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Digests of an entry's files, in `sha256sum`'s form; it is written last.
const SUMS: &str = "SHA256SUMS";
const SCRATCH: &str = ".build-";
/// Scratch folders of this age belong to nobody any more: no compilation may take as long.
const ABANDONED: Duration = Duration::from_hours(1);

#[derive(Clone, Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) const fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files of an entry. One that is damaged is removed, and is none.
    pub(super) fn get<const N: usize>(
        &self,
        key: &str,
        names: [&str; N],
    ) -> Result<Option<[Vec<u8>; N]>, BuildError> {
        let entry = self.path(key);
        let sums = match fs::read_to_string(entry.join(SUMS)) {
            Ok(sums) => sums,
            Err(error) if error.kind() == ErrorKind::NotFound && !entry.exists() => return Ok(None),
            Err(_) => String::new(),
        };
        let files = names.map(|name| {
            let bytes = fs::read(entry.join(name)).ok()?;
            sums.lines().any(|line| line == sum(name, &bytes)).then_some(bytes)
        });
        if files.iter().all(Option::is_some) {
            return Ok(Some(files.map(Option::unwrap_or_default)));
        }
        match fs::remove_dir_all(&entry) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(BuildError::host("remove", &entry)(error))
            }
            _ => Ok(None),
        }
    }

    /// Keeps an entry: all of it or nothing. One that is there already says the same.
    pub(super) fn put<const N: usize>(
        &self,
        key: &str,
        files: [(&str, &Vec<u8>); N],
    ) -> Result<(), BuildError> {
        let scratch = self.scratch()?;
        let write = |name: &str, bytes: &[u8]| {
            let path = scratch.path().join(name);
            fs::write(&path, bytes).map_err(BuildError::host("write", &path))
        };
        let mut sums = String::new();
        for (name, bytes) in files {
            write(name, bytes)?;
            sums.push_str(&sum(name, bytes));
            sums.push('\n');
        }
        write(SUMS, sums.as_bytes())?;
        let entry = self.path(key);
        match fs::rename(scratch.path(), &entry) {
            Err(error)
                if !matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) =>
            {
                Err(BuildError::host("write", &entry)(error))
            }
            _ => Ok(()),
        }
    }

    /// A new folder, removed when dropped. Those that killed runs left behind go as well.
    pub(super) fn scratch(&self) -> Result<TempDir, BuildError> {
        let failed = || BuildError::host("write in", &self.folder);
        fs::create_dir_all(&self.folder).map_err(failed())?;
        for entry in fs::read_dir(&self.folder).map_err(failed())?.flatten() {
            let is_scratch = entry.file_name().to_string_lossy().starts_with(SCRATCH);
            let age =
                entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
            if is_scratch && age.is_some_and(|age| age > ABANDONED) {
                // Somebody else may be sweeping as well.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        tempfile::Builder::new().prefix(SCRATCH).tempdir_in(&self.folder).map_err(failed())
    }
}

fn sum(name: &str, bytes: &[u8]) -> String {
    format!("{}  {name}", Digest::of(bytes))
}
