//! A clip: a file of any kind as frames of one kind, with an identity.

use crate::plan::{Plan, plan};
use crate::probe::{Probe, probe};
use crate::reader::{ClipReader, Expected};
use crate::timing::{frame_rate, pictures};
use crate::{Error, Ffmpeg, Gop};
use aiv1_model::{ClipClass, ClipInfo, Digest, Hasher, SourceFile, VideoFormat};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Codecs whose every packet is a picture that is shown, so that a decoder that puts out another number has dropped or
/// invented some. Others have packets that show nothing (VP8's hidden references, MPEG-4's empty pictures): of those
/// there may only be fewer frames than packets.
const ONE_FRAME_A_PACKET: &[&str] = &[
    "h264",
    "hevc",
    "vvc",
    "av1",
    "vp9",
    "rawvideo",
    "wrapped_avframe",
    "ffv1",
    "ffvhuff",
    "huffyuv",
    "utvideo",
    "prores",
    "dnxhd",
    "mjpeg",
    "v210",
    "cfhd",
];

/// Most bytes of frames held while a clip is identified, and yet at least one frame.
const IDENTIFY_BYTES: usize = 4 << 20;

/// How to read a clip.
#[derive(Clone, Copy, Debug)]
pub struct ClipOptions {
    /// Only the first so many frames, at least 1.
    pub frame_limit: Option<u64>,
    /// What is known of the file's history.
    pub class: ClipClass,
}

impl Default for ClipOptions {
    /// Every frame of a file that has been through a lossy codec, as most have.
    fn default() -> Self {
        Self { frame_limit: None, class: ClipClass::Nonpristine }
    }
}

/// A file that can be measured: what it is, and how to get its frames.
#[derive(Clone, Debug)]
pub struct Clip {
    /// What the record says of it.
    pub info: ClipInfo,
    path: PathBuf,
    stream: usize,
    filters: String,
}

impl Clip {
    /// Probes the file, decides on conversions or refuses, and decodes it once to count and hash its frames. Memory
    /// does not depend on its length, but for 8 bytes a frame while it is opened.
    pub fn open(ffmpeg: &Ffmpeg, path: &Path, options: &ClipOptions) -> Result<Self, Error> {
        if options.frame_limit == Some(0) {
            return Err(Error::refused(
                path,
                "frame limit",
                "0",
                "a clip has at least one frame",
                "ask for 1 or more",
            ));
        }
        let source = source_file(path)?;
        let probe = probe(ffmpeg, path)?;
        let Plan { filters, width, height, color, mut conversions } = plan(path, &probe)?;
        let pictures = pictures(ffmpeg, path, &probe, source.bytes)?;
        let (frame_rate, said) = frame_rate(path, &probe, &pictures)?;
        conversions.extend(said);
        if pictures.shown < pictures.coded {
            conversions.push(aiv1_model::Conversion {
                what: "edit_list".to_owned(),
                from: format!("{} coded pictures", pictures.coded),
                to: format!("{} shown", pictures.shown),
                how: "ffmpeg obeys the file's edit list".to_owned(),
            });
        }
        let format = VideoFormat { width, height, frame_rate, color };
        let stream = probe.stream.index;
        let reader = ClipReader::start(ffmpeg, path, stream, &filters, options.frame_limit, format)?;
        let (id, frames) = identify(reader)?;
        check_count(
            path,
            &probe,
            options.frame_limit.map_or(pictures.shown, |limit| limit.min(pictures.shown)),
            frames,
        )?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (frame_limit, class) = (options.frame_limit, options.class);
        let info = ClipInfo { id, name, format, frames, frame_limit, class, source, conversions };
        Ok(Self { info, path: path.to_owned(), stream, filters })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Decodes again, the same way; the end of the reader proves that the frames are the same.
    pub fn reader(&self, ffmpeg: &Ffmpeg) -> Result<ClipReader, Error> {
        let ClipInfo { id, frames, format, .. } = self.info;
        let limit = self.info.frame_limit;
        let reader = ClipReader::start(ffmpeg, &self.path, self.stream, &self.filters, limit, format)?;
        Ok(reader.expect(Expected { id, frames }))
    }
}

/// Reads to the end in small groups.
fn identify(mut reader: ClipReader) -> Result<(Digest, u64), Error> {
    let mut gop = Gop::empty(reader.format());
    let group = (IDENTIFY_BYTES / gop.frame_len()).max(1);
    loop {
        let read = reader.read_gop(group, &mut gop)?;
        if let (0, Some(id)) = (read, reader.id()) {
            return Ok((id, reader.frames()));
        }
    }
}

fn check_count(path: &Path, probe: &Probe, coded: u64, decoded: u64) -> Result<(), Error> {
    if decoded == 0 {
        return Err(Error::NoFrames { path: path.to_owned() });
    }
    let exact = ONE_FRAME_A_PACKET.contains(&probe.stream.codec_name.as_str());
    if decoded > coded || (exact && decoded != coded) {
        return Err(Error::FrameCount { path: path.to_owned(), coded, decoded });
    }
    Ok(())
}

/// Hashes the file as it lies on disk; only regular files are read.
fn source_file(path: &Path) -> Result<SourceFile, Error> {
    let mut file = File::open(path).map_err(Error::io(path, "open it"))?;
    let metadata = file.metadata().map_err(Error::io(path, "read its size"))?;
    if !metadata.is_file() {
        let fix = "name a file";
        let value = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(Error::refused(path, "kind", value, "only regular files can be read twice", fix));
    }
    let (mut hasher, mut bytes) = (Hasher::new(), 0);
    let mut buffer = vec![0; 1 << 17];
    loop {
        let read = file.read(&mut buffer).map_err(Error::io(path, "read it"))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(SourceFile { name, sha256: hasher.finish(), bytes, bundled: None })
}
