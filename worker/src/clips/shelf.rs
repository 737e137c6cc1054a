//! The folder itself: files under their digests, locks, room.

use super::{Bounds, ClipError, Usage};
use aiv1_model::Digest;
use rustix::fs::{FlockOperation, flock, statvfs};
use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;

/// What a file on its way is called by.
const PART: &str = ".part-";

/// A folder of files named by their SHA-256.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    bounds: Bounds,
}

/// Tells a file from another of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    inode: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { bytes: metadata.len(), inode: metadata.ino(), modified }
    }
}

/// A file that is locked against removal.
#[derive(Debug)]
pub(super) struct Pinned {
    file: File,
    pub(super) stamp: Stamp,
}

impl Pinned {
    /// Notes that it was used. Where the file system does not take it, the order of removal is a worse one, and no more.
    pub(super) fn used_now(&self) {
        let _ = self.file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
    }
}

impl Shelf {
    pub(super) fn open(folder: &Path, bounds: Bounds) -> Result<Self, ClipError> {
        fs::create_dir_all(folder).map_err(ClipError::file("create", folder))?;
        let shelf = Self { folder: folder.to_owned(), bounds };
        shelf.sweep().map_err(ClipError::file("sweep", folder))?;
        Ok(shelf)
    }

    pub(super) fn path(&self, sha256: &Digest) -> PathBuf {
        self.folder.join(sha256.to_string())
    }

    /// A file to fetch into, locked for as long as it is one.
    pub(super) fn part(&self) -> Result<NamedTempFile, ClipError> {
        let make = || {
            let part = tempfile::Builder::new().prefix(PART).tempfile_in(&self.folder)?;
            flock(part.as_file(), FlockOperation::NonBlockingLockExclusive)?;
            Ok(part)
        };
        make().map_err(ClipError::file("create a file in", &self.folder))
    }

    /// Puts a fetched file under its name.
    pub(super) fn place(&self, part: NamedTempFile, sha256: &Digest) -> Result<Pinned, ClipError> {
        let path = self.path(sha256);
        let place = || {
            // Shared from here on, so that others may use it as well; and nobody removes it meanwhile.
            flock(part.as_file(), FlockOperation::LockShared)?;
            let file = part.persist(&path).map_err(|error| error.error)?;
            File::open(&self.folder)?.sync_all()?;
            let stamp = Stamp::of(&file.metadata()?);
            Ok(Pinned { file, stamp })
        };
        place().map_err(ClipError::file("put the clip in place as", &path))
    }

    /// The file under this name, locked; `None` if there is none.
    pub(super) fn pin(&self, sha256: &Digest) -> Result<Option<Pinned>, ClipError> {
        let path = self.path(sha256);
        let pin = || {
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            flock(&file, FlockOperation::LockShared)?;
            let stamp = Stamp::of(&file.metadata()?);
            // It may have been removed between opening and locking.
            match fs::metadata(&path) {
                Ok(metadata) if Stamp::of(&metadata) == stamp => Ok(Some(Pinned { file, stamp })),
                Ok(_) => Ok(None),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        };
        pin().map_err(ClipError::file("use", &path))
    }

    pub(super) fn digest(&self, sha256: &Digest) -> Result<Digest, ClipError> {
        let path = self.path(sha256);
        File::open(&path).and_then(Digest::of_reader).map_err(ClipError::file("read", &path))
    }

    pub(super) fn remove(&self, sha256: &Digest) -> Result<(), ClipError> {
        let path = self.path(sha256);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ClipError::file("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the least recently used files that nobody uses until `needed` more bytes fit, beside those that are
    /// `arriving`; or says why they do not.
    pub(super) fn make_room(&self, needed: u64, arriving: u64) -> Result<(), ClipError> {
        let failed = ClipError::file("make room in", &self.folder);
        let mut files = match self.files() {
            Ok(files) => files,
            Err(error) => return Err(failed(error)),
        };
        files.sort_by_key(|(_, metadata)| (metadata.atime(), metadata.atime_nsec()));
        let mut taken = arriving + files.iter().map(|(_, metadata)| metadata.len()).sum::<u64>();
        let mut files = files.into_iter();
        loop {
            let free = self.free().map_err(ClipError::file("ask for the free space of", &self.folder))?;
            let full = taken.saturating_add(needed) > self.bounds.bytes;
            let tight = needed.saturating_add(arriving).saturating_add(self.bounds.keep_free) > free;
            if !full && !tight {
                return Ok(());
            }
            let removed = loop {
                let Some((path, metadata)) = files.next() else { break None };
                if remove_unused(&path).map_err(ClipError::file("remove", &path))? {
                    break Some(metadata.len());
                }
            };
            match removed {
                Some(bytes) => taken -= bytes,
                None if full => {
                    let most = self.bounds.bytes;
                    return Err(ClipError::Full { needed, left: most.saturating_sub(taken), most });
                }
                None => {
                    let (folder, keep_free) = (self.folder.clone(), self.bounds.keep_free);
                    return Err(ClipError::Disk { folder, needed, keep_free, free });
                }
            }
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(super) fn usage(&self) -> Result<Usage, ClipError> {
        let files = self.files().map_err(ClipError::file("list", &self.folder))?;
        let free = self.free().map_err(ClipError::file("ask for the free space of", &self.folder))?;
        let bytes = files.iter().map(|(_, metadata)| metadata.len()).sum();
        Ok(Usage { count: files.len() as u64, bytes, free })
    }

    /// The files under digests, with what is known of them.
    fn files(&self) -> io::Result<Vec<(PathBuf, Metadata)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.parse::<Digest>().is_ok()) {
                match entry.metadata() {
                    Ok(metadata) => files.push((entry.path(), metadata)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(files)
    }

    fn free(&self) -> io::Result<u64> {
        let stat = statvfs(&self.folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Removes what downloads of processes that are no more left behind.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PART) {
                remove_unused(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Removes a file unless somebody has it locked; whether it did.
fn remove_unused(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => fs::remove_file(path).map(|()| true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
