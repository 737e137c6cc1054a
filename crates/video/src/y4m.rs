//! Y4M, the plain file that video tools exchange: 8-bit 4:2:0, any size.

use crate::limits::MAX_SIDE;
use crate::{FrameRef, Gop};
use aiv1_model::{ColorInfo, FrameRate, VideoFormat};
use std::io::{self, BufRead, Read, Write};

/// Most bytes of a header line; real ones have less than a hundred.
pub const MAX_LINE: u64 = 1024;

/// Why a Y4M could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Y4mError {
    /// Reading or writing failed.
    #[error("cannot read or write the Y4M at frame {frame}")]
    Io {
        /// The frame.
        frame: u64,
        /// Why.
        source: io::Error,
    },
    /// The first line is not that of a Y4M.
    #[error("not a Y4M: it begins with {found:?}, not YUV4MPEG2")]
    NotY4m {
        /// Its beginning.
        found: String,
    },
    /// A line without an end.
    #[error("a header line is longer than {MAX_LINE} bytes or ends early")]
    Line,
    /// A property that is missing, malformed or not read.
    #[error("Y4M header: {what} is {value:?}: {expected}")]
    Header {
        /// `width`, `frame rate`, `colour space`, `interlacing`.
        what: &'static str,
        /// As it is.
        value: String,
        /// As it must be.
        expected: &'static str,
    },
    /// No `FRAME` where one must begin.
    #[error("frame {frame} begins with {found:?}, not FRAME")]
    Frame {
        /// The frame.
        frame: u64,
        /// What is there.
        found: String,
    },
    /// The file ends inside a frame.
    #[error("truncated: frame {frame} has {found} bytes of {expected}")]
    Truncated {
        /// The frame.
        frame: u64,
        /// Bytes of a frame.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// A frame of another size.
    #[error("frames are {expected}, not {found}")]
    Size {
        /// The file's size.
        expected: String,
        /// The other's.
        found: String,
    },
}

/// Reads frames one after the other.
#[derive(Debug)]
pub struct Y4mReader<R> {
    reader: R,
    format: VideoFormat,
    frames: u64,
}

impl<R: BufRead> Y4mReader<R> {
    /// Reads the header.
    pub fn new(mut reader: R) -> Result<Self, Y4mError> {
        let line = line(&mut reader, 0)?.ok_or(Y4mError::Line)?;
        let Some(fields) = line.strip_prefix("YUV4MPEG2 ") else {
            return Err(Y4mError::NotY4m { found: line.chars().take(16).collect() });
        };
        Ok(Self { reader, format: header(fields)?, frames: 0 })
    }

    /// Size, rate and range; the other colour properties are not in a Y4M.
    #[must_use]
    pub const fn format(&self) -> &VideoFormat {
        &self.format
    }

    /// Replaces what `gop` holds by the next frames, at most `max_frames`; their number, 0 at the end.
    pub fn read_gop(&mut self, max_frames: usize, gop: &mut Gop) -> Result<usize, Y4mError> {
        let (width, height) = (self.format.width as usize, self.format.height as usize);
        same_size((width, height), (gop.width(), gop.height()))?;
        gop.clear();
        let mut one = Gop::empty(&self.format);
        while gop.len() < max_frames {
            let Some(line) = line(&mut self.reader, self.frames)? else { break };
            if line != "FRAME" && !line.starts_with("FRAME ") {
                let found = line.chars().take(16).collect();
                return Err(Y4mError::Frame { frame: self.frames, found });
            }
            let frame = self.frames;
            let (count, found) =
                one.fill(&mut self.reader, 1).map_err(|source| Y4mError::Io { frame, source })?;
            if count == 0 {
                let (expected, found) = (self.format.frame_bytes(), found as u64);
                return Err(Y4mError::Truncated { frame, expected, found });
            }
            one.frames().for_each(|frame| {
                gop.push(frame);
            });
            self.frames += 1;
        }
        Ok(gop.len())
    }
}

/// The next line without its end; `None` at the end of the file.
fn line(reader: &mut impl BufRead, frame: u64) -> Result<Option<String>, Y4mError> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_LINE).read_until(b'\n', &mut bytes);
    match (read.map_err(|source| Y4mError::Io { frame, source })?, bytes.pop()) {
        (0, _) => Ok(None),
        (_, Some(b'\n')) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        _ if frame == 0 && !bytes.starts_with(b"YUV4") && !bytes.starts_with(b"FRAME") => {
            Err(Y4mError::NotY4m { found: String::from_utf8_lossy(&bytes).chars().take(16).collect() })
        }
        _ => Err(Y4mError::Line),
    }
}

fn header(fields: &str) -> Result<VideoFormat, Y4mError> {
    let bad = |what, value: &str, expected| {
        let value = value.chars().take(32).collect();
        Y4mError::Header { what, value, expected }
    };
    let (mut width, mut height, mut rate) = ("", "", "");
    let mut color = ColorInfo::UNSPECIFIED;
    for field in fields.split(' ').filter(|field| !field.is_empty()) {
        let (tag, value) = field.split_at(field.chars().next().map_or(0, char::len_utf8));
        match tag {
            "W" => width = value,
            "H" => height = value,
            "F" => rate = value,
            "I" if !matches!(value, "p" | "?") => {
                return Err(bad("interlacing", value, "only progressive is read"));
            }
            "C" if !matches!(value, "420" | "420jpeg" | "420mpeg2" | "420paldv") => {
                let expected = "only 8-bit 4:2:0 is read: 420, 420jpeg, 420mpeg2, 420paldv";
                return Err(bad("colour space", value, expected));
            }
            "X" => color.full_range |= value == "COLORRANGE=FULL",
            _ => {}
        }
    }
    let side = |what, value: &str| match value.parse() {
        Ok(side @ 1..=MAX_SIDE) => Ok(side),
        _ => Err(bad(what, value, "1 to 8192 pixels are read")),
    };
    let parts =
        rate.split_once(':').and_then(|(above, below)| Some((above.parse().ok()?, below.parse().ok()?)));
    let Some((numerator @ 1.., denominator @ 1..)) = parts else {
        return Err(bad("frame rate", rate, "a fraction above 0, such as 30000:1001"));
    };
    let (width, height) = (side("width", width)?, side("height", height)?);
    Ok(VideoFormat { width, height, frame_rate: FrameRate { numerator, denominator }, color })
}

fn same_size(expected: (usize, usize), found: (usize, usize)) -> Result<(), Y4mError> {
    if expected == found {
        return Ok(());
    }
    let text = |(width, height): (usize, usize)| format!("{width}x{height}");
    Err(Y4mError::Size { expected: text(expected), found: text(found) })
}

/// Writes frames one after the other.
#[derive(Debug)]
pub struct Y4mWriter<W> {
    writer: W,
    width: usize,
    height: usize,
    frames: u64,
}

impl<W: Write> Y4mWriter<W> {
    /// Writes the header.
    pub fn new(mut writer: W, format: &VideoFormat) -> Result<Self, Y4mError> {
        let VideoFormat { width, height, frame_rate: FrameRate { numerator, denominator }, color } = format;
        let range = if color.full_range { "FULL" } else { "LIMITED" };
        writeln!(
            writer,
            "YUV4MPEG2 W{width} H{height} F{numerator}:{denominator} Ip A1:1 C420mpeg2 XCOLORRANGE={range}"
        )
        .map_err(|source| Y4mError::Io { frame: 0, source })?;
        Ok(Self { writer, width: *width as usize, height: *height as usize, frames: 0 })
    }

    /// Writes a frame.
    pub fn write(&mut self, frame: FrameRef<'_>) -> Result<(), Y4mError> {
        same_size((self.width, self.height), (frame.width(), frame.height()))?;
        let written = self.writer.write_all(b"FRAME\n").and_then(|()| self.writer.write_all(frame.data()));
        written.map_err(|source| Y4mError::Io { frame: self.frames, source })?;
        self.frames += 1;
        Ok(())
    }

    /// Flushes, and gives the writer back.
    pub fn finish(mut self) -> Result<W, Y4mError> {
        self.writer.flush().map_err(|source| Y4mError::Io { frame: self.frames, source })?;
        Ok(self.writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format(width: u32, height: u32, full_range: bool) -> VideoFormat {
        let frame_rate = FrameRate { numerator: 30000, denominator: 1001 };
        VideoFormat { width, height, frame_rate, color: ColorInfo { full_range, ..ColorInfo::UNSPECIFIED } }
    }

    fn read_all(bytes: &[u8]) -> Result<(VideoFormat, Vec<u8>), Y4mError> {
        let mut reader = Y4mReader::new(bytes)?;
        let format = *reader.format();
        let (mut gop, mut all) = (Gop::empty(&format), Vec::new());
        while reader.read_gop(2, &mut gop)? > 0 {
            all.extend_from_slice(gop.data());
        }
        Ok((format, all))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(width in 1_u32..40, height in 1_u32..40, frames in 0_usize..5, full: bool, seed: u8) {
            let format = format(width, height, full);
            let length = format.frame_bytes() as usize * frames;
            let data: Vec<u8> = (0..length).map(|index| (index as u8).wrapping_mul(31) ^ seed).collect();
            let mut writer = Y4mWriter::new(Vec::new(), &format).unwrap();
            for frame in Gop::from_data(&format, data.clone()).unwrap().frames() {
                writer.write(frame).unwrap();
            }
            prop_assert_eq!(read_all(&writer.finish().unwrap()).unwrap(), (format, data));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn hostile_headers_never_panic(fields in "[WHFICX0-9:p?. é\n]{0,60}") {
            let _ = read_all(format!("YUV4MPEG2 {fields}\nFRAME\n0123456789").as_bytes());
        }

        #[test]
        fn every_prefix_is_an_error_or_whole_frames(cut in 0_usize..200) {
            let format = format(4, 4, false);
            let mut writer = Y4mWriter::new(Vec::new(), &format).unwrap();
            let gop = Gop::from_data(&format, (0..96).collect()).unwrap();
            gop.frames().for_each(|frame| writer.write(frame).unwrap());
            let bytes = writer.finish().unwrap();
            if let Ok((_, data)) = read_all(&bytes[..cut.min(bytes.len())]) {
                prop_assert_eq!(&data[..], &gop.data()[..data.len()]);
            }
        }
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let cases = [
            ("RIFF....AVI", "RIFF"),
            ("YUV4MPEG2 W16 H16\n", "frame rate"),
            ("YUV4MPEG2 W0 H16 F25:1\n", "width is \"0\""),
            ("YUV4MPEG2 W16 H99999 F25:1\n", "height is \"99999\""),
            ("YUV4MPEG2 W16 H16 F25:1 C444\n", "colour space is \"444\""),
            ("YUV4MPEG2 W16 H16 F25:1 It\n", "interlacing is \"t\""),
            ("YUV4MPEG2 W16 H16 F0:0\n", "frame rate is \"0:0\""),
            ("YUV4MPEG2 W16 H16 F25:1\nFRAME\nabc", "frame 0 has 3 bytes of 384"),
            ("YUV4MPEG2 W16 H16 F25:1\nFRUME\nabc", "begins with \"FRUME\""),
        ];
        for (text, part) in cases {
            let message = read_all(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(part), "{text:?}: {message}");
        }
        let endless = [b'Y'; 5000];
        assert!(read_all(&endless).is_err());
    }
}
