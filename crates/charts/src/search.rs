//! The progress of a search: the best figure so far over what it took, one staircase an arm.

use crate::Theme;
use crate::marker::{key, legend, marker, named};
use crate::rate_distortion::bounds;
use crate::sheet::{Drawn, Sheet};
use crate::text::plain;
use crate::theme::{FAINT, RULE, series};
use crate::ticks::Amount;
use plotters::coord::Shift;
use plotters::prelude::*;

/// What progress is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// The number of experiments evaluated.
    Experiments,
    /// What the model that was asked has cost, in US dollars.
    Dollars,
}

impl Budget {
    const fn axis(self) -> &'static str {
        match self {
            Self::Experiments => "experiments evaluated",
            Self::Dollars => "cost of the model, US dollars",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Experiments => "the number of experiments evaluated",
            Self::Dollars => "what the model that was asked has cost",
        }
    }
}

/// What one arm has reached.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchCurve {
    /// The arm.
    pub name: String,
    /// (spent of the budget by then, BD-rate in percent), each better than the one before.
    pub steps: Vec<(f64, f64)>,
    /// Spent so far: the staircase goes on to there.
    pub spent: f64,
}

impl SearchCurve {
    /// The corners of the staircase.
    fn corners(&self) -> Vec<(f64, f64)> {
        let mut corners: Vec<(f64, f64)> = Vec::new();
        for (at, value) in self.steps.iter().filter(|step| step.1.is_finite()).copied() {
            if let Some((_, before)) = corners.last().copied() {
                corners.push((at, before));
            }
            corners.push((at, value));
        }
        if let Some((_, last)) = corners.last().copied() {
            corners.push((self.spent, last));
        }
        corners
    }
}

/// An amount with as many digits as it needs, at most four behind the point.
fn written(amount: f64) -> String {
    let written = format!("{amount:.4}");
    written.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Draws the staircases; down is better, below zero needs fewer bits than the anchor.
#[must_use]
pub fn search_progress(curves: &[SearchCurve], budget: Budget, theme: Theme) -> String {
    let sheet = Sheet {
        size: (640, 420),
        title: "Progress of the search".to_owned(),
        description: format!(
            "The best BD-rate so far, in percent, over {}, one staircase for each arm. Further down is better; below zero \
             needs fewer bits than the anchor.",
            budget.description()
        ),
    };
    sheet.draw(theme, |root| draw(root, curves, budget))
}

fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    curves: &[SearchCurve],
    budget: Budget,
) -> Drawn<DB> {
    let values =
        || curves.iter().flat_map(|curve| &curve.steps).map(|step| step.1).filter(|value| value.is_finite());
    let (best, worst) = bounds(values());
    let room = ((worst - best) * 0.12).max(1.0);
    let spent = curves.iter().map(|curve| curve.spent).filter(|spent| spent.is_finite()).fold(0.0, f64::max);
    let axis = match budget {
        Budget::Experiments => Amount::counted(spent.max(2.0) * 1.03),
        Budget::Dollars => Amount::measured(if spent > 0.0 { spent * 1.03 } else { 1.0 }),
    };
    let end = axis.end();
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(axis, best - room..worst + room)?;
    chart
        .configure_mesh()
        .x_desc(budget.axis())
        .y_desc("best BD-rate so far, %")
        .x_label_formatter(&|amount| written(*amount))
        .y_label_formatter(&|value| format!("{value:+.1}").trim_end_matches(".0").replace('-', "−"))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .max_light_lines(1)
        .bold_line_style(RULE)
        .light_line_style(FAINT)
        .draw()?;
    if best - room < 0.0 && worst + room > 0.0 {
        chart.draw_series(LineSeries::new([(0.0, 0.0), (end, 0.0)], BLACK))?;
    }
    for (index, curve) in curves.iter().enumerate() {
        let line = LineSeries::new(curve.corners(), series(index).stroke_width(3));
        chart.draw_series(line)?.label(named(&plain(&curve.name))).legend(move |at| key(index, 3, at));
        let steps = curve.steps.iter().filter(|step| step.1.is_finite());
        chart.draw_series(steps.map(|step| marker(index, *step)))?;
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight, 36)
}
