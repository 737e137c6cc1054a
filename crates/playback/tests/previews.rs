//! Previews that ffprobe and ffmpeg accept, and nothing left behind when one fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use aiv1_model::{ColorInfo, FrameRate, VideoFormat};
use aiv1_playback::{Error, Mp4Encoder, Mp4Writer, Options, Summary};
use aiv1_video::{Ffmpeg, FrameRef};
use std::path::Path;

const NTSC: FrameRate = FrameRate { numerator: 30000, denominator: 1001 };

const BT709: ColorInfo = ColorInfo { primaries: 1, transfer: 1, matrix: 1, full_range: false };

fn format(width: u32, height: u32) -> VideoFormat {
    VideoFormat { width, height, frame_rate: NTSC, color: BT709 }
}

/// A moving gradient with some texture.
fn frame(format: &VideoFormat, time: usize) -> Vec<u8> {
    let (width, height) = (format.width as usize, format.height as usize);
    let luma = (0..width * height).map(|at| {
        let (x, y) = (at % width, at / width);
        (60 + (x + 2 * time) * 100 / width + (y * 40 / height) + ((x + time) / 8 + y / 8) % 2 * 20) as u8
    });
    let chroma = 2 * width.div_ceil(2) * height.div_ceil(2);
    luma.chain((0..chroma).map(|at| (110 + (at + time) % 16) as u8)).collect()
}

fn write(path: &Path, format: &VideoFormat, frames: usize, options: Options) -> Result<Summary, Error> {
    let mut writer = Mp4Writer::create(path, format, options)?;
    for time in 0..frames {
        let data = frame(format, time);
        writer.push(FrameRef::new(format.width as usize, format.height as usize, &data).unwrap())?;
    }
    writer.finish()
}

fn probe(path: &Path) -> serde_json::Value {
    let mut command = Ffmpeg::find().unwrap().probe_command();
    command.args(["-of", "json", "-count_frames", "-show_streams", "-show_packets"]).arg(path);
    serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
}

fn decoded(path: &Path) -> Vec<u8> {
    let mut command = Ffmpeg::find().unwrap().command();
    command.arg("-xerror").arg("-i").arg(path).args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]);
    let output = command.output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn atoms(path: &Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let (mut at, mut names) = (0, Vec::new());
    while at < bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        names.push(String::from_utf8(bytes[at + 4..at + 8].to_vec()).unwrap());
        at += size;
    }
    names
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn ffprobe_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("preview.mp4");
    let format = format(320, 176);
    let summary = write(&path, &format, 70, Options { keyframe_interval: 16, ..Options::default() }).unwrap();
    assert_eq!((summary.frames, summary.bytes), (70, std::fs::metadata(&path).unwrap().len()));
    assert_eq!(atoms(&path), ["ftyp", "moov", "mdat"]);
    assert_eq!(left_in(folder.path()), ["preview.mp4"]);
    let probed = probe(&path);
    let stream = &probed["streams"][0];
    let expected = [
        ("codec_name", "h264"),
        ("codec_tag_string", "avc1"),
        ("pix_fmt", "yuv420p"),
        ("r_frame_rate", "30000/1001"),
        ("avg_frame_rate", "30000/1001"),
        ("nb_read_frames", "70"),
        ("color_range", "tv"),
        ("color_space", "bt709"),
        ("color_transfer", "bt709"),
        ("color_primaries", "bt709"),
    ];
    for (name, value) in expected {
        assert_eq!(stream[name], value, "{name}");
    }
    assert_eq!((&stream["width"], &stream["height"]), (&320.into(), &176.into()));
    assert!(stream.get("side_data_list").is_none(), "{stream}");
    assert_eq!(stream["duration_ts"], 70 * 1001);
    assert!((summary.seconds - 70.0 * 1001.0 / 30000.0).abs() < 1e-9);
    let packets = probed["packets"].as_array().unwrap();
    let keys: Vec<_> = (0..packets.len())
        .filter(|&index| packets[index]["flags"].as_str().unwrap().starts_with('K'))
        .collect();
    assert_eq!(keys, [0, 16, 32, 48, 64]);
}

#[test]
fn the_preview_looks_like_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("preview.mp4");
    let format = format(320, 176);
    write(&path, &format, 20, Options::default()).unwrap();
    let (decoded, length) = (decoded(&path), format.frame_bytes() as usize);
    assert_eq!(decoded.len(), 20 * length);
    for (time, found) in decoded.chunks(length).enumerate() {
        let error: u64 = frame(&format, time)
            .iter()
            .zip(found)
            .map(|(&expected, &found)| u64::from(expected.abs_diff(found)).pow(2))
            .sum();
        let decibels = 10.0 * (255.0_f64.powi(2) * length as f64 / error.max(1) as f64).log10();
        assert!(decibels > 38.0, "frame {time}: {decibels:.1} dB");
    }
}

#[test]
fn the_colour_description_is_in_both_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.mp4");
    let color = ColorInfo { primaries: 9, transfer: 14, matrix: 9, full_range: true };
    write(&path, &VideoFormat { color, ..format(64, 48) }, 2, Options::default()).unwrap();
    let stream = &probe(&path)["streams"][0];
    assert_eq!((&stream["color_range"], &stream["color_space"]), (&"pc".into(), &"bt2020nc".into()));
    // The stream alone, without the container's word.
    let raw = folder.path().join("full.h264");
    let mut command = Ffmpeg::find().unwrap().command();
    command.arg("-i").arg(&path).args(["-c", "copy", "-bsf:v", "h264_mp4toannexb"]).arg(&raw);
    assert!(command.status().unwrap().success());
    let stream = &probe(&raw)["streams"][0];
    assert_eq!((&stream["color_range"], &stream["color_primaries"]), (&"pc".into(), &"bt2020".into()));
}

#[test]
fn one_frame_and_odd_sizes_are_videos_too() {
    let folder = tempfile::tempdir().unwrap();
    for (width, height, coded) in
        [(64, 48, (64, 48)), (65, 49, (64, 48)), (16, 16, (16, 16)), (17, 33, (16, 32))]
    {
        let path = folder.path().join("one.mp4");
        let summary = write(&path, &format(width, height), 1, Options::default()).unwrap();
        assert_eq!(summary.frames, 1);
        let stream = probe(&path)["streams"][0].clone();
        assert_eq!((&stream["width"], &stream["height"]), (&coded.0.into(), &coded.1.into()));
        assert_eq!(stream["nb_read_frames"], "1");
        assert_eq!(decoded(&path).len(), coded.0 * coded.1 * 3 / 2);
    }
}

#[test]
fn odd_frames_keep_their_chroma() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.mp4");
    let format = format(65, 49);
    let data = frame(&format, 0);
    write(&path, &format, 1, Options { quantiser: 12, ..Options::default() }).unwrap();
    let decoded = decoded(&path);
    let [_, u, _] = FrameRef::new(65, 49, &data).unwrap().planes();
    let (_, found) = decoded.split_at(64 * 48);
    for row in 0..24 {
        let (expected, found) = (&u.data[row * 33..row * 33 + 32], &found[row * 32..row * 32 + 32]);
        assert!(expected.iter().zip(found).all(|(&a, &b)| a.abs_diff(b) < 10), "row {row}");
    }
}

#[test]
fn the_same_frames_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = ["a.mp4", "b.mp4"].map(|name| {
        let path = folder.path().join(name);
        write(&path, &format(64, 48), 5, Options::default()).unwrap();
        std::fs::read(path).unwrap()
    });
    assert!(bytes[0] == bytes[1]);
}

#[test]
fn samples_behind_their_head_are_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.mp4");
    let (format, frames) = (format(64, 48), 40);
    let summary = write(&path, &format, frames, Options::default()).unwrap();
    let mut encoder = Mp4Encoder::new(&format, Options::default()).unwrap();
    let mut samples = Vec::new();
    for time in 0..frames {
        let data = frame(&format, time);
        samples.extend_from_slice(encoder.push(FrameRef::new(64, 48, &data).unwrap()).unwrap());
    }
    assert_eq!(encoder.sample_bytes(), samples.len() as u64);
    let (head, streamed) = encoder.finish().unwrap();
    assert_eq!(streamed, summary);
    assert!([head, samples].concat() == std::fs::read(&path).unwrap());
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.mp4");
    assert!(matches!(write(&path, &format(64, 48), 0, Options::default()), Err(Error::NoFrames)));
    let mut writer = Mp4Writer::create(&path, &format(64, 48), Options::default()).unwrap();
    let data = frame(&format(32, 32), 0);
    let message = writer.push(FrameRef::new(32, 32, &data).unwrap()).unwrap_err().to_string();
    assert_eq!(message, "frame 0 is 32x32, the video is 64x48");
    drop(writer);
    assert!(left_in(folder.path()).is_empty());
    let missing = folder.path().join("missing/none.mp4");
    let message = write(&missing, &format(64, 48), 1, Options::default()).unwrap_err().to_string();
    assert!(message.contains("missing/none.mp4"), "{message}");
}

#[test]
fn an_older_preview_stays_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("preview.mp4");
    std::fs::write(&path, "older").unwrap();
    let format = format(64, 48);
    let mut writer = Mp4Writer::create(&path, &format, Options::default()).unwrap();
    let data = frame(&format, 0);
    writer.push(FrameRef::new(64, 48, &data).unwrap()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"older");
    writer.finish().unwrap();
    assert_eq!(atoms(&path), ["ftyp", "moov", "mdat"]);
}

#[test]
fn what_players_do_not_take_is_refused_by_name() {
    let path = Path::new("never.mp4");
    let refused =
        |format: &VideoFormat, options| Mp4Writer::create(path, format, options).unwrap_err().to_string();
    let options = Options::default();
    assert!(refused(&format(4096, 2160), options).contains("size is 4096x2160"));
    assert!(refused(&format(14, 64), options).contains("size is 14x64"));
    let message = refused(&format(64, 48), Options { quantiser: 52, ..options });
    assert_eq!(message, "quantiser is 52: 12 to 51 are coded");
    assert!(refused(&format(64, 48), Options { keyframe_interval: 0, ..options }).contains("interval is 0"));
    let still = FrameRate { numerator: 0, denominator: 1 };
    assert!(
        refused(&VideoFormat { frame_rate: still, ..format(64, 48) }, options).contains("frame rate is 0")
    );
}
