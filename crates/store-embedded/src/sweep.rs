//! Removing files that have outlived their time.

use crate::files::{Files, absent_is_none, info_of};
use jiff::Timestamp;
use std::fs::{self, DirEntry, File};
use std::io;
use std::path::Path;

/// Removes expired objects and what dead uploads left behind; how many.
pub(crate) fn sweep(files: &Files, now: Timestamp) -> io::Result<u64> {
    let mut removed = 0;
    for entry in entries(files.incoming())? {
        removed += u64::from(remove_dead(&entry.path())?);
    }
    for folder in entries(&files.expiring())? {
        for entry in entries(&folder.path())? {
            removed += u64::from(remove_expired(files, &entry.path(), now)?);
        }
        // Succeeds only when it is empty; a writer that finds it gone makes it again.
        let _ = fs::remove_dir(folder.path());
    }
    Ok(removed)
}

/// Removes a file that nobody writes any more: its writer would hold its lock.
fn remove_dead(path: &Path) -> io::Result<bool> {
    let Some(file) = absent_is_none(File::open(path))? else { return Ok(false) };
    if file.try_lock().is_err() {
        return Ok(false);
    }
    Ok(absent_is_none(fs::remove_file(path))?.is_some())
}

fn remove_expired(files: &Files, path: &Path, now: Timestamp) -> io::Result<bool> {
    if info_of(path, true, now)?.is_some() {
        return Ok(false);
    }
    // Moved aside first, and looked at again: a fresh one may have been put in its place meanwhile.
    let aside = files.draft()?;
    if absent_is_none(fs::rename(path, aside.path()))?.is_none() {
        return Ok(false);
    }
    if info_of(aside.path(), true, now)?.is_some() {
        let restored = fs::hard_link(aside.path(), path);
        return match restored {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(false),
        };
    }
    Ok(true)
}

fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match absent_is_none(fs::read_dir(folder)) {
        Ok(Some(found)) => found.collect(),
        Ok(None) => Ok(Vec::new()),
        // Something that is no folder where only folders should be: not ours, left alone.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
