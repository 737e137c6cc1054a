//! Decoding what an encoder wrote, to the very format that went into it.

use crate::plan::guard;
use crate::probe::probe;
use crate::reader::ClipReader;
use crate::{Error, Ffmpeg};
use aiv1_model::VideoFormat;
use std::path::Path;

/// Decodes the encoded stream at `path`, which must hold pictures of `expected`: 8-bit 4:2:0 of its size and range.
/// Anything else is refused with both sides named; nothing is converted, repeated or dropped. The frame rate is not
/// compared, since elementary streams carry none.
pub fn decode_stream(ffmpeg: &Ffmpeg, path: &Path, expected: &VideoFormat) -> Result<ClipReader, Error> {
    let probe = probe(ffmpeg, path)?;
    let mismatch = |what, expected: &str, found: &str| {
        let (expected, found) = (expected.to_owned(), found.to_owned());
        Err(Error::Mismatch { path: path.to_owned(), what, expected, found })
    };
    let format = probe.picture.pix_fmt.as_str();
    if !matches!(format, "yuv420p" | "yuvj420p") {
        return mismatch("pixel format", "yuv420p", format);
    }
    let (width, height) = (probe.picture.width, probe.picture.height);
    if (width, height) != (expected.width, expected.height) {
        return mismatch(
            "size",
            &format!("{}x{}", expected.width, expected.height),
            &format!("{width}x{height}"),
        );
    }
    let range = |full| if full { "full" } else { "limited" };
    let found = crate::color::color(&probe).full_range;
    if found != expected.color.full_range {
        return mismatch("range", range(expected.color.full_range), range(found));
    }
    ClipReader::start(ffmpeg, path, probe.stream.index, &guard(&probe, width, height), None, *expected)
}
