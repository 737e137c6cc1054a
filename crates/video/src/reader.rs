//! Frames out of an ffmpeg that decodes, held against what they must be.

use crate::probe::{input_argument, restrict};
use crate::process::Process;
use crate::{Error, Ffmpeg, Gop};
use aiv1_model::{Digest, Hasher, VideoFormat};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a decode must come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) id: Digest,
    pub(crate) frames: u64,
}

/// The frames of a clip or of a stream, in order, each once.
///
/// At the end ffmpeg's exit status and messages are checked and, for a clip, that the frames are those it had when it
/// was opened. So the end has to be read: until [`read_gop`](Self::read_gop) has returned 0, nothing is proved. Dropped
/// before, the decoder is killed and reaped.
#[derive(Debug)]
pub struct ClipReader {
    path: PathBuf,
    format: VideoFormat,
    process: Option<Process>,
    hasher: Hasher,
    frames: u64,
    expected: Option<Expected>,
    result: Option<Digest>,
}

impl ClipReader {
    /// Starts to decode stream `index` through `filters`, which put out packed I420 of `format`.
    pub(crate) fn start(
        ffmpeg: &Ffmpeg,
        path: &Path,
        index: usize,
        filters: &str,
        frame_limit: Option<u64>,
        format: VideoFormat,
    ) -> Result<Self, Error> {
        let mut command = ffmpeg.command();
        command.args(["-xerror", "-noauto_conversion_filters"]);
        restrict(&mut command);
        // With threads, ffmpeg's H.264 decoder hands a picture on before, or without, marking it as concealed: the same
        // damage is an error in one run and a whole clip in the next. One thread marks it always.
        command.args(["-threads", "1", "-noautorotate", "-err_detect", "explode", "-i"]);
        command.arg(input_argument(path));
        command.args(["-map", &format!("0:{index}"), "-vf", filters, "-fps_mode", "passthrough"]);
        if let Some(limit) = frame_limit {
            command.args(["-frames:v", &limit.to_string()]);
        }
        command.args(["-f", "rawvideo", "pipe:1"]);
        let process = Some(Process::start(command, path)?);
        let path = path.to_owned();
        Ok(Self { path, format, process, hasher: Hasher::new(), frames: 0, expected: None, result: None })
    }

    pub(crate) fn expect(mut self, expected: Expected) -> Self {
        self.expected = Some(expected);
        self
    }

    /// Size, rate and colour of the frames.
    #[must_use]
    pub const fn format(&self) -> &VideoFormat {
        &self.format
    }

    /// Frames read so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// SHA-256 of all frames, once the end has been read and found good.
    #[must_use]
    pub const fn id(&self) -> Option<Digest> {
        self.result
    }

    /// Replaces what `gop` holds by the next frames, `max_frames` (taken for 1 if 0) or fewer at the end, straight into
    /// its buffer. Returns their number, 0 at the end.
    pub fn read_gop(&mut self, max_frames: usize, gop: &mut Gop) -> Result<usize, Error> {
        let (width, height) = (self.format.width as usize, self.format.height as usize);
        if (gop.width(), gop.height()) != (width, height) {
            let (expected, found) =
                (format!("{}x{}", gop.width(), gop.height()), format!("{width}x{height}"));
            return Err(Error::Buffer { path: self.path.clone(), expected, found });
        }
        let Some(process) = &mut self.process else {
            gop.clear();
            return if self.result.is_some() { Ok(0) } else { Err(self.broken()) };
        };
        // One more than is left, so that the end shows in the same read and no buffer is larger than the clip.
        let left = self.expected.map_or(u64::MAX, |expected| expected.frames.saturating_sub(self.frames) + 1);
        let max_frames = usize::try_from(left).unwrap_or(usize::MAX).min(max_frames.max(1));
        let filled = gop.fill(process, max_frames);
        let (count, rest) = match filled {
            Ok(filled) => filled,
            Err(source) => {
                self.process = None;
                return Err(Error::io(&self.path, "read its decoded frames")(source));
            }
        };
        self.hasher.update(gop.data());
        self.frames += count as u64;
        if count < max_frames {
            self.finish(rest)?;
        }
        Ok(count)
    }

    fn broken(&self) -> Error {
        Error::io(&self.path, "read on after an error")(ErrorKind::BrokenPipe.into())
    }

    /// Checks how the decoder ended and what it put out.
    fn finish(&mut self, rest: usize) -> Result<(), Error> {
        let process = self.process.take().ok_or_else(|| self.broken())?;
        let ended = process.finish().map_err(Error::io(&self.path, "wait for ffmpeg"))?;
        let (path, frames) = (self.path.clone(), self.frames);
        // Whatever ffmpeg reports as an error while it decodes is damage, even where it goes on by concealing it.
        if !ended.status.success() || !ended.message.is_empty() || rest != 0 {
            let said = if ended.message.is_empty() { "no message" } else { ended.message.as_str() };
            let part =
                if rest == 0 { String::new() } else { format!("; {rest} bytes of an incomplete frame") };
            let (status, message) = (ended.status.to_string(), format!("{said}{part}"));
            return Err(Error::Decode { path, frames, status, message });
        }
        let id = std::mem::take(&mut self.hasher).finish();
        if let Some(expected) =
            self.expected.filter(|expected| (expected.id, expected.frames) != (id, frames))
        {
            let Expected { id: expected_id, frames: expected_frames } = expected;
            return Err(Error::Changed { path, expected_id, expected_frames, id, frames });
        }
        self.result = Some(id);
        Ok(())
    }
}
