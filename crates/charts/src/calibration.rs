//! Predictions against what was measured: each a point, and the line on which they would be right.

use crate::Theme;
use crate::marker::{key, legend, marker, named};
use crate::rate_distortion::bounds;
use crate::sheet::{Drawn, Sheet};
use crate::text::plain;
use crate::theme::{FAINT, RULE};
use plotters::coord::Shift;
use plotters::prelude::*;

/// The predictions of one arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// The arm.
    pub name: String,
    /// (predicted, measured), in percent.
    pub points: Vec<(f64, f64)>,
}

/// Draws predicted against measured, both axes alike; on the diagonal a prediction was right, below it came out better.
#[must_use]
pub fn calibration(arms: &[Predictions], theme: Theme) -> String {
    let sheet = Sheet {
        size: (640, 560),
        title: "Predicted and measured".to_owned(),
        description: "BD-rates in percent as designers predicted them, to the right, and as they were measured, upwards. On \
            the diagonal a prediction was right; below it the codec needed fewer bits than was predicted."
            .to_owned(),
    };
    sheet.draw(theme, |root| draw(root, arms))
}

fn draw<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, arms: &[Predictions]) -> Drawn<DB> {
    let finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
    let points = || arms.iter().flat_map(|arm| &arm.points).filter(finite);
    let (low, high) = bounds(points().flat_map(|point| [point.0, point.1]));
    let room = ((high - low) * 0.08).max(1.0);
    let (low, high) = (low - room, high + room);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(low..high, low..high)?;
    let label = |value: &f64| format!("{value:+.1}").trim_end_matches(".0").replace('-', "−");
    chart
        .configure_mesh()
        .x_desc("predicted BD-rate, %")
        .y_desc("measured BD-rate, %")
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .x_labels(8)
        .y_labels(8)
        .max_light_lines(1)
        .bold_line_style(RULE)
        .light_line_style(FAINT)
        .draw()?;
    chart.draw_series(LineSeries::new([(low, low), (high, high)], BLACK))?;
    for (index, arm) in arms.iter().enumerate() {
        let points = arm.points.iter().filter(finite);
        let drawn = chart.draw_series(points.map(|point| marker(index, *point)))?;
        drawn.label(named(&plain(&arm.name))).legend(move |at| key(index, 1, at));
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft, 36)
}
