//! Every rate point: its rate never without its quality, its cost, its stream.

use super::{Shown, after};
use crate::components::table;
use crate::text;
use aiv1_model::{AnchorPoint, ClipInfo, RatePoint, Record};
use maud::{Markup, html};

/// Most rows for one clip; `points.csv` has them all.
const ROWS: usize = 48;

pub(super) fn section(shown: &Shown) -> Markup {
    let Some(record) = &shown.record else { return html! {} };
    html! {
        section #points aria-labelledby="points-heading" {
            h2 #points-heading { "Rate points" }
            p.hint {
                "Rate is the whole stored stream over the clip’s duration. Quality is that of frames decoded from the stored bytes. "
                a href=(format!("/api/experiments/{}/points.csv", shown.experiment.id)) { "All points as CSV" }
            }
            @for clip in after::clips(shown) { (clip_points(shown, record, clip)) }
        }
    }
}

fn clip_points(shown: &Shown, record: &Record, clip: &ClipInfo) -> Markup {
    let points: Vec<&RatePoint> = record.points.iter().filter(|point| point.clip == clip.id).collect();
    let anchors: Vec<&AnchorPoint> = record.anchors.iter().filter(|point| point.clip == clip.id).collect();
    let rows = html! { @for point in points.iter().take(ROWS) { (row(shown, point)) } };
    let anchor_rows = html! { @for point in anchors.iter().take(ROWS) { (anchor_row(point)) } };
    let name = text::name(&clip.name);
    html! {
        h3 { bdi { (name) } " " span.hint { (clip.format) ", " (text::grouped(clip.frames)) " frames" } }
        (table(
            &format!("Rate points on {name}"),
            &["q", "Rate", "PSNR-Y", "PSNR-YUV", "SSIM-Y", "Worst frame", "Encoding", "Decoding", "Stream"],
            &rows,
        ))
        @if !anchors.is_empty() {
            details.more {
                summary { "The anchors’ points on " bdi { (name) } }
                @if anchors.len() > ROWS { p.hint { (anchors.len() - ROWS) " more are in the CSV." } }
                (table(&format!("Anchor points on {name}"), &["Anchor", "Rate", "PSNR-Y", "PSNR-YUV", "SSIM-Y", "Worst frame", "Bytes"], &anchor_rows))
            }
        }
    }
}

fn row(shown: &Shown, point: &RatePoint) -> Markup {
    let (quality, cost) = (&point.quality, &point.cost);
    let stream =
        format!("/api/experiments/{}/streams/{}/{}", shown.experiment.id, point.clip, point.quality_index);
    html! {
        tr {
            th scope="row" { (point.quality_index) }
            td { (text::bitrate(point.bitrate)) }
            td { (text::decibels(quality.psnr_y)) }
            td { (text::decibels(quality.psnr_yuv)) }
            td { (format!("{:.4}", quality.ssim_y)) }
            td { (text::decibels(quality.worst_psnr_y)) " " span.hint { "at " (text::grouped(quality.worst_psnr_frame)) } }
            td { (text::fuel(cost.encode_fuel_per_pixel)) " " span.hint { "fuel/px" } }
            td { (text::fuel(cost.decode_fuel_per_pixel)) " " span.hint { "fuel/px" } }
            td { a href=(stream) download="" { (text::bytes(point.stream.bytes)) span.hidden { " stream at quality index " (point.quality_index) } } }
        }
    }
}

fn anchor_row(point: &AnchorPoint) -> Markup {
    let quality = &point.quality;
    html! {
        tr {
            th scope="row" { bdi { (text::name(&point.encode.anchor)) } }
            td { (text::bitrate(point.bitrate)) }
            td { (text::decibels(quality.psnr_y)) }
            td { (text::decibels(quality.psnr_yuv)) }
            td { (format!("{:.4}", quality.ssim_y)) }
            td { (text::decibels(quality.worst_psnr_y)) " " span.hint { "at " (text::grouped(quality.worst_psnr_frame)) } }
            td { (text::bytes(point.stream_bytes)) }
        }
    }
}
