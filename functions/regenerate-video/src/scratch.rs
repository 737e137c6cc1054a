//! The scratch folder: one private directory a job, locked while it lives, swept when it is dead.

use rustix::fs::{FlockOperation, flock, statvfs};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PREFIX: &str = "rebuild-";

/// A private directory; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Directory {
    directory: TempDir,
    _lock: File,
}

impl Directory {
    /// Makes one below `scratch`, after removing what killed processes left there.
    pub(crate) fn create(scratch: &Path) -> io::Result<Self> {
        fs::create_dir_all(scratch)?;
        // While it is made and not yet locked, nobody else sweeps.
        let _guard = lock(scratch, FlockOperation::LockExclusive)?;
        sweep(scratch)?;
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(scratch)?;
        let lock = lock(directory.path(), FlockOperation::LockExclusive)?;
        Ok(Self { directory, _lock: lock })
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Bytes that may still be written there.
pub(crate) fn free(scratch: &Path) -> io::Result<u64> {
    let room = statvfs(scratch)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

fn sweep(scratch: &Path) -> io::Result<()> {
    for entry in fs::read_dir(scratch)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir() {
            match lock(&entry.path(), FlockOperation::NonBlockingLockExclusive) {
                Ok(_held) => fs::remove_dir_all(entry.path())?,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotFound) => {
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn lock(folder: &Path, operation: FlockOperation) -> io::Result<File> {
    let folder = File::open(folder)?;
    flock(&folder, operation)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_swept_and_the_living_are_not() {
        let scratch = tempfile::tempdir().unwrap();
        let living = Directory::create(scratch.path()).unwrap();
        let dead = scratch.path().join("rebuild-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("half.mp4"), b"x").unwrap();
        let other = Directory::create(scratch.path()).unwrap();
        assert!(!dead.exists() && living.join("").exists());
        drop((living, other));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
