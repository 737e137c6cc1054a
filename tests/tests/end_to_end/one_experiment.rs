//! One experiment, from source to verified bundle, checked with other tools than ours.

use aiv1_tests::{json, made_clip, real_clip, run, said, workspace};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn codec(name: &str) -> PathBuf {
    workspace().join("codecs").join(format!("{name}.rs"))
}

/// Runs a codec on a clip without anchors unless `more` asks for them; the record's bundle and the record.
fn experiment(name: &str, clip: &Path, out: &Path, more: &[&str]) -> (PathBuf, Value) {
    let (codec, clip, out) = (codec(name), clip.to_str().unwrap(), out.to_str().unwrap());
    let mut arguments = vec!["--json", "run", codec.to_str().unwrap(), "--clip", clip, "--out", out];
    arguments.extend_from_slice(more);
    let output = run(arguments);
    assert!(output.status.success(), "{}", said(&output));
    let published = json(&output)[0].clone();
    (PathBuf::from(published["bundle"].as_str().unwrap()), published["record"].clone())
}

#[test]
fn raw_is_bit_exact_and_its_bundle_verifies_as_folder_and_as_file() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "64x48", 9, &[]);
    let (bundle, record) = experiment("raw", &clip, folder.path(), &["--gop", "4", "--anchors", "none"]);
    for point in record["points"].as_array().unwrap() {
        assert_eq!(point["quality"]["psnr_y"], "lossless");
        assert_eq!(point["quality"]["planes"][0]["squared_error"], 0);
        assert_eq!(point["stream"]["decoded_sha256"], record["clips"][0]["id"]);
    }
    let output = run(["verify", bundle.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}{}", String::from_utf8_lossy(&output.stdout), said(&output));

    let file = folder.path().join("bundle.tar");
    assert!(run(["export", bundle.to_str().unwrap(), "--out", file.to_str().unwrap()]).status.success());
    let output = run(["--json", "verify", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(json(&output)["differences"], Value::Array(Vec::new()));
}

/// A search goes to the ends of every range. What is coded there may cost more, but it is still the picture.
#[test]
fn every_parameter_of_transform_at_either_end_of_its_range_still_codes_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "96x64", 9, &[]);
    let fixed = ["--quality", "10,20,30,40", "--anchors", "none"];
    let (_, record) = experiment("transform", &clip, folder.path(), &fixed);
    let parameters = record.pointer("/codec/declaration/parameters").unwrap().as_array().unwrap();
    let ends = parameters.iter().flat_map(|parameter| {
        ["min", "max"].map(|end| Some(format!("{}={}", parameter["name"].as_str()?, parameter.get(end)?)))
    });
    let ends: Vec<String> = ends.flatten().collect();
    assert!(ends.len() >= 30 && ends.contains(&"intra_bias=0.5".to_owned()), "{ends:?}");
    for end in &ends {
        let (_, record) =
            experiment("transform", &clip, folder.path(), &[&fixed[..], &["--set", end]].concat());
        let psnr = values(&record, "/quality/psnr_y");
        let falls = psnr.windows(2).all(|pair| pair[0] > pair[1] + 1.0);
        assert!(falls && psnr[0] > 35.0, "{end}: {psnr:?} dB from the finest to the coarsest");
    }
}

#[test]
fn the_record_can_be_recomputed_with_ffmpeg_and_sha256sum() {
    let clip = real_clip("facade_cif.mp4");
    let folder = tempfile::tempdir().unwrap();
    let more = ["--frames", "20", "--gop", "8", "--quality", "20,30,40,50", "--anchors", "x264-medium"];
    let (bundle, record) = experiment("transform", &clip, folder.path(), &more);

    // The clip's identity: what ffmpeg decodes, hashed by another program.
    let source = folder.path().join("source.yuv");
    ffmpeg(&[
        "-i",
        clip.to_str().unwrap(),
        "-frames:v",
        "20",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        path(&source),
    ]);
    assert_eq!(record["clips"][0]["id"], sha256sum(&source));

    let point = &record["points"][1];
    let stream = bundle.join(point["stream"]["path"].as_str().unwrap());
    assert_eq!(point["stream"]["bytes"], fs::metadata(&stream).unwrap().len());
    assert_eq!(point["stream"]["sha256"], sha256sum(&stream));
    let format = &record["clips"][0]["format"];
    let number = |pointer: &str| format.pointer(pointer).unwrap().as_u64().unwrap();
    let seconds = 20.0 * number("/frame_rate/denominator") as f64 / number("/frame_rate/numerator") as f64;
    let rate = fs::metadata(&stream).unwrap().len() as f64 * 8.0 / seconds;
    assert!((point["bitrate"].as_f64().unwrap() - rate).abs() < 1e-6);

    // Decoded by our command, measured by ffmpeg's filters.
    let decoded = folder.path().join("decoded.y4m");
    let output = run(["decode", path(&stream), "--out", path(&decoded)]);
    assert!(output.status.success(), "{}", said(&output));
    let yuv = folder.path().join("decoded.yuv");
    ffmpeg(&["-i", path(&decoded), "-f", "rawvideo", "-pix_fmt", "yuv420p", path(&yuv)]);
    assert_eq!(point["stream"]["decoded_sha256"], sha256sum(&yuv));
    let size = format!("{}x{}", number("/width"), number("/height"));
    for (ours, filter, field) in [("psnr_y", "psnr", "y:"), ("ssim_y", "ssim", "Y:")] {
        let (ours, theirs) =
            (point["quality"][ours].as_f64().unwrap(), summary(&source, &yuv, &size, filter, field));
        assert!((ours - theirs).abs() < 1e-4, "{filter}: {ours}, ffmpeg says {theirs}");
    }

    // Rates rise and quality rises with them, and the saving comes with its certificate.
    let rates: Vec<f64> = values(&record, "/bitrate");
    assert!(rates.is_sorted_by(|better, worse| better > worse), "{rates:?}");
    let comparison = &record["comparisons"][0];
    assert_eq!(comparison["anchor"], "x264-medium");
    assert!(comparison["bd_rate"]["certificate"]["anchor_points"].as_u64().unwrap() >= 4);

    let output = run(["verify", path(&bundle)]);
    assert_eq!(output.status.code(), Some(0), "{}{}", String::from_utf8_lossy(&output.stdout), said(&output));
}

#[test]
fn a_second_experiment_on_a_clip_encodes_no_anchor_again() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "64x64", 6, &[]);
    let cache = folder.path().join("cache");
    // A cache of its own, but the toolchain of the real one.
    fs::create_dir(&cache).unwrap();
    std::os::unix::fs::symlink(aiv1_tests::cache().join("toolchain"), cache.join("toolchain")).unwrap();
    let anchors = || {
        let mut command = aiv1_tests::command(["anchors", "--clip", path(&clip), "--anchors", "x264-medium"]);
        assert!(command.env("AIV1_CACHE", &cache).output().unwrap().status.success());
        let entries = fs::read_dir(cache.join("anchors")).unwrap().map(|entry| entry.unwrap().path());
        let mut made: Vec<_> = entries
            .map(|entry| fs::metadata(entry.join("stream.h264")).unwrap().modified().unwrap())
            .collect();
        made.sort();
        made
    };
    let first = anchors();
    assert_eq!(first.len(), 5);
    assert_eq!(anchors(), first);
}

#[test]
fn the_same_question_is_answered_once() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "32x32", 4, &[]);
    let (first, record) = experiment("raw", &clip, folder.path(), &["--anchors", "none"]);
    let (second, again) = experiment("raw", &clip, folder.path(), &["--anchors", "none"]);
    assert_eq!((first, &record["started_at"]), (second, &again["started_at"]));
    let (_, anew) = experiment("raw", &clip, folder.path(), &["--anchors", "none", "--again"]);
    assert_eq!(record["id"], anew["id"]);
    assert_ne!(record["started_at"], anew["started_at"]);
}

#[test]
fn the_template_of_new_codec_runs() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "70x50", 5, &[]);
    let output = run(["new-codec", "mine", "--folder", path(folder.path())]);
    assert!(output.status.success(), "{}", said(&output));
    let again = run(["new-codec", "mine", "--folder", path(folder.path())]);
    assert_ne!(again.status.code(), Some(0), "a file that is there is never written over");
    let mine = folder.path().join("mine.rs");
    let output = run([
        "--json",
        "run",
        path(&mine),
        "--clip",
        path(&clip),
        "--anchors",
        "none",
        "--out",
        path(folder.path()),
    ]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(json(&output)[0]["record"]["status"], "successful");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn values(record: &Value, pointer: &str) -> Vec<f64> {
    let points = record["points"].as_array().unwrap().iter();
    points.map(|point| point.pointer(pointer).unwrap().as_f64().unwrap()).collect()
}

fn ffmpeg(arguments: &[&str]) {
    let output =
        Command::new("ffmpeg").args(["-hide_banner", "-v", "error", "-y"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

/// The summary figure of ffmpeg's `psnr` or `ssim` filter over two raw files of this size.
fn summary(source: &Path, decoded: &Path, size: &str, filter: &str, field: &str) -> f64 {
    let raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", size, "-i"];
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostats"]).args(raw).arg(decoded).args(raw).arg(source);
    let output = command.args(["-lavfi", filter, "-f", "null", "-"]).output().unwrap();
    let text = said(&output);
    let summary = text.lines().rev().find(|line| line.contains(field)).unwrap();
    let figure = summary.split(field).nth(1).unwrap().split_whitespace().next().unwrap();
    figure.parse().unwrap()
}
