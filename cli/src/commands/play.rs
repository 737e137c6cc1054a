//! `aiv1 play`: a stream as an MP4 that players and browsers take. A preview: the measured object is the stream.

use super::decode::{Opened, open};
use super::{Context, OK};
use crate::arguments::Play;
use aiv1_decoder::{DecodeRange, Delivery, decode_stream};
use aiv1_lab::{Error, Event, Observer as _};
use aiv1_model::Phase;
use aiv1_playback::{Mp4Writer, Options};
use std::path::Path;
use std::process::ExitCode;

/// Decodes GOP by GOP into H.264; nothing is left behind where it fails.
pub(crate) fn play(context: &Context, arguments: &Play) -> Result<ExitCode, Error> {
    super::check_output(&arguments.stream.out)?;
    let Opened { mut reader, decoder } = open(&arguments.stream, false)?;
    let progress = context.progress();
    progress.event(&Event::PhaseStarted { phase: Phase::Verification, frames: Some(reader.frame_count()) });
    let out = &arguments.stream.out;
    let header = *reader.header();
    let failed = |error| preview_error(out, error);
    let options = Options { keyframe_interval: u32::from(header.gop_frames), ..Options::default() };
    let mut writer = Mp4Writer::create(out, &header.format, options).map_err(failed)?;
    decode_stream(&mut reader, &decoder, DecodeRange::ALL, context.threads, |Delivery { gop, .. }| {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        gop.frames().try_for_each(|frame| writer.push(frame)).map_err(failed)?;
        progress.event(&Event::Advanced { frames: gop.frame_count() as u64 });
        Ok(())
    })?;
    let summary = writer.finish().map_err(failed)?;
    drop(progress);
    let value = serde_json::json!({ "file": out.display().to_string(), "frames": summary.frames, "bytes": summary.bytes });
    let line = format!(
        "{}: {} frames, {} bytes of H.264, a preview of {}",
        out.display(),
        summary.frames,
        summary.bytes,
        arguments.stream.stream.display()
    );
    context.result(&value, &[line])?;
    Ok(OK)
}

fn preview_error(out: &Path, error: aiv1_playback::Error) -> Error {
    use aiv1_playback::Error as Preview;
    match error {
        Preview::Write { path, action, source, .. } => Error::file(action, &path)(source),
        Preview::Unsupported { what, value, bound } => {
            Error::Request { what, value, bound: format!("one that players take: {bound}") }
        }
        Preview::FrameSize { frame, expected, found } => Error::Request {
            what: "size of a frame",
            value: format!("{found} at frame {frame}"),
            bound: expected,
        },
        Preview::NoFrames => Error::Request {
            what: "number of frames",
            value: "0".to_owned(),
            bound: "at least 1 for an MP4".to_owned(),
        },
        Preview::Index { frames, reason } => Error::Request {
            what: "length of the video",
            value: format!("{frames} frames"),
            bound: format!("what the index of an MP4 can hold: {reason}"),
        },
        // The encoder gave up on a frame that it should take: nothing that other arguments would mend.
        other => Error::file("make a preview", out)(std::io::Error::other(other)),
    }
}
