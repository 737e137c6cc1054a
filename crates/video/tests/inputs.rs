//! Files as people have them, made by ffmpeg: each is read as said, or refused by name.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use aiv1_model::{ColorInfo, Conversion, Digest, FrameRate, VideoFormat};
use aiv1_video::{Clip, ClipOptions, Error, Ffmpeg, Gop, decode_stream};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Lab {
    folder: tempfile::TempDir,
    ffmpeg: Ffmpeg,
}

impl Lab {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), ffmpeg: Ffmpeg::find().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs ffmpeg with these words and the file of this name as output.
    fn make(&self, name: &str, words: &str) -> PathBuf {
        let path = self.path(name);
        let mut command = self.ffmpeg.command();
        command.current_dir(self.folder.path()).args(words.split_whitespace()).arg("-y").arg(&path);
        run(command);
        path
    }

    /// 64x48, ten frames at 25.
    fn source(&self, name: &str, words: &str) -> PathBuf {
        self.make(name, &format!("-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 {words}"))
    }

    fn open(&self, path: &Path) -> Result<Clip, Error> {
        Clip::open(&self.ffmpeg, path, &ClipOptions::default())
    }

    fn refused(&self, path: &Path) -> String {
        self.open(path).map(|clip| clip.info).unwrap_err().to_string()
    }

    /// What plain ffmpeg puts out with these words after the input.
    fn plain(&self, path: &Path, words: &str) -> Digest {
        let mut command = self.ffmpeg.command();
        command.arg("-i").arg(path).args(words.split_whitespace());
        command.args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]);
        Digest::of(&run(command))
    }
}

fn run(mut command: Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn read(lab: &Lab, clip: &Clip) -> u64 {
    let mut reader = clip.reader(&lab.ffmpeg).unwrap();
    let mut gop = Gop::empty(reader.format());
    while reader.read_gop(4, &mut gop).unwrap() > 0 {}
    assert_eq!(reader.id(), Some(clip.info.id));
    reader.frames()
}

fn conversion<'a>(clip: &'a Clip, what: &str) -> &'a Conversion {
    let found = clip.info.conversions.iter().find(|conversion| conversion.what == what);
    found.unwrap_or_else(|| panic!("no {what} in {:?}", clip.info.conversions))
}

#[test]
fn an_ordinary_clip_is_exactly_what_ffmpeg_decodes() {
    let lab = Lab::new();
    let path = lab.source("a.mp4", "-c:v libx264 -bf 3");
    let clip = lab.open(&path).unwrap();
    assert_eq!((clip.info.frames, clip.info.format.width, clip.info.format.height), (10, 64, 48));
    assert_eq!(clip.info.format.frame_rate, FrameRate { numerator: 25, denominator: 1 });
    assert_eq!(clip.info.conversions, []);
    assert_eq!(clip.info.id, lab.plain(&path, ""));
    assert_eq!(clip.info.source.sha256, Digest::of(&std::fs::read(&path).unwrap()));
    assert_eq!((clip.info.name.as_str(), clip.info.source.name.as_str()), ("a", "a.mp4"));
    assert_eq!(read(&lab, &clip), 10);
}

#[test]
fn a_frame_limit_takes_the_first_frames() {
    let lab = Lab::new();
    let path = lab.source("a.mp4", "-c:v libx264");
    let options = ClipOptions { frame_limit: Some(3), ..ClipOptions::default() };
    let clip = Clip::open(&lab.ffmpeg, &path, &options).unwrap();
    assert_eq!((clip.info.frames, clip.info.frame_limit), (3, Some(3)));
    assert_eq!(clip.info.id, lab.plain(&path, "-frames:v 3"));
    assert_eq!(read(&lab, &clip), 3);
    let none = ClipOptions { frame_limit: Some(0), ..ClipOptions::default() };
    assert!(Clip::open(&lab.ffmpeg, &path, &none).unwrap_err().to_string().contains("frame limit is 0"));
}

#[test]
fn what_is_no_video_is_named() {
    let lab = Lab::new();
    let text = lab.path("notes.mp4");
    std::fs::write(&text, "not a video at all\n".repeat(100)).unwrap();
    assert!(matches!(lab.open(&text), Err(Error::NotAVideo { .. })), "{}", lab.refused(&text));
    let empty = lab.path("empty.mp4");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(lab.open(&empty), Err(Error::NotAVideo { .. })));
    assert!(matches!(lab.open(&lab.path("missing.mp4")), Err(Error::Io { .. })));
    assert!(lab.refused(lab.folder.path()).contains("a folder"));
    let sound = lab.make("sound.mp4", "-f lavfi -i sine=d=0.2 -c:a aac");
    assert!(lab.refused(&sound).contains("only 1 audio"), "{}", lab.refused(&sound));
}

#[test]
fn zero_frames_are_refused() {
    let lab = Lab::new();
    let path = lab.path("zero.y4m");
    std::fs::write(&path, "YUV4MPEG2 W64 H48 F25:1 Ip C420\n").unwrap();
    assert!(matches!(lab.open(&path), Err(Error::NoFrames { .. })), "{}", lab.refused(&path));
}

#[test]
fn images_are_refused() {
    let lab = Lab::new();
    let path = lab.make("still.png", "-f lavfi -i testsrc2=s=64x48 -frames:v 1");
    assert!(lab.refused(&path).contains("a playlist, an image"), "{}", lab.refused(&path));
}

#[test]
fn truncated_files_are_refused() {
    let lab = Lab::new();
    let long = "-f lavfi -i testsrc2=s=320x240:r=25:d=2";
    for (name, words, keep) in [
        ("late.mp4", "-c:v libx264", 60),
        ("early.mp4", "-c:v libx264 -movflags +faststart", 60),
        ("a.mkv", "-c:v libx264", 60),
        ("a.avi", "-c:v ffv1", 60),
        ("a.y4m", "-pix_fmt yuv420p", 99),
    ] {
        let path = lab.make(name, &format!("{long} {words}"));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() * keep / 100]).unwrap();
        let error = lab.open(&path).map(|clip| clip.info).unwrap_err();
        assert!(
            matches!(error, Error::NotAVideo { .. } | Error::Truncated { .. } | Error::Decode { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_damaged_frame_is_an_error_and_never_concealed() {
    let lab = Lab::new();
    let path = lab.make(
        "a.mkv",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -c:v libx264 -threads 1 -g 10 -flags +bitexact -fflags +bitexact",
    );
    let whole = std::fs::read(&path).unwrap();
    let mut large = packets(&lab, &path);
    large.retain(|&(_, size)| size > 4000);
    assert!(large.len() >= 4, "{large:?}");
    // The first is left out: that it does not decode shows before.
    for &(position, size) in &large[1..] {
        let mut bytes = whole.clone();
        let middle = position + size / 2;
        bytes[middle..middle + 400].iter_mut().for_each(|byte| *byte ^= 0x5a);
        std::fs::write(&path, bytes).unwrap();
        // The same damage every time: ffmpeg must not notice it by luck.
        for _ in 0..4 {
            let error = lab.open(&path).map(|clip| clip.info).unwrap_err();
            assert!(matches!(error, Error::Decode { .. }), "{error}");
            assert!(error.to_string().contains("ffv1"), "{error}");
        }
    }
}

/// Position and size of every packet, in the order of the file.
fn packets(lab: &Lab, path: &Path) -> Vec<(usize, usize)> {
    let mut command = lab.ffmpeg.probe_command();
    command.args(["-of", "csv=p=0", "-show_entries", "packet=pos,size", "-select_streams", "v"]).arg(path);
    let text = String::from_utf8(run(command)).unwrap();
    // ffprobe prints the size before the position.
    let packet = |line: &str| {
        let mut fields = line.trim_end_matches(',').split(',').map(|field| field.parse().unwrap());
        let (size, position) = (fields.next().unwrap(), fields.next().unwrap());
        (position, size)
    };
    text.lines().map(packet).collect()
}

#[test]
fn deeper_and_wider_samples_are_converted_and_said() {
    let lab = Lab::new();
    let cases = [
        ("yuv420p10le", "bit_depth", "10 bits (yuv420p10le)"),
        ("yuv422p", "chroma", "yuv422p"),
        ("yuv444p", "chroma", "yuv444p"),
        ("gray", "chroma", "gray"),
        ("bgr0", "chroma", "bgr0"),
    ];
    for (format, what, from) in cases {
        let path = lab.source(&format!("{format}.mkv"), &format!("-vf format={format} -c:v ffv1"));
        let clip = lab.open(&path).unwrap_or_else(|error| panic!("{format}: {error}"));
        let said = conversion(&clip, what);
        assert_eq!(said.from, from);
        assert!(said.how.contains("accurate_rnd+full_chroma_int"), "{}", said.how);
        assert_eq!(read(&lab, &clip), 10);
        assert_eq!(clip.info.id, lab.open(&path).unwrap().info.id);
    }
}

#[test]
fn gray_keeps_its_luma() {
    let lab = Lab::new();
    let path = lab.source("gray.mkv", "-vf format=gray -c:v ffv1");
    let clip = lab.open(&path).unwrap();
    let mut reader = clip.reader(&lab.ffmpeg).unwrap();
    let mut gop = Gop::empty(reader.format());
    reader.read_gop(1, &mut gop).unwrap();
    let mut command = lab.ffmpeg.command();
    command.arg("-i").arg(&path).args(["-frames:v", "1", "-f", "rawvideo", "-"]);
    let [y, u, v] = gop.frames().next().unwrap().planes();
    assert!(y.data == run(command), "luma was changed");
    assert!(u.data.iter().chain(v.data).all(|&sample| sample == 128));
}

#[test]
fn hdr_is_refused() {
    let lab = Lab::new();
    for (transfer, name) in [("smpte2084", "pq.mkv"), ("arib-std-b67", "hlg.mkv")] {
        let words = format!("-vf format=yuv420p10le -c:v ffv1 -color_trc {transfer} -color_primaries bt2020");
        let message = lab.refused(&lab.source(name, &words));
        assert!(
            message.contains(&format!("transfer is {transfer}")) && message.contains("tonemap"),
            "{message}"
        );
    }
}

#[test]
fn rotation_is_applied_and_said() {
    let lab = Lab::new();
    lab.source("a.mp4", "-c:v libx264");
    for (degrees, size) in [(90, (48, 64)), (180, (64, 48)), (270, (48, 64))] {
        let words = format!("-i a.mp4 -c copy -metadata:s:v:0 rotate={degrees}");
        let path = lab.make(&format!("turned{degrees}.mp4"), &words);
        let clip = lab.open(&path).unwrap();
        assert_eq!((clip.info.format.width, clip.info.format.height), size);
        conversion(&clip, "rotation");
        assert_eq!(clip.info.id, lab.plain(&path, ""), "{degrees}");
        assert_eq!(read(&lab, &clip), 10);
    }
}

#[test]
fn a_variable_rate_keeps_every_frame_once() {
    let lab = Lab::new();
    for name in ["a.mkv", "a.mp4"] {
        let words = "-vf setpts='(N+gt(N,4)*N)/25/TB' -fps_mode vfr -enc_time_base 1/1000 -c:v libx264";
        let clip = lab.open(&lab.source(name, words)).unwrap();
        assert_eq!(clip.info.frames, 10);
        let said = conversion(&clip, "frame_rate");
        assert!(said.from.starts_with("variable") && said.how.contains("passthrough"), "{said:?}");
        assert_eq!(read(&lab, &clip), 10);
    }
}

#[test]
fn milliseconds_in_the_container_do_not_make_a_rate_variable() {
    let lab = Lab::new();
    for name in ["a.mkv", "a.flv"] {
        let path =
            lab.make(name, "-f lavfi -i testsrc2=s=64x48:r=30000/1001:d=2 -c:v libx264 -pix_fmt yuv420p");
        let clip = lab.open(&path).unwrap();
        assert_eq!(clip.info.format.frame_rate, FrameRate { numerator: 30000, denominator: 1001 });
        assert_eq!(clip.info.conversions, []);
    }
}

#[test]
fn odd_sizes_are_cropped_to_even_and_said() {
    let lab = Lab::new();
    let path = lab
        .make("odd.mkv", "-f lavfi -i testsrc2=s=128x96:r=25:d=0.2 -vf scale=65:49,format=yuv420p -c:v ffv1");
    let clip = lab.open(&path).unwrap();
    assert_eq!((clip.info.format.width, clip.info.format.height), (64, 48));
    assert_eq!(conversion(&clip, "odd_size").from, "65x49");
    assert_eq!(clip.info.id, lab.plain(&path, "-vf crop=64:48:0:0"));
}

#[test]
fn interlaced_alpha_and_sizes_out_of_bounds_are_refused_by_name() {
    let lab = Lab::new();
    let interlaced = lab.source("tff.mp4", "-vf interlace -c:v libx264 -flags +ilme+ildct -x264opts tff=1");
    assert!(lab.refused(&interlaced).contains("bwdif"), "{}", lab.refused(&interlaced));
    let alpha = lab.source("alpha.mkv", "-vf format=yuva420p -c:v ffv1");
    assert!(lab.refused(&alpha).contains("alpha channel"), "{}", lab.refused(&alpha));
    let small = lab.make("small.mkv", "-f lavfi -i testsrc2=s=14x64:d=0.1 -c:v ffv1");
    assert!(lab.refused(&small).contains("at least 16x16"), "{}", lab.refused(&small));
    let large = lab.make("large.mkv", "-f lavfi -i color=s=8200x16:d=0.1 -frames:v 1 -c:v ffv1");
    assert!(lab.refused(&large).contains("at most 8192x8192"), "{}", lab.refused(&large));
    let slow = lab.make("slow.mp4", "-f lavfi -i testsrc2=s=64x48:r=1/2 -frames:v 3 -c:v libx264");
    assert!(lab.refused(&slow).contains("frame rate is 1/2 fps"), "{}", lab.refused(&slow));
}

#[test]
fn streams_covers_and_pixel_shapes_are_said() {
    let lab = Lab::new();
    let two = lab.make(
        "two.mkv",
        "-f lavfi -i testsrc2=s=64x48:d=0.2 -f lavfi -i testsrc=s=32x32:d=0.2 -map 0 -map 1 -c:v ffv1",
    );
    let clip = lab.open(&two).unwrap();
    assert_eq!((clip.info.format.width, conversion(&clip, "streams").to.as_str()), (64, "the first"));
    let shaped = lab.open(&lab.source("sar.mp4", "-vf setsar=4/3 -c:v libx264")).unwrap();
    assert_eq!(conversion(&shaped, "pixel_aspect").from, "4:3");
}

#[test]
fn full_range_is_kept() {
    let lab = Lab::new();
    let path =
        lab.source("full.mp4", "-vf scale=out_range=full,format=yuvj420p -c:v libx264 -color_range pc");
    let clip = lab.open(&path).unwrap();
    assert!(clip.info.format.color.full_range);
    assert_eq!(clip.info.conversions, []);
    assert_eq!(read(&lab, &clip), 10);
}

#[test]
fn a_change_of_size_in_mid_stream_is_an_error() {
    let lab = Lab::new();
    let first = lab.source("1.h264", "-c:v libx264 -bf 0 -pix_fmt yuv420p");
    let second =
        lab.make("2.h264", "-f lavfi -i testsrc2=s=96x80:r=25:d=0.4 -c:v libx264 -bf 0 -pix_fmt yuv420p");
    let both = lab.path("both.h264");
    std::fs::write(&both, [std::fs::read(first).unwrap(), std::fs::read(second).unwrap()].concat()).unwrap();
    assert!(matches!(lab.open(&both), Err(Error::Decode { .. })), "{:?}", lab.open(&both));
}

#[test]
fn raw_streams_say_where_the_rate_comes_from() {
    let lab = Lab::new();
    let clip = lab.open(&lab.source("raw.h264", "-c:v libx264 -bf 0")).unwrap();
    assert_eq!(clip.info.frames, 10);
    assert_eq!(conversion(&clip, "frame_rate").from, "no timestamps");
}

#[test]
fn names_are_only_names() {
    let lab = Lab::new();
    let good = lab.source("good.mp4", "-c:v libx264");
    for name in ["-i.mp4", "concat:a|b.mp4", "frame%03d.mp4", "http:example.mp4", "a b'\"\n.mp4"] {
        let path = lab.path(name);
        std::fs::copy(&good, &path).unwrap();
        assert_eq!(lab.open(&path).unwrap().info.frames, 10, "{name}");
    }
}

#[test]
fn playlists_open_nothing() {
    let lab = Lab::new();
    lab.source("good.mp4", "-c:v libx264");
    lab.source("part.ts", "-c:v libx264");
    let cases = [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile good.mp4\n"),
        ("list.mp4", "ffconcat version 1.0\nfile good.mp4\n"),
    ];
    for (name, text) in cases {
        let path = lab.path(name);
        std::fs::write(&path, text).unwrap();
        assert!(matches!(lab.open(&path), Err(Error::NotAVideo { .. })), "{name}");
    }
}

#[test]
fn a_file_that_changes_is_noticed_and_both_sides_are_named() {
    let lab = Lab::new();
    let path = lab.source("a.mp4", "-c:v libx264");
    let clip = lab.open(&path).unwrap();
    lab.make("a.mp4", "-f lavfi -i testsrc=s=64x48:r=25:d=0.2 -pix_fmt yuv420p -c:v libx264");
    let mut reader = clip.reader(&lab.ffmpeg).unwrap();
    let mut gop = Gop::empty(reader.format());
    let error = reader.read_gop(100, &mut gop).unwrap_err();
    assert!(matches!(&error, Error::Changed { expected_frames: 10, frames: 5, .. }), "{error}");
    assert!(error.to_string().contains(&clip.info.id.to_string()));
    assert!(reader.read_gop(100, &mut gop).is_err());
}

#[test]
fn a_stream_must_be_of_the_expected_format() {
    let lab = Lab::new();
    let path = lab.source("a.mp4", "-c:v libx264 -pix_fmt yuv420p");
    let frame_rate = FrameRate { numerator: 25, denominator: 1 };
    let format = VideoFormat { width: 64, height: 48, frame_rate, color: ColorInfo::UNSPECIFIED };
    let mut reader = decode_stream(&lab.ffmpeg, &path, &format).unwrap();
    let mut gop = Gop::empty(&format);
    let counts: Vec<_> = (0..4).map(|_| reader.read_gop(4, &mut gop).unwrap()).collect();
    assert_eq!(counts, [4, 4, 2, 0]);
    assert_eq!(reader.id(), Some(lab.plain(&path, "")));
    let refused =
        |path: &Path, format: &VideoFormat| decode_stream(&lab.ffmpeg, path, format).unwrap_err().to_string();
    let message = refused(&path, &VideoFormat { width: 66, ..format });
    assert!(message.contains("size is 64x48, expected 66x48"), "{message}");
    let full = ColorInfo { full_range: true, ..ColorInfo::UNSPECIFIED };
    let message = refused(&path, &VideoFormat { color: full, ..format });
    assert!(message.contains("range is limited, expected full"), "{message}");
    let deep = lab.source("deep.mkv", "-vf format=yuv420p10le -c:v ffv1");
    assert!(refused(&deep, &format).contains("pixel format is yuv420p10le, expected yuv420p"));
    assert!(reader.read_gop(1, &mut Gop::empty(&VideoFormat { width: 32, ..format })).is_err());
}
