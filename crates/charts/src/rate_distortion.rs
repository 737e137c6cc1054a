//! Rate–distortion curves: one panel a clip, luma PSNR over the logarithm of the rate.

use crate::Theme;
use crate::marker::{key, legend, marker, named};
use crate::sheet::{Drawn, Sheet};
use crate::text::plain;
use crate::theme::{FAINT, RULE, series};
use aiv1_model::{Digest, Record};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::BTreeMap;

/// First digits of the lines of a logarithmic axis.
const DIGITS: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

/// A named curve by rising rate.
struct Curve {
    name: String,
    /// It is what was measured, not an anchor.
    candidate: bool,
    /// Kilobits a second, decibels.
    points: Vec<(f64, f64)>,
}

/// Draws every clip of the records, one below the other.
#[must_use]
pub fn rate_distortion(records: &[&Record], theme: Theme) -> String {
    let mut clips: Vec<Digest> = Vec::new();
    for clip in records.iter().flat_map(|record| &record.clips) {
        if !clips.contains(&clip.id) {
            clips.push(clip.id);
        }
    }
    draw_clips(records, &clips, theme)
}

/// Draws one clip of the records.
#[must_use]
pub fn rate_distortion_on(records: &[&Record], clip: &Digest, theme: Theme) -> String {
    draw_clips(records, &[*clip], theme)
}

fn draw_clips(records: &[&Record], clips: &[Digest], theme: Theme) -> String {
    let panel = if theme == Theme::Paper { (900, 560) } else { (640, 420) };
    let count = clips.len().max(1);
    let names: Vec<String> = records.iter().map(|record| label(records, record)).collect();
    let sheet = Sheet {
        size: (panel.0, panel.1 * count as u32),
        title: format!("Rate and distortion of {}", names.join(", ")),
        description: "Luma PSNR in decibels over the logarithm of the rate in kilobits a second. Further up and further \
            to the left is better."
            .to_owned(),
    };
    sheet.draw(theme, |root| {
        let panels = root.split_evenly((count, 1));
        clips
            .iter()
            .zip(&panels)
            .try_for_each(|(clip, panel)| draw(panel, &title(records, clip), &curves(records, clip), theme))
    })
}

fn title(records: &[&Record], id: &Digest) -> String {
    let clip = records.iter().flat_map(|record| &record.clips).find(|clip| clip.id == *id);
    clip.map_or_else(|| id.abbreviated(), |clip| format!("{}, {}", plain(&clip.name), clip.format))
}

/// The codec's name, with the start of its record's id where several go by that name.
fn label(records: &[&Record], record: &Record) -> String {
    let name = &record.codec.name;
    if records.iter().filter(|other| other.codec.name == *name).count() == 1 {
        return plain(name);
    }
    plain(&format!("{name} {}", record.id.as_str().chars().take(12).collect::<String>()))
}

fn curves(records: &[&Record], clip: &Digest) -> Vec<Curve> {
    let mut anchors: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let mut curves: Vec<Curve> = Vec::new();
    for record in records {
        let points = record.points.iter().filter(|point| point.clip == *clip);
        let points = points.filter_map(|point| Some((point.bitrate / 1e3, point.quality.psnr_y.finite()?)));
        curves.push(Curve {
            name: label(records, record),
            candidate: true,
            points: sorted(points.collect()),
        });
        for point in record.anchors.iter().filter(|point| point.clip == *clip) {
            let curve = anchors.entry(&point.encode.anchor).or_default();
            curve.extend(point.quality.psnr_y.finite().map(|psnr| (point.bitrate / 1e3, psnr)));
        }
    }
    curves.retain(|curve| !curve.points.is_empty());
    curves.extend(anchors.into_iter().map(|(name, points)| {
        let mut points = sorted(points);
        points.dedup();
        Curve { name: plain(name), candidate: false, points }
    }));
    curves
}

/// What can be drawn on a logarithmic axis, by rising rate.
fn sorted(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.retain(|(rate, quality)| rate.is_finite() && *rate > 0.0 && quality.is_finite());
    points.sort_by(|left, right| left.0.total_cmp(&right.0));
    points
}

fn draw<DB: DrawingBackend>(
    panel: &DrawingArea<DB, Shift>,
    title: &str,
    curves: &[Curve],
    theme: Theme,
) -> Drawn<DB> {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let (low, high) = bounds(all().map(|point| point.0));
    let (low, high) = (low * 0.8, high * 1.25);
    // Two decades or less have room for 3 and 7 as well.
    let labelled =
        ticks(if high < 100.0 * low { &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0] } else { &[1.0, 2.0, 5.0] }, low, high);
    let (worst, best) = bounds(all().map(|point| point.1));
    // Curves rise, so two corners tend to be free: the legend takes the one with fewer points in it.
    let right = |rate: f64| (rate / low).ln() / (high / low).ln();
    let up = |quality: f64| (quality - worst + 1.0) / (best - worst + 2.0);
    let lower = all().filter(|point| right(point.0) > 0.7 && up(point.1) < 0.35).count();
    let upper = all().filter(|point| right(point.0) < 0.3 && up(point.1) > 0.65).count();
    let corner =
        if lower <= upper { SeriesLabelPosition::LowerRight } else { SeriesLabelPosition::UpperLeft };
    let (margin, below, beside) = if theme == Theme::Paper { (16, 48, 60) } else { (8, 46, 54) };
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 20))
        .margin(margin)
        .x_label_area_size(below)
        .y_label_area_size(beside)
        .build_cartesian_2d(
            (low..high).log_scale().with_key_points(labelled).with_light_points(ticks(&DIGITS, low, high)),
            worst - 1.0..best + 1.0,
        )?;
    chart
        .configure_mesh()
        .x_desc("rate, kbit/s (logarithmic)")
        .y_desc("PSNR-Y, dB")
        .x_label_formatter(&|rate| if *rate >= 10.0 { format!("{rate:.0}") } else { format!("{rate:.1}") })
        .label_style(
            ("sans-serif", 15).into_font().into_text_style(panel).pos(Pos::new(HPos::Center, VPos::Center)),
        )
        .y_label_formatter(&|quality| format!("{quality:.1}").trim_end_matches(".0").to_owned())
        .y_max_light_lines(1)
        .bold_line_style(RULE)
        .light_line_style(FAINT)
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    for (index, Curve { name, candidate, points }) in curves.iter().enumerate() {
        let width = if *candidate { 3 } else { 2 };
        chart
            .draw_series(LineSeries::new(points.iter().copied(), series(index).stroke_width(width)))?
            .label(named(name))
            .legend(move |at| key(index, width, at));
        chart.draw_series(points.iter().map(|point| marker(index, *point)))?;
    }
    legend(&mut chart, corner, 34)
}

/// Multiples by `digits` of the powers of ten between `low` and `high`.
fn ticks(digits: &[f64], low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let all = decades.flat_map(|decade| digits.iter().map(move |digit| digit * 10_f64.powi(decade)));
    all.filter(|tick| (low..=high).contains(tick)).collect()
}

/// Least and greatest; something that can be drawn where there is nothing.
pub(crate) fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low.is_finite() { (low, high) } else { (1.0, 2.0) }
}
