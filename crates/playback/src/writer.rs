//! The file: samples to a spool as they come, then index and samples together, into place at once.

use crate::Error;
use crate::h264::H264;
use crate::index::{Tables, Track};
use aiv1_model::VideoFormat;
use aiv1_video::FrameRef;
use std::fs::{File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// How to code the preview.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// H.264 quantiser, the same for every picture: [`crate::MIN_QUANTISER`] (finest) to 51.
    pub quantiser: u8,
    /// Frames from one key frame to the next: the GOP of the stream, so that both seek to the same places.
    pub keyframe_interval: u32,
}

impl Default for Options {
    /// Quantiser 24 (about 42 dB to the frames it is given, past what is seen in motion) and a key frame every 32.
    fn default() -> Self {
        Self { quantiser: 24, keyframe_interval: 32 }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Frames.
    pub frames: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Duration in seconds.
    pub seconds: f64,
}

/// An MP4 in the making. Until [`finish`](Self::finish) nothing is at its path; dropped before, nothing is left.
pub struct Mp4Writer {
    path: PathBuf,
    folder: PathBuf,
    format: VideoFormat,
    encoder: H264,
    spool: NamedTempFile,
    tables: Tables,
    sample: Vec<u8>,
}

impl std::fmt::Debug for Mp4Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = formatter.debug_struct("Mp4Writer");
        debug.field("path", &self.path).field("frames", &self.tables.frames()).finish_non_exhaustive()
    }
}

impl Mp4Writer {
    /// Starts a video of `format` that will be at `path`. Odd sizes lose their last column or row: H.264 in 4:2:0 and
    /// players want even ones.
    pub fn create(path: &Path, format: &VideoFormat, options: Options) -> Result<Self, Error> {
        let encoder = H264::new(format, options.quantiser, options.keyframe_interval)?;
        if format.frame_rate.numerator == 0 || format.frame_rate.denominator == 0 {
            let (value, bound) = (format.frame_rate.to_string(), "a fraction above 0".to_owned());
            return Err(Error::Unsupported { what: "frame rate", value, bound });
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let spool = temporary(path, &folder, 0)?;
        let (path, tables, sample) = (path.to_owned(), Tables::default(), Vec::new());
        Ok(Self { path, folder, format: *format, encoder, spool, tables, sample })
    }

    /// Codes the next frame.
    pub fn push(&mut self, frame: FrameRef<'_>) -> Result<(), Error> {
        let (width, height) = (self.format.width as usize, self.format.height as usize);
        let index = self.tables.frames();
        if (frame.width(), frame.height()) != (width, height) {
            let (expected, found) =
                (format!("{width}x{height}"), format!("{}x{}", frame.width(), frame.height()));
            return Err(Error::FrameSize { frame: index, expected, found });
        }
        let key = self.encoder.encode(frame, &mut self.sample)?;
        let bytes = self.tables.bytes;
        self.spool.as_file_mut().write_all(&self.sample).map_err(Error::write(&self.path, "write", bytes))?;
        self.tables.push(self.sample.len(), key).ok_or_else(|| self.too_long())
    }

    /// Bytes of memory that grow with the number of frames.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.tables.memory()
    }

    /// Puts index and samples together, makes sure they are on the disk, and moves them to the path.
    pub fn finish(mut self) -> Result<Summary, Error> {
        let frames = self.tables.frames();
        let Some(parameter_sets) = self.encoder.parameter_sets().filter(|_| frames > 0) else {
            return Err(Error::NoFrames { path: self.path });
        };
        let (width, height) = self.encoder.size();
        let (Ok(width), Ok(height)) = (width.try_into(), height.try_into()) else {
            return Err(self.too_long());
        };
        let VideoFormat { frame_rate, color, .. } = self.format;
        let samples = self.tables.bytes;
        let track = Track { width, height, frame_rate, color, parameter_sets };
        let head = std::mem::take(&mut self.tables).head(&track).map_err(|error| {
            let (path, reason) = (self.path.clone(), error.to_string());
            Error::Index { path, frames, reason }
        })?;
        let bytes = head.len() as u64 + samples;
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
        placed.map_err(Error::write(&self.path, "put the file in place", bytes))?;
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(Error::write(&self.path, "sync its folder", bytes))?;
        Ok(Summary { frames, bytes, seconds: frame_rate.seconds(frames) })
    }

    fn too_long(&self) -> Error {
        let (path, reason) = (self.path.clone(), "MP4 counts samples and sizes in 32 bits".to_owned());
        Error::Index { path, frames: self.tables.frames(), reason }
    }
}

/// A file in the folder of the result, so that it can be renamed there; gone when dropped.
fn temporary(path: &Path, folder: &Path, bytes: u64) -> Result<NamedTempFile, Error> {
    let mut builder = tempfile::Builder::new();
    // As any new file: what the umask leaves.
    builder.prefix(".aiv1-preview-").suffix(".part").permissions(Permissions::from_mode(0o666));
    builder.tempfile_in(folder).map_err(Error::write(path, "make a temporary file beside it", bytes))
}
