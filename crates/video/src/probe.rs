//! What ffprobe says of a file: its streams, its first picture, and what the pixel formats mean.

use crate::limits::{CONTAINERS, MAX_PROBE_BYTES};
use crate::{Error, Ffmpeg, process};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// `file:path`: never taken for an option, a pattern or another protocol.
pub(crate) fn input_argument(path: &Path) -> OsString {
    let mut argument = OsString::from("file:");
    argument.push(path);
    argument
}

/// What every opening of a file is restricted to: local files and known containers.
pub(crate) fn restrict(command: &mut Command) {
    command.args(["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS]);
}

/// The first video stream that is not a cover, and what surrounds it.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) container: String,
    pub(crate) stream: Stream,
    /// Video streams, covers left out.
    pub(crate) video_streams: usize,
    /// The first decoded picture.
    pub(crate) picture: Picture,
    pub(crate) pixels: PixelFormat,
}

#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    frames: Vec<Picture>,
    #[serde(default)]
    pixel_formats: Vec<PixelFormat>,
    format: Option<Container>,
}

#[derive(Debug, Deserialize)]
struct Container {
    format_name: String,
}

/// A stream, as ffprobe names its properties.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stream {
    pub(crate) index: usize,
    pub(crate) codec_type: String,
    pub(crate) codec_name: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) field_order: String,
    pub(crate) r_frame_rate: String,
    pub(crate) avg_frame_rate: String,
    pub(crate) time_base: String,
    pub(crate) nb_frames: Option<String>,
    pub(crate) sample_aspect_ratio: String,
    pub(crate) color_range: Option<String>,
    pub(crate) color_space: Option<String>,
    pub(crate) color_transfer: Option<String>,
    pub(crate) color_primaries: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) side_data_list: Vec<SideData>,
    disposition: BTreeMap<String, i64>,
}

impl Stream {
    fn is_video(&self) -> bool {
        self.codec_type == "video" && self.disposition.get("attached_pic").is_none_or(|&cover| cover == 0)
    }
}

/// What a container says of a stream beside its samples.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SideData {
    pub(crate) side_data_type: String,
    pub(crate) displaymatrix: Option<String>,
}

/// A decoded picture.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Picture {
    stream_index: usize,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pix_fmt: String,
    pub(crate) interlaced_frame: u8,
    pub(crate) color_range: Option<String>,
    pub(crate) color_space: Option<String>,
    pub(crate) color_transfer: Option<String>,
    pub(crate) color_primaries: Option<String>,
}

/// What a pixel format's name means.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PixelFormat {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) log2_chroma_w: u8,
    #[serde(default)]
    pub(crate) log2_chroma_h: u8,
    flags: BTreeMap<String, u8>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Clone, Debug, Deserialize)]
struct Component {
    bit_depth: u8,
}

impl PixelFormat {
    /// `rgb`, `alpha`, `hwaccel`, …
    pub(crate) fn is(&self, flag: &str) -> bool {
        self.flags.get(flag).is_some_and(|&value| value != 0)
    }

    /// Luma alone.
    pub(crate) fn is_gray(&self) -> bool {
        self.components.len() == 1
    }

    /// Bits of the deepest component.
    pub(crate) fn depth(&self) -> u8 {
        self.components.iter().map(|component| component.bit_depth).max().unwrap_or(0)
    }
}

/// Asks ffprobe; refuses what is not a video. The first picture is decoded, no more.
pub(crate) fn probe(ffmpeg: &Ffmpeg, path: &Path) -> Result<Probe, Error> {
    let mut command = ffmpeg.probe_command();
    restrict(&mut command);
    command.args(["-of", "json", "-show_streams", "-show_format", "-show_frames", "-show_pixel_formats"]);
    command.args(["-read_intervals", "%+#8", "-select_streams", "v"]).arg(input_argument(path));
    let output = process::run(command, path, MAX_PROBE_BYTES)?;
    let not_a_video = |reason: String| Error::NotAVideo { path: path.to_owned(), reason };
    if !output.status.success() {
        return Err(not_a_video(reason(&output.message)));
    }
    let document: Document = serde_json::from_slice(&output.stdout)
        .map_err(|error| not_a_video(format!("ffprobe's answer is not understood: {error}")))?;
    let container = document.format.map(|format| format.format_name).unwrap_or_default();
    let mut videos = document.streams.into_iter().filter(Stream::is_video);
    let Some(stream) = videos.next() else {
        return Err(Error::NoVideoStream { path: path.to_owned(), found: other_streams(ffmpeg, path)? });
    };
    let Some(picture) = document.frames.into_iter().find(|picture| picture.stream_index == stream.index)
    else {
        if output.message.is_empty() {
            return Err(Error::NoFrames { path: path.to_owned() });
        }
        let status = "the first picture does not decode".to_owned();
        return Err(Error::Decode { path: path.to_owned(), frames: 0, status, message: output.message });
    };
    let Some(pixels) = document.pixel_formats.into_iter().find(|format| format.name == picture.pix_fmt)
    else {
        return Err(not_a_video(format!("its pixel format {:?} is unknown to ffprobe", picture.pix_fmt)));
    };
    Ok(Probe { container, stream, video_streams: 1 + videos.count(), picture, pixels })
}

/// ffprobe's words, or more useful ones for the restrictions that are ours.
fn reason(message: &str) -> String {
    if message.contains("not on whitelist") {
        return format!(
            "a playlist, an image or a container that is not opened ({message}); \
             rewrap it first: ffmpeg -i INPUT -map 0:v:0 -c copy OUTPUT.mkv"
        );
    }
    if message.is_empty() { "ffprobe fails without a word".to_owned() } else { message.to_owned() }
}

/// `1 audio, 1 subtitle`, for the error about a file without a picture.
fn other_streams(ffmpeg: &Ffmpeg, path: &Path) -> Result<String, Error> {
    let mut command = ffmpeg.probe_command();
    restrict(&mut command);
    command.args(["-of", "json", "-show_streams"]).arg(input_argument(path));
    let output = process::run(command, path, MAX_PROBE_BYTES)?;
    let document: Option<Document> = serde_json::from_slice(&output.stdout).ok();
    let mut counts = BTreeMap::<String, usize>::new();
    for stream in document.into_iter().flat_map(|document| document.streams) {
        *counts.entry(stream.codec_type).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    Ok(if counts.is_empty() { "no streams".to_owned() } else { counts.join(", ") })
}
