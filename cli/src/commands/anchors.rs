//! `aiv1 anchors`: the real encoders, measured.

use super::{Context, OK, anchor_names, home, open_clips};
use crate::arguments::Anchors;
use crate::table::{Table, bitrate};
use aiv1_lab::{Error, Event, Observer as _, measure_anchors};
use aiv1_model::{AnchorPoint, Phase};
use aiv1_video::Ffmpeg;
use std::process::ExitCode;

/// Measures them on every clip and prints the points.
pub(crate) fn anchors(context: &Context, arguments: &Anchors) -> Result<ExitCode, Error> {
    let given = &arguments.clips;
    let names = anchor_names(given.anchors.as_deref())?;
    let (home, ffmpeg) = (home()?, Ffmpeg::find()?);
    let progress = context.progress();
    let clips = open_clips(&ffmpeg, &given.clips, &given.options, &progress)?;
    progress.event(&Event::PhaseStarted { phase: Phase::Deployment, frames: None });
    let mut points: Vec<AnchorPoint> = Vec::new();
    let mut table = Table::new(&["clip", "anchor", "rate", "PSNR-Y", "PSNR-YUV", "SSIM-Y", "bytes"]);
    for clip in &clips {
        for cached in measure_anchors(&home, &ffmpeg, clip, &names, context.threads, &progress)? {
            let AnchorPoint { encode, bitrate: rate, quality, stream_bytes, .. } = &cached.point;
            table.row(vec![
                clip.info.name.clone(),
                encode.anchor.clone(),
                bitrate(*rate),
                format!("{:.2}", quality.psnr_y),
                format!("{:.2}", quality.psnr_yuv),
                format!("{:.4}", quality.ssim_y),
                stream_bytes.to_string(),
            ]);
            points.push(cached.point);
        }
    }
    drop(progress);
    context.result(&points, &table.lines())?;
    Ok(OK)
}
