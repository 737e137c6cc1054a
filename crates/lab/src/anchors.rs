//! Anchors: real encoders, run by ffmpeg on exactly the frames that codecs get, measured by the same code, made once.

use crate::bundle::digest_of_file;
use crate::error::Error;
use crate::measure::measure;
use crate::observer::{Event, Observer};
use crate::{Home, parallel};
use aiv1_model::{AnchorEncode, AnchorPoint, ClipInfo, Digest, VideoFormat, chain};
use aiv1_video::{Clip, Ffmpeg, Gop};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// Frames handed to an encoder at a time.
const CHUNK: usize = 16;

/// A real encoder at a named preset.
#[derive(Clone, Copy, Debug)]
pub struct Anchor {
    /// Name in records and on the command line.
    pub name: &'static str,
    /// Encoder, preset and tuning in words.
    pub tuning: &'static str,
    /// Quality steps (CRF) that are measured, best first.
    pub ladder: &'static [u8],
    extension: &'static str,
    arguments: &'static [&'static str],
}

// One thread each: x265 and SVT-AV1 write other bits on other numbers of threads, and the lab runs several at once.
// Tuned for PSNR, the metric they are compared by: psychovisual tuning would hand a candidate a few percent.
const X264: &[u8] = &[18, 23, 28, 33, 38];
const X265: &[u8] = &[18, 23, 28, 33, 38];
const SVT: &[u8] = &[20, 30, 40, 50, 60];

/// Every anchor there is. The first four are measured unless others are asked for.
pub const ANCHORS: &[Anchor] = &[
    Anchor {
        name: "x264-medium",
        tuning: "H.264, x264 preset medium, tune psnr, CRF, default GOP (keyint 250), one thread",
        ladder: X264,
        extension: "h264",
        arguments: &["-c:v", "libx264", "-preset", "medium", "-tune", "psnr", "-threads", "1"],
    },
    Anchor {
        name: "x265-medium",
        tuning: "HEVC, x265 preset medium, tune psnr, CRF, default GOP (keyint 250), one thread",
        ladder: X265,
        extension: "hevc",
        arguments: &["-c:v", "libx265", "-preset", "medium", "-tune", "psnr", "-x265-params", X265_THREADS],
    },
    Anchor {
        name: "x265-slow",
        tuning: "HEVC, x265 preset slow, tune psnr, CRF, default GOP (keyint 250), one thread",
        ladder: X265,
        extension: "hevc",
        arguments: &["-c:v", "libx265", "-preset", "slow", "-tune", "psnr", "-x265-params", X265_THREADS],
    },
    Anchor {
        name: "svt-av1-8",
        tuning: "AV1, SVT-AV1 preset 8, default tuning (PSNR), CRF, default GOP, one thread",
        ladder: SVT,
        extension: "obu",
        arguments: &["-c:v", "libsvtav1", "-preset", "8", "-svtav1-params", "lp=1"],
    },
    Anchor {
        name: "x264-ultrafast",
        tuning: "H.264, x264 preset ultrafast, tune psnr, CRF, default GOP (keyint 250), one thread",
        ladder: X264,
        extension: "h264",
        arguments: &["-c:v", "libx264", "-preset", "ultrafast", "-tune", "psnr", "-threads", "1"],
    },
    Anchor {
        name: "x264-veryfast",
        tuning: "H.264, x264 preset veryfast, tune psnr, CRF, default GOP (keyint 250), one thread",
        ladder: X264,
        extension: "h264",
        arguments: &["-c:v", "libx264", "-preset", "veryfast", "-tune", "psnr", "-threads", "1"],
    },
    Anchor {
        name: "svt-av1-5",
        tuning: "AV1, SVT-AV1 preset 5, default tuning (PSNR), CRF, default GOP, one thread",
        ladder: SVT,
        extension: "obu",
        arguments: &["-c:v", "libsvtav1", "-preset", "5", "-svtav1-params", "lp=1"],
    },
];

const X265_THREADS: &str = "log-level=error:pools=none:frame-threads=1:wpp=0:info=0";

/// Names of the anchors that are measured unless others are asked for.
#[must_use]
pub fn default_anchors() -> Vec<String> {
    ANCHORS.iter().take(4).map(|anchor| anchor.name.to_owned()).collect()
}

/// The anchor of this name.
pub fn find(name: &str) -> Result<&'static Anchor, Error> {
    ANCHORS.iter().find(|anchor| anchor.name == name).ok_or_else(|| {
        let names = ANCHORS.iter().map(|anchor| anchor.name).collect::<Vec<_>>().join(", ");
        Error::request("anchor", format!("{name:?}"), format!("one of {names}"))
    })
}

/// A measured point and the stream it was measured on, in the cache.
#[derive(Clone, Debug)]
pub struct CachedPoint {
    /// The point.
    pub point: AnchorPoint,
    /// The stream.
    pub stream: PathBuf,
}

/// Measures every step of the named anchors on a clip; what the cache has is not encoded again.
pub fn measure_anchors(
    home: &Home,
    ffmpeg: &Ffmpeg,
    clip: &Clip,
    names: &[String],
    threads: NonZeroUsize,
    observer: &dyn Observer,
) -> Result<Vec<CachedPoint>, Error> {
    let mut wanted = Vec::new();
    for name in names {
        let anchor = find(name)?;
        wanted.extend(anchor.ladder.iter().map(|crf| (anchor, *crf)));
    }
    parallel::map(threads, &wanted, |(anchor, crf)| {
        let job = Job { ffmpeg, clip, anchor, crf: *crf, observer };
        job.go_on()?;
        observer.event(&Event::Working(&format!("{} at CRF {crf} on {}", anchor.name, clip.info.name)));
        let point = job.cached(home)?;
        observer.event(&Event::Advanced { frames: clip.info.frames });
        Ok(point)
    })
}

/// Paths inside a bundle of every step of the named anchors on a clip, in the order in which they are recorded.
pub(crate) fn paths(clip: &ClipInfo, names: &[String]) -> Vec<String> {
    let anchors = names.iter().filter_map(|name| find(name).ok());
    anchors.flat_map(|anchor| anchor.ladder.iter().map(|crf| path(clip, anchor, *crf))).collect()
}

/// How the stream at a path inside a bundle was encoded.
pub(crate) fn encode_of(format: &VideoFormat, path: &str, encoder: &str) -> Option<AnchorEncode> {
    let (name, crf) = path.rsplit_once('/')?.1.rsplit_once('.')?.0.rsplit_once('-')?;
    Some(encode(find(name).ok()?, crf.parse().ok()?, format, encoder))
}

fn path(clip: &ClipInfo, anchor: &Anchor, crf: u8) -> String {
    format!("anchors/{}/{}-{crf}.{}", clip.id.abbreviated(), anchor.name, anchor.extension)
}

fn encode(anchor: &Anchor, crf: u8, format: &VideoFormat, encoder: &str) -> AnchorEncode {
    AnchorEncode {
        anchor: anchor.name.to_owned(),
        tuning: anchor.tuning.to_owned(),
        encoder: encoder.to_owned(),
        command: arguments(anchor, crf, format, "{input}", "{output}"),
    }
}

/// The command line of ffmpeg: raw frames in, an elementary stream out.
fn arguments(anchor: &Anchor, crf: u8, format: &VideoFormat, input: &str, output: &str) -> Vec<String> {
    let VideoFormat { width, height, frame_rate, color } = format;
    let range = if color.full_range { "pc" } else { "tv" };
    let size = format!("{width}x{height}");
    let rate = format!("{}/{}", frame_rate.numerator, frame_rate.denominator);
    let crf = crf.to_string();
    let mut arguments = vec!["-f", "rawvideo", "-pix_fmt", "yuv420p", "-color_range", range];
    arguments.extend(["-video_size", &size, "-framerate", &rate, "-i", input]);
    arguments.extend_from_slice(anchor.arguments);
    arguments.extend([
        "-crf",
        &crf,
        "-pix_fmt",
        "yuv420p",
        "-color_range",
        range,
        "-fps_mode",
        "passthrough",
    ]);
    arguments.extend(["-f", anchor.extension, "-y", output]);
    arguments.into_iter().map(str::to_owned).collect()
}

struct Job<'a> {
    ffmpeg: &'a Ffmpeg,
    clip: &'a Clip,
    anchor: &'static Anchor,
    crf: u8,
    observer: &'a dyn Observer,
}

impl Job<'_> {
    fn cached(&self, home: &Home) -> Result<CachedPoint, Error> {
        let folder = home.anchors().join(self.key().to_string());
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        // Two runs that want the same point: the second waits for the first and reads what it wrote.
        let lock_path = folder.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(Error::file("open", &lock_path))?;
        flock(&lock, FlockOperation::LockExclusive)
            .map_err(|error| Error::file("lock", &lock_path)(error.into()))?;
        let stream = folder.join(format!("stream.{}", self.anchor.extension));
        let point_path = folder.join("point.json");
        if let Some(point) = read_point(&point_path, &stream) {
            return Ok(CachedPoint { point, stream });
        }
        let partial = folder.join(format!("partial.{}", self.anchor.extension));
        let point = self.make(&partial)?;
        fs::rename(&partial, &stream).map_err(Error::file("write", &stream))?;
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(Error::file("write", &folder))?;
        serde_json::to_writer(&mut file, &point)
            .map_err(std::io::Error::from)
            .and_then(|()| file.as_file().sync_all())
            .map_err(Error::file("write", &point_path))?;
        file.persist(&point_path).map_err(|error| Error::file("write", &point_path)(error.error))?;
        Ok(CachedPoint { point, stream })
    }

    /// Digest of everything that decides the stream and its figures.
    fn key(&self) -> Digest {
        let tools = aiv1_quality::tools();
        let format = &self.clip.info.format;
        let question = serde_json::json!([self.clip.info.id, format, self.encode(), tools.psnr, tools.ssim]);
        Digest::of(question.to_string().as_bytes())
    }

    fn encode(&self) -> AnchorEncode {
        encode(self.anchor, self.crf, &self.clip.info.format, self.ffmpeg.version())
    }

    fn go_on(&self) -> Result<(), Error> {
        if self.observer.cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    fn make(&self, stream: &Path) -> Result<AnchorPoint, Error> {
        let failed = |reason: String| Error::Anchor {
            anchor: format!("{} at CRF {}", self.anchor.name, self.crf),
            reason,
        };
        let output = stream.to_string_lossy();
        let mut command = self.ffmpeg.command();
        command.args(arguments(self.anchor, self.crf, &self.clip.info.format, "pipe:0", &output));
        // Its words go to a file: a pipe that nobody empties while frames are fed could stop it for ever.
        let mut log = tempfile::tempfile().map_err(Error::file("create a temporary file for", stream))?;
        let stderr = log.try_clone().map_err(Error::file("create a temporary file for", stream))?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(stderr);
        let mut encoder = Reaped(command.spawn().map_err(|error| failed(chain(&error)))?);
        let fed = self.feed(&mut encoder.0);
        if matches!(fed, Err(Error::Cancelled)) {
            return Err(Error::Cancelled);
        }
        let status = encoder.0.wait().map_err(|error| failed(chain(&error)))?;
        let mut said = Vec::new();
        log.rewind().map_err(Error::file("read what ffmpeg said about", stream))?;
        log.take(4096).read_to_end(&mut said).map_err(Error::file("read what ffmpeg said about", stream))?;
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        if !status.success() {
            return Err(failed(format!("ffmpeg ended with {status}: {said}")));
        }
        fed?;
        let info = &self.clip.info;
        let mut source = self.clip.reader(self.ffmpeg)?;
        let mut decoded = aiv1_video::decode_stream(self.ffmpeg, stream, &info.format)?;
        let quality = measure(&info.format, &mut source, &mut decoded, || self.go_on())?;
        let stream_bytes = fs::metadata(stream).map_err(Error::file("read", stream))?.len();
        Ok(AnchorPoint {
            clip: info.id,
            encode: self.encode(),
            stream_sha256: digest_of_file(stream)?,
            stream_bytes,
            path: path(info, self.anchor, self.crf),
            bitrate: info.bitrate(stream_bytes),
            quality,
        })
    }

    fn feed(&self, encoder: &mut Child) -> Result<(), Error> {
        let Some(mut input) = encoder.stdin.take() else { return Ok(()) };
        let mut source = self.clip.reader(self.ffmpeg)?;
        let mut gop = Gop::empty(source.format());
        while source.read_gop(CHUNK, &mut gop)? > 0 {
            self.go_on()?;
            let reason = "the encoder stopped reading frames".to_owned();
            let error = |_| Error::Anchor { anchor: self.anchor.name.to_owned(), reason };
            input.write_all(gop.data()).map_err(error)?;
        }
        Ok(())
    }
}

fn read_point(point: &Path, stream: &Path) -> Option<AnchorPoint> {
    let point: AnchorPoint = serde_json::from_slice(&fs::read(point).ok()?).ok()?;
    (digest_of_file(stream).ok()? == point.stream_sha256).then_some(point)
}

/// A child that is killed and reaped on every exit path.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // Both fail only where the child is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::ANCHORS;
    use aiv1_model::AnchorEncode;

    #[test]
    fn the_names_that_an_experiment_may_ask_for_are_those_of_the_anchors() {
        assert_eq!(ANCHORS.iter().map(|anchor| anchor.name).collect::<Vec<_>>(), AnchorEncode::NAMES);
    }
}
