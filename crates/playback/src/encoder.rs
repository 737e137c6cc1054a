//! Frames to the two parts of a file: samples as they come, and last the head that belongs before them.

use crate::Error;
use crate::h264::H264;
use crate::index::{Tables, Track};
use aiv1_model::VideoFormat;
use aiv1_video::FrameRef;

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

/// An MP4 in the making, wherever its bytes go: first every sample in its turn, in the end the head.
pub struct Mp4Encoder {
    format: VideoFormat,
    encoder: H264,
    tables: Tables,
    sample: Vec<u8>,
}

impl std::fmt::Debug for Mp4Encoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mp4Encoder").field("frames", &self.tables.frames()).finish_non_exhaustive()
    }
}

impl Mp4Encoder {
    /// A video of `format`. Odd sizes lose their last column or row: H.264 in 4:2:0 and players want even ones.
    pub fn new(format: &VideoFormat, options: Options) -> Result<Self, Error> {
        let encoder = H264::new(format, options.quantiser, options.keyframe_interval)?;
        if format.frame_rate.numerator == 0 || format.frame_rate.denominator == 0 {
            let (value, bound) = (format.frame_rate.to_string(), "a fraction above 0".to_owned());
            return Err(Error::Unsupported { what: "frame rate", value, bound });
        }
        Ok(Self { format: *format, encoder, tables: Tables::default(), sample: Vec::new() })
    }

    /// Codes the next frame: the bytes to put behind those before.
    pub fn push(&mut self, frame: FrameRef<'_>) -> Result<&[u8], Error> {
        let (width, height) = (self.format.width as usize, self.format.height as usize);
        if (frame.width(), frame.height()) != (width, height) {
            let (expected, found) =
                (format!("{width}x{height}"), format!("{}x{}", frame.width(), frame.height()));
            return Err(Error::FrameSize { frame: self.tables.frames(), expected, found });
        }
        let key = self.encoder.encode(frame, &mut self.sample)?;
        self.tables.push(self.sample.len(), key).ok_or_else(|| too_long(&self.tables))?;
        Ok(&self.sample)
    }

    /// Bytes of all samples so far.
    #[must_use]
    pub const fn sample_bytes(&self) -> u64 {
        self.tables.bytes
    }

    /// Bytes of memory that grow with the number of frames.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.tables.memory()
    }

    /// What belongs before the samples.
    pub fn finish(self) -> Result<(Vec<u8>, Summary), Error> {
        let frames = self.tables.frames();
        let parameter_sets = self.encoder.parameter_sets().filter(|_| frames > 0).ok_or(Error::NoFrames)?;
        let (width, height) = self.encoder.size();
        let (Ok(width), Ok(height)) = (width.try_into(), height.try_into()) else {
            return Err(too_long(&self.tables));
        };
        let VideoFormat { frame_rate, color, .. } = self.format;
        let track = Track { width, height, frame_rate, color, parameter_sets };
        let samples = self.tables.bytes;
        let head = self.tables.head(&track);
        let head = head.map_err(|error| Error::Index { frames, reason: error.to_string() })?;
        let bytes = head.len() as u64 + samples;
        Ok((head, Summary { frames, bytes, seconds: frame_rate.seconds(frames) }))
    }
}

fn too_long(tables: &Tables) -> Error {
    let reason = "MP4 counts samples and sizes in 32 bits".to_owned();
    Error::Index { frames: tables.frames(), reason }
}
