//! One private directory per run: locked while the run lives, removed on every exit path, swept at the next start.

use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Folder below the results folder in which run directories lie; on the same file system, so that a finished bundle
/// moves out by a rename.
const RUNS: &str = ".runs";
const LOCK: &str = "lock";

/// A private directory; dropping it removes it. A killed run's directory is removed by the next [`RunDirectory::sweep`],
/// because the kernel has let go of its lock.
#[derive(Debug)]
pub struct RunDirectory {
    directory: tempfile::TempDir,
    _lock: File,
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // A sweep that is under way waits, or is waited for: neither meets a directory half removed. Where removing
        // fails, the next sweep does it.
        let guard =
            self.path().parent().map(|runs| lock_file(&runs.join(LOCK), FlockOperation::LockExclusive));
        let _ = fs::remove_dir_all(self.path());
        drop(guard);
    }
}

impl RunDirectory {
    /// Makes a directory for one run below `results`, after sweeping what dead runs left there.
    pub fn create(results: &Path) -> io::Result<Self> {
        let runs = results.join(RUNS);
        fs::create_dir_all(&runs)?;
        Self::sweep(results)?;
        // The lock is taken before the name is visible to a sweep as one without a holder: the parent is locked first.
        let guard = lock_file(&runs.join(LOCK), FlockOperation::LockExclusive)?;
        let directory = tempfile::Builder::new().prefix("run-").tempdir_in(&runs)?;
        let lock = lock_file(&directory.path().join(LOCK), FlockOperation::LockExclusive)?;
        drop(guard);
        Ok(Self { directory, _lock: lock })
    }

    /// Removes the directories of runs that no longer live; returns how many.
    pub fn sweep(results: &Path) -> io::Result<usize> {
        let runs = results.join(RUNS);
        if !runs.is_dir() {
            return Ok(0);
        }
        let _guard = lock_file(&runs.join(LOCK), FlockOperation::LockExclusive)?;
        let mut swept = 0;
        for entry in fs::read_dir(&runs)? {
            let path = entry?.path();
            if !path.is_dir() {
                continue;
            }
            match lock_file(&path.join(LOCK), FlockOperation::NonBlockingLockExclusive) {
                Ok(_lock) => {
                    fs::remove_dir_all(&path)?;
                    swept += 1;
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotFound) => {
                }
                Err(error) => return Err(error),
            }
        }
        Ok(swept)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A path inside it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }
}

fn lock_file(path: &Path, operation: FlockOperation) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    flock(&file, operation)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_run_leaves_nothing() {
        let results = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(results.path()).unwrap();
        fs::write(run.join("half"), b"x").unwrap();
        let path = run.path().to_owned();
        drop(run);
        assert!(!path.exists());
    }

    #[test]
    fn a_sweep_takes_the_dead_and_leaves_the_living() {
        let results = tempfile::tempdir().unwrap();
        let living = RunDirectory::create(results.path()).unwrap();
        // What kill -9 leaves: a directory whose lock nobody holds.
        let dead = results.path().join(RUNS).join("run-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), b"").unwrap();
        assert_eq!(RunDirectory::sweep(results.path()).unwrap(), 1);
        assert!(!dead.exists());
        assert!(living.path().exists());
    }
}
