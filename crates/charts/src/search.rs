//! The progress of a search: the best figure so far over the number of evaluations, one staircase an arm.

use crate::Theme;
use crate::marker::{key, marker};
use crate::rate_distortion::bounds;
use crate::sheet::{Drawn, Sheet};
use crate::text::plain;
use crate::theme::{BOX, FAINT, RULE, series};
use crate::ticks::Counting;
use plotters::coord::Shift;
use plotters::prelude::*;

/// What one arm has reached.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchCurve {
    /// The arm.
    pub name: String,
    /// (evaluations by then, BD-rate in percent), each better than the one before.
    pub steps: Vec<(u64, f64)>,
    /// Evaluations so far: the staircase goes on to there.
    pub evaluations: u64,
}

impl SearchCurve {
    /// The corners of the staircase.
    fn corners(&self) -> Vec<(f64, f64)> {
        let mut corners: Vec<(f64, f64)> = Vec::new();
        for (evaluations, value) in self.steps.iter().filter(|step| step.1.is_finite()) {
            let at = *evaluations as f64;
            if let Some((_, before)) = corners.last().copied() {
                corners.push((at, before));
            }
            corners.push((at, *value));
        }
        if let Some((_, last)) = corners.last().copied() {
            corners.push((self.evaluations as f64, last));
        }
        corners
    }
}

/// Draws the staircases; down is better, below zero needs fewer bits than the anchor.
#[must_use]
pub fn search_progress(curves: &[SearchCurve], theme: Theme) -> String {
    let sheet = Sheet {
        size: (640, 420),
        title: "Progress of the search".to_owned(),
        description: "The best BD-rate so far, in percent, over the number of experiments evaluated, one staircase for \
            each arm. Further down is better; below zero needs fewer bits than the anchor."
            .to_owned(),
    };
    sheet.draw(theme, |root| draw(root, curves))
}

fn draw<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, curves: &[SearchCurve]) -> Drawn<DB> {
    let values =
        || curves.iter().flat_map(|curve| &curve.steps).map(|step| step.1).filter(|value| value.is_finite());
    let (best, worst) = bounds(values());
    let room = ((worst - best) * 0.12).max(1.0);
    let most = curves.iter().map(|curve| curve.evaluations).max().unwrap_or(1).max(2) as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(Counting::new(0.0..most * 1.03), best - room..worst + room)?;
    chart
        .configure_mesh()
        .x_desc("experiments evaluated")
        .y_desc("best BD-rate so far, %")
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|value| format!("{value:+.1}").trim_end_matches(".0").replace('-', "−"))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .max_light_lines(1)
        .bold_line_style(RULE)
        .light_line_style(FAINT)
        .draw()?;
    if best - room < 0.0 && worst + room > 0.0 {
        chart.draw_series(LineSeries::new([(0.0, 0.0), (most * 1.03, 0.0)], BLACK))?;
    }
    for (index, curve) in curves.iter().enumerate() {
        let line = LineSeries::new(curve.corners(), series(index).stroke_width(3));
        let name = format!("{}\u{a0}\u{a0}\u{a0}", plain(&curve.name));
        chart.draw_series(line)?.label(name).legend(move |at| key(index, 3, at));
        let steps = curve.steps.iter().filter(|step| step.1.is_finite());
        chart.draw_series(steps.map(|(evaluations, value)| marker(index, (*evaluations as f64, *value))))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .margin(12)
        .legend_area_size(36)
        .background_style(WHITE.mix(0.85))
        .border_style(BOX)
        .label_font(("sans-serif", 15))
        .draw()
}
