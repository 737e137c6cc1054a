//! What was measured, in lines of figures.

use crate::llm::brief::{Brief, Curve, CurvePoint};
use crate::llm::fence::{cut, fenced, line};
use aiv1_model::{ClipClass, ClipInfo, Findings, Parameters};
use std::fmt::Write as _;

/// Most bytes of all curves of one kind.
const CURVES_BYTES: usize = 24 << 10;
/// Most bytes of the parameters.
const PARAMETERS_BYTES: usize = 8 << 10;

/// Clips, settings, limits and anchors.
pub(super) fn input(out: &mut String, brief: &Brief) {
    let settings = &brief.settings;
    out.push_str("# What is measured\n\n");
    for clip in &brief.clips {
        let _ = writeln!(out, "- clip {}", described(clip));
    }
    let indices: Vec<String> = settings.quality_indices.iter().map(u8::to_string).collect();
    let limits = &settings.limits;
    let _ = write!(
        out,
        "- groups of {} frames, or fewer where a group would pass {} bytes; each is coded by itself\n\
         - quality indices {}\n\
         - limits: {} encode fuel and {} decode fuel a luma pixel, {} bytes of memory, {} bytes of module, {} bytes of a \
         function's body\n\
         - the reference anchor is {}\n\n",
        settings.gop_frames,
        limits.gop_bytes,
        indices.join(", "),
        limits.encode_fuel_per_pixel,
        limits.decode_fuel_per_pixel,
        limits.memory_bytes,
        limits.module_bytes,
        limits.body_bytes,
        line(&brief.reference, 40),
    );
    curves(out, "The anchors, on the same clips", &brief.anchors);
}

fn described(clip: &ClipInfo) -> String {
    let class = match clip.class {
        ClipClass::Pristine => "never lossily coded before",
        ClipClass::Nonpristine => "lossily coded before",
    };
    let (name, format, frames) = (line(&clip.name, 60), clip.format, clip.frames);
    format!("{name:?}: {format}, {frames} frames, {:.2} s, {class}", clip.seconds())
}

/// Savings and costs.
pub(super) fn findings(out: &mut String, brief: &Brief, findings: Option<&Findings>) {
    let Some(findings) = findings else {
        out.push_str("It has no result.\n\n");
        return;
    };
    if findings.against(&brief.reference).is_none() {
        let _ = writeln!(out, "- BD-rate against {}: not stated", line(&brief.reference, 40));
    }
    for saving in &findings.savings {
        let (anchor, metric) = (line(&saving.anchor, 40), saving.metric);
        let _ = write!(out, "- BD-rate against {anchor} by {metric}: {:+.2} %", saving.bd_rate);
        let _ = writeln!(out, ", {} clips, refused for {}", saving.clips, saving.refused);
    }
    let costs = [
        ("most decode fuel a luma pixel", findings.decode_fuel_per_pixel),
        ("most encode fuel a luma pixel", findings.encode_fuel_per_pixel),
        ("bytes of the decoder, compressed", findings.decoder_gzip_bytes.map(|bytes| bytes as f64)),
    ];
    for (what, cost) in costs {
        if let Some(cost) = cost {
            let _ = writeln!(out, "- {what}: {cost:.0}");
        }
    }
    out.push('\n');
}

pub(super) fn parameters(out: &mut String, parameters: &Parameters) {
    let text = serde_json::json!(parameters).to_string();
    out.push_str("Its parameters, as JSON:\n\n");
    fenced(out, "parameters", &text, PARAMETERS_BYTES);
    out.push('\n');
}

/// A line a point.
pub(super) fn curves(out: &mut String, title: &str, curves: &[Curve]) {
    if curves.is_empty() {
        return;
    }
    let mut lines = String::new();
    for curve in curves {
        let anchor = curve.anchor.as_deref().map(|anchor| format!("{} on ", line(anchor, 40)));
        let _ = writeln!(lines, "{}{:?}", anchor.unwrap_or_default(), line(&curve.clip, 60));
        for point in &curve.points {
            let _ = writeln!(lines, "{}", figures(point));
        }
    }
    let _ = write!(out, "{title}:\n\n{}\n", cut(&lines, CURVES_BYTES));
}

fn figures(point: &CurvePoint) -> String {
    let mut text = String::from(" ");
    if let Some(index) = point.quality_index {
        let _ = write!(text, " quality {index}:");
    }
    let _ = write!(text, " {:.1} kbit/s", point.bitrate / 1e3);
    let unit = if point.psnr_y.finite().is_some() { " dB" } else { "" };
    let _ = write!(text, ", PSNR-Y {}{unit}, SSIM-Y {:.5}", point.psnr_y, point.ssim_y);
    if let Some(fuel) = point.decode_fuel_per_pixel {
        let _ = write!(text, ", decode fuel {fuel:.0} a pixel");
    }
    text
}
