//! Objects as files: written aside and renamed into place, dated by the store's clock.

use crate::RETENTION;
use aiv1_model::{Digest, Hasher};
use aiv1_store::{BlobInfo, BlobKey};
use jiff::Timestamp;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Bytes copied at a time.
const CHUNK: usize = 256 << 10;

/// The folders of the objects.
#[derive(Debug)]
pub(crate) struct Files {
    blobs: PathBuf,
    incoming: PathBuf,
}

/// A file on its way to become an object. It is locked: one that is not has been left behind by somebody who died.
#[derive(Debug)]
pub(crate) struct Draft(NamedTempFile);

/// A draft whose digest is taken as it is written.
#[derive(Debug)]
pub(crate) struct Incoming {
    draft: Draft,
    hasher: Hasher,
}

impl Files {
    /// Makes the folders if they are not there.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let files = Self { blobs: folder.join("blobs"), incoming: folder.join("incoming") };
        fs::create_dir_all(&files.blobs)?;
        fs::create_dir_all(&files.incoming)?;
        Ok(files)
    }

    /// Where an object's file is, if there is one.
    pub(crate) fn path(&self, key: &BlobKey) -> PathBuf {
        self.blobs.join(key.path())
    }

    /// Below which everything expires.
    pub(crate) fn expiring(&self) -> PathBuf {
        self.blobs.join(BlobKey::EXPIRING)
    }

    /// Where objects are while they are written.
    pub(crate) fn incoming(&self) -> &Path {
        &self.incoming
    }

    /// What is known of an object; one past its time is not there.
    pub(crate) fn info(&self, key: &BlobKey, now: Timestamp) -> io::Result<Option<BlobInfo>> {
        info_of(&self.path(key), key.expires(), now)
    }

    /// Opens an object for reading.
    pub(crate) fn read(&self, key: &BlobKey, now: Timestamp) -> io::Result<Option<(File, BlobInfo)>> {
        let Some(info) = self.info(key, now)? else { return Ok(None) };
        Ok(absent_is_none(File::open(self.path(key)))?.map(|file| (file, info)))
    }

    /// Begins an object whose digest matters.
    pub(crate) fn begin(&self) -> io::Result<Incoming> {
        Ok(Incoming { draft: self.draft()?, hasher: Hasher::new() })
    }

    /// Begins an object.
    pub(crate) fn draft(&self) -> io::Result<Draft> {
        loop {
            let file = NamedTempFile::new_in(&self.incoming)?;
            file.as_file().lock()?;
            // The sweep may have taken it for a dead one before it was locked.
            if file.path().try_exists()? {
                return Ok(Draft(file));
            }
        }
    }

    /// Puts what was written in its place, in one step, on disk for good.
    pub(crate) fn finish(&self, draft: Draft, key: &BlobKey, now: Timestamp) -> io::Result<()> {
        let file = draft.file();
        file.set_modified(now.into())?;
        file.sync_all()?;
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.blobs);
        make_folder(folder)?;
        if let Err(error) = fs::rename(draft.path(), &path) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            // The sweep removes folders that are empty.
            make_folder(folder)?;
            fs::rename(draft.path(), &path)?;
        }
        // Dropping it finds nothing under its old name, which is no error.
        drop(draft);
        File::open(folder)?.sync_all()
    }

    /// Removes an object.
    pub(crate) fn remove(&self, key: &BlobKey) -> io::Result<()> {
        absent_is_none(fs::remove_file(self.path(key))).map(|_| ())
    }

    /// Whether the folders are there.
    pub(crate) fn check(&self) -> io::Result<()> {
        fs::metadata(&self.blobs)?;
        fs::metadata(&self.incoming).map(|_| ())
    }
}

impl Draft {
    /// The file.
    pub(crate) fn file(&self) -> &File {
        self.0.as_file()
    }

    /// Where it is meanwhile.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Incoming {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.draft.file().write_all(bytes)
    }

    /// Appends everything there is to read.
    pub(crate) fn copy(&mut self, from: &mut dyn Read) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(read) => self.write(&chunk[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What was written, and its digest.
    pub(crate) fn finish(self) -> (Draft, Digest) {
        (self.draft, self.hasher.finish())
    }
}

/// Makes a folder that is not there, its entries in the folders above on disk for good.
fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), |above| File::open(above)?.sync_all()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            folder.parent().map_or(Ok(()), make_folder)?;
            make_folder(folder)
        }
        Err(error) => Err(error),
    }
}

/// What is known of a file that is an object.
pub(crate) fn info_of(path: &Path, expires: bool, now: Timestamp) -> io::Result<Option<BlobInfo>> {
    let Some(metadata) = absent_is_none(fs::metadata(path))? else { return Ok(None) };
    if !metadata.is_file() {
        return Ok(None);
    }
    let stored_at = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
    let expires_at = expires.then(|| stored_at.checked_add(RETENTION).unwrap_or(Timestamp::MAX));
    let live = expires_at.is_none_or(|end| end > now);
    Ok(live.then_some(BlobInfo { bytes: metadata.len(), stored_at, expires_at }))
}

/// Absence is no error.
pub(crate) fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
