//! `cargo run -p aiv1-playback --example preview INPUT OUTPUT.mp4`: any video as the preview that the lab would write.

use aiv1_playback::{Mp4Writer, Options};
use aiv1_video::{Clip, ClipOptions, Ffmpeg, Gop};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [input, output] = &arguments[..] else { return Err("name an input and an output".into()) };
    let ffmpeg = Ffmpeg::find()?;
    let clip = Clip::open(&ffmpeg, Path::new(input), &ClipOptions::default())?;
    let mut writer = Mp4Writer::create(Path::new(output), &clip.info.format, Options::default())?;
    let (mut reader, mut gop) = (clip.reader(&ffmpeg)?, Gop::empty(&clip.info.format));
    while reader.read_gop(16, &mut gop)? > 0 {
        gop.frames().try_for_each(|frame| writer.push(frame))?;
    }
    writer.finish()?;
    Ok(())
}
