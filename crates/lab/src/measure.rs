//! Two videos in lock-step, frame by frame by index.

use crate::error::Error;
use aiv1_model::{Quality, VideoFormat};
use aiv1_quality::Measurer;
use aiv1_video::{ClipReader, Gop};

/// Frames held of each side at a time.
const CHUNK: usize = 8;

/// Measures `decoded` against `source`; another number of frames is an error that names both.
pub(crate) fn measure(
    format: &VideoFormat,
    source: &mut ClipReader,
    decoded: &mut ClipReader,
    go_on: impl Fn() -> Result<(), Error>,
) -> Result<Quality, Error> {
    let mut measurer = Measurer::new(format.width as usize, format.height as usize)?;
    let (mut ours, mut theirs) = (Gop::empty(format), Gop::empty(format));
    let (mut ours_total, mut theirs_total) = (0, 0);
    loop {
        go_on()?;
        let frames = source.read_gop(CHUNK, &mut ours)?;
        let decoded_frames = decoded.read_gop(CHUNK, &mut theirs)?;
        ours_total += frames as u64;
        theirs_total += decoded_frames as u64;
        if frames != decoded_frames {
            // Both are read to their ends, so that the error can name both counts.
            ours_total += rest(source, &mut ours)?;
            theirs_total += rest(decoded, &mut theirs)?;
            return Err(aiv1_quality::Error::FrameCount {
                source_frames: ours_total,
                decoded_frames: theirs_total,
            }
            .into());
        }
        if frames == 0 {
            return Ok(measurer.finish()?);
        }
        for (ours, theirs) in ours.frames().zip(theirs.frames()) {
            measurer.push(ours, theirs)?;
        }
    }
}

fn rest(reader: &mut ClipReader, gop: &mut Gop) -> Result<u64, Error> {
    let mut total = 0;
    loop {
        match reader.read_gop(CHUNK, gop)? {
            0 => return Ok(total),
            frames => total += frames as u64,
        }
    }
}
