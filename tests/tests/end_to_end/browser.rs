//! The preview in a real browser: Chromium loads the MP4 and plays it to its end.

use aiv1_tests::{json, made_clip, run, said, workspace};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_preview_passes_ffprobe_and_plays_in_chromium() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "160x120", 30, &[]);
    let codec = workspace().join("codecs/raw.rs");
    let arguments = ["--json", "run", codec.to_str().unwrap(), "--anchors", "none", "--gop", "8"];
    let output = run(arguments.into_iter().chain([
        "--clip",
        clip.to_str().unwrap(),
        "--out",
        folder.path().to_str().unwrap(),
    ]));
    assert!(output.status.success(), "{}", said(&output));
    let published = json(&output)[0].clone();
    let bundle = PathBuf::from(published["bundle"].as_str().unwrap());
    let stream = bundle.join(published["record"]["points"][0]["stream"]["path"].as_str().unwrap());
    let mp4 = folder.path().join("preview.mp4");
    let output = run(["play", stream.to_str().unwrap(), "--out", mp4.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));

    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_frames",
            "-show_entries",
            "stream=codec_name,nb_read_frames,width,height,r_frame_rate",
        ])
        .args(["-of", "csv=p=0"])
        .arg(&mp4)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&probe.stdout).trim(), "h264,160,120,25/1,30", "{}", said(&probe));

    let page = folder.path().join("page.html");
    fs::write(
        &page,
        "<!doctype html><title>waiting</title><video muted src='preview.mp4'></video><script>
        const video = document.querySelector('video');
        video.onended = () => document.title = `ended ${video.videoWidth}x${video.videoHeight} ${video.duration.toFixed(1)}`;
        video.onerror = () => document.title = `error ${video.error.message}`;
        video.play();
        </script>",
    )
    .unwrap();
    let profile = folder.path().join("profile");
    let browser = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-sync",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--autoplay-policy=no-user-gesture-required",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--timeout=30000", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&browser.stdout);
    assert!(dom.contains("<title>ended 160x120 1.2</title>"), "{dom}\n{}", said(&browser));
}
