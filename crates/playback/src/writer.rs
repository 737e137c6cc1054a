//! The file: samples to a spool as they come, then index and samples together, into place at once.

use crate::{Error, Mp4Encoder, Options, Summary};
use aiv1_model::VideoFormat;
use aiv1_video::FrameRef;
use std::fs::{File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// An MP4 file in the making. Until [`finish`](Self::finish) nothing is at its path; dropped before, nothing is left.
#[derive(Debug)]
pub struct Mp4Writer {
    path: PathBuf,
    folder: PathBuf,
    encoder: Mp4Encoder,
    spool: NamedTempFile,
}

impl Mp4Writer {
    /// Starts a video of `format` that will be at `path`; see [`Mp4Encoder::new`].
    pub fn create(path: &Path, format: &VideoFormat, options: Options) -> Result<Self, Error> {
        let encoder = Mp4Encoder::new(format, options)?;
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let spool = temporary(path, &folder, 0)?;
        Ok(Self { path: path.to_owned(), folder, encoder, spool })
    }

    /// Codes the next frame.
    pub fn push(&mut self, frame: FrameRef<'_>) -> Result<(), Error> {
        let bytes = self.encoder.sample_bytes();
        let sample = self.encoder.push(frame)?;
        self.spool.as_file_mut().write_all(sample).map_err(Error::write(&self.path, "write", bytes))
    }

    /// Bytes of memory that grow with the number of frames.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.encoder.table_bytes()
    }

    /// Puts index and samples together, makes sure they are on the disk, and moves them to the path.
    pub fn finish(mut self) -> Result<Summary, Error> {
        let samples = self.encoder.sample_bytes();
        let (head, summary) = self.encoder.finish()?;
        let mut file = temporary(&self.path, &self.folder, samples)?;
        let spool = self.spool.as_file_mut();
        let mut assemble = || {
            file.as_file_mut().write_all(&head)?;
            spool.seek(SeekFrom::Start(0))?;
            std::io::copy(spool, file.as_file_mut())?;
            file.as_file().sync_all()
        };
        assemble().map_err(Error::write(&self.path, "assemble the file", samples))?;
        let placed = file.persist(&self.path).map_err(|error| error.error);
        placed.map_err(Error::write(&self.path, "put the file in place", summary.bytes))?;
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(Error::write(&self.path, "sync its folder", summary.bytes))?;
        Ok(summary)
    }
}

/// A file in the folder of the result, so that it can be renamed there; gone when dropped.
fn temporary(path: &Path, folder: &Path, bytes: u64) -> Result<NamedTempFile, Error> {
    let mut builder = tempfile::Builder::new();
    // As any new file: what the umask leaves.
    builder.prefix(".aiv1-preview-").suffix(".part").permissions(Permissions::from_mode(0o666));
    builder.tempfile_in(folder).map_err(Error::write(path, "make a temporary file beside it", bytes))
}
