//! Rate–distortion curves as SVG: one panel a clip, luma PSNR over the logarithm of the rate.

use crate::commands::compare::label;
use aiv1_model::{Digest, Record};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::BTreeMap;

const PANEL: (u32, u32) = (900, 560);
/// Colours of Okabe and Ito, which stay apart for colour-blind eyes.
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    RGBColor(0, 0, 0),
];

/// First digits of the lines of a logarithmic axis.
const DIGITS: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

/// A named curve: (kilobits a second, decibels), by rising rate.
type Curve = (String, bool, Vec<(f64, f64)>);

/// Draws every clip of the records.
pub(crate) fn rate_distortion(records: &[&Record]) -> String {
    let mut clips: Vec<(Digest, String)> = Vec::new();
    for clip in records.iter().flat_map(|record| &record.clips) {
        if !clips.iter().any(|(id, _)| *id == clip.id) {
            clips.push((clip.id, format!("{}, {}", clip.name, clip.format)));
        }
    }
    let mut svg = String::new();
    let height = PANEL.1 * clips.len().max(1) as u32;
    {
        let root = SVGBackend::with_string(&mut svg, (PANEL.0, height)).into_drawing_area();
        let drawn = root.fill(&WHITE).map_err(drop).and_then(|()| {
            let panels = root.split_evenly((clips.len().max(1), 1));
            clips
                .iter()
                .zip(&panels)
                .try_for_each(|((id, title), panel)| draw(panel, title, &curves(records, id)).map_err(drop))
        });
        // The backend writes into a String: nothing there can fail but an area too small for its labels.
        let _ = drawn.and_then(|()| root.present().map_err(drop));
    }
    svg
}

fn curves(records: &[&Record], clip: &Digest) -> Vec<Curve> {
    let mut anchors: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let mut codecs: Vec<Curve> = Vec::new();
    for record in records {
        let points = record.points.iter().filter(|point| point.clip == *clip);
        let points = points.filter_map(|point| Some((point.bitrate / 1e3, point.quality.psnr_y.finite()?)));
        codecs.push((label(records, record), true, sorted(points.collect())));
        for point in record.anchors.iter().filter(|point| point.clip == *clip) {
            let curve = anchors.entry(&point.encode.anchor).or_default();
            curve.extend(point.quality.psnr_y.finite().map(|psnr| (point.bitrate / 1e3, psnr)));
        }
    }
    codecs.retain(|(_, _, points)| !points.is_empty());
    codecs.extend(anchors.into_iter().map(|(name, mut points)| {
        points.dedup();
        let mut points = sorted(points);
        points.dedup();
        (name.to_owned(), false, points)
    }));
    codecs
}

fn sorted(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|left, right| left.0.total_cmp(&right.0));
    points
}

fn draw<DB: DrawingBackend>(
    panel: &DrawingArea<DB, plotters::coord::Shift>,
    title: &str,
    curves: &[Curve],
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let all = || curves.iter().flat_map(|(_, _, points)| points);
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
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(60)
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
            ("sans-serif", 14).into_font().into_text_style(panel).pos(Pos::new(HPos::Center, VPos::Center)),
        )
        .y_label_formatter(&|quality| format!("{quality:.1}").trim_end_matches(".0").to_owned())
        .y_max_light_lines(1)
        .bold_line_style(RGBColor(205, 205, 205))
        .light_line_style(RGBColor(238, 238, 238))
        .axis_desc_style(("sans-serif", 15))
        .draw()?;
    for (index, (name, candidate, points)) in curves.iter().enumerate() {
        let color = COLORS[index % COLORS.len()];
        let style = color.stroke_width(if *candidate { 3 } else { 2 });
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style))?
            // No-break spaces: the backend guesses how wide a text is, and guesses too little.
            .label(format!("{name}\u{a0}\u{a0}\u{a0}"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(corner)
        .margin(12)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 14))
        .draw()
}

/// Multiples by `digits` of the powers of ten between `low` and `high`.
fn ticks(digits: &[f64], low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let all = decades.flat_map(|decade| digits.iter().map(move |digit| digit * 10_f64.powi(decade)));
    all.filter(|tick| (low..=high).contains(tick)).collect()
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low.is_finite() { (low, high) } else { (1.0, 2.0) }
}
