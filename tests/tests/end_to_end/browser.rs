//! The preview in a real browser: Chromium loads the MP4 and plays it to its end.

use aiv1_tests::{json, made_clip, run, said, workspace};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

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

    let told = watch_in_chromium(&mp4, &folder.path().join("profile"));
    assert_eq!(told, "ended 160x120 1.2");
}

const PAGE: &str = "<!doctype html><title>preview</title><video muted src='/preview.mp4'></video><script>
    const video = document.querySelector('video');
    const tell = (what) => fetch('/told/' + encodeURIComponent(what));
    video.onended = () => tell(`ended ${video.videoWidth}x${video.videoHeight} ${video.duration.toFixed(1)}`);
    video.onerror = () => tell(`error ${video.error.message}`);
    video.play().catch((error) => tell(`error ${error}`));
    </script>";

/// Serves a page with the video on a port of this machine, opens it in a headless browser, and returns what it tells.
fn watch_in_chromium(mp4: &Path, profile: &Path) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let video = fs::read(mp4).unwrap();
    let (sender, told) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = String::new();
            let mut lines = BufReader::new(connection.try_clone().unwrap());
            while lines.read_line(&mut request).is_ok_and(|count| count > 2) {}
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            let (kind, body) = match path {
                "/preview.mp4" => ("video/mp4", video.as_slice()),
                "/" => ("text/html", PAGE.as_bytes()),
                _ => ("text/plain", &[][..]),
            };
            if let Some(what) = path.strip_prefix("/told/") {
                // The test may have given up; then nobody listens.
                let _ = sender.send(what.replace("%20", " "));
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
        }
    });
    let mut browser = Command::new("chromium");
    browser.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
    ]);
    browser.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--remote-debugging-port=0",
    ]);
    browser.args(["--autoplay-policy=no-user-gesture-required", "--mute-audio"]);
    browser.arg(format!("--user-data-dir={}", profile.display())).arg(format!("http://{address}/"));
    let mut browser = browser.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let told = told.recv_timeout(Duration::from_mins(2));
    browser.kill().unwrap();
    browser.wait().unwrap();
    told.expect("the browser tells within two minutes how playing went")
}
