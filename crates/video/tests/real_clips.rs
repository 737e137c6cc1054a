//! The real clips decode to the frames that their manifest pins; skipped, visibly, where they are not on the machine.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use aiv1_video::{Clip, ClipOptions, Ffmpeg, Gop};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn folder() -> PathBuf {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/clips"));
    std::env::var_os("AIV1_CLIPS").map_or_else(default, PathBuf::from)
}

#[test]
fn real_clips_decode_to_the_pinned_frames() {
    let folder = folder();
    let Ok(manifest) = std::fs::read_to_string(folder.join("MANIFEST.md")) else {
        eprintln!("SKIPPED: no clips in {}; set AIV1_CLIPS", folder.display());
        return;
    };
    let ffmpeg = Ffmpeg::find().unwrap();
    let mut checked = 0;
    for line in manifest.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [sha256, name, pinned] = words[..] else { continue };
        let Some(pinned) = pinned.strip_prefix("yuvmd5=") else { continue };
        let clip = Clip::open(&ffmpeg, &folder.join(name), &ClipOptions::default()).unwrap();
        assert_eq!(clip.info.source.sha256.to_string(), sha256, "{name}");
        assert_eq!(clip.info.conversions, [], "{name}");
        let mut reader = clip.reader(&ffmpeg).unwrap();
        let mut gop = Gop::empty(reader.format());
        let mut md5 = Command::new("md5sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = md5.stdin.take().unwrap();
        while reader.read_gop(16, &mut gop).unwrap() > 0 {
            input.write_all(gop.data()).unwrap();
        }
        drop(input);
        let printed = String::from_utf8(md5.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(printed.split_whitespace().next(), Some(pinned), "{name}");
        checked += 1;
    }
    assert!(checked > 0, "the manifest pins nothing");
}
