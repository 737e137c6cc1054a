//! Predicted against measured: how well designers know what they propose.

use crate::components::{chart, table};
use crate::text;
use aiv1_charts::{Predictions, Theme};
use aiv1_model::{Arm, Status, Summary};
use aiv1_store::Query;
use maud::{Markup, html};

/// How an arm's predictions have come out.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// (predicted, measured) BD-rate, where both are known.
    points: Vec<(f64, f64)>,
    /// Predictions without a figure to hold against them, of experiments that ended.
    unmeasured: usize,
    /// Predictions of experiments that have yet to end.
    open: usize,
}

impl Outcome {
    /// Of the arm's experiments; what was retracted measured nothing.
    fn of(experiments: &[Summary]) -> Self {
        let mut outcome = Self::default();
        for one in experiments {
            let Some(prediction) = &one.prediction else { continue };
            let findings = one.findings.as_ref().filter(|_| one.retraction.is_none());
            let saving = findings.and_then(|findings| findings.against(&prediction.anchor));
            match (saving.filter(|saving| saving.refused == 0), one.status) {
                (Some(saving), _) => outcome.points.push((prediction.bd_rate, saving.bd_rate)),
                (None, Status::Queued | Status::InProgress) => outcome.open += 1,
                (None, _) => outcome.unmeasured += 1,
            }
        }
        outcome
    }

    /// Mean of something of measured − predicted.
    fn mean(&self, of: impl Fn(f64) -> f64) -> Option<f64> {
        let sum: f64 = self.points.iter().map(|(predicted, measured)| of(measured - predicted)).sum();
        (!self.points.is_empty()).then(|| sum / self.points.len() as f64)
    }
}

pub(super) fn section(arms: &[(Arm, Vec<Summary>)]) -> Markup {
    let outcomes: Vec<(Arm, Outcome)> = arms.iter().map(|(arm, rows)| (*arm, Outcome::of(rows))).collect();
    html! {
        section #calibration aria-labelledby="calibration-heading" {
            h2 #calibration-heading { "What was expected, and what came" }
            @if outcomes.iter().all(|(_, outcome)| *outcome == Outcome::default()) {
                p.empty { "No experiment has predicted anything yet." }
            } @else { (plot(&outcomes)) }
        }
    }
}

fn plot(outcomes: &[(Arm, Outcome)]) -> Markup {
    let drawn: Vec<Predictions> = outcomes
        .iter()
        .filter(|(_, outcome)| !outcome.points.is_empty())
        .map(|(arm, outcome)| Predictions {
            name: text::arm(*arm).to_owned(),
            points: outcome.points.clone(),
        })
        .collect();
    let rows = html! {
        @for (arm, outcome) in outcomes {
            tr {
                th scope="row" { (text::arm(*arm)) }
                td { (outcome.points.len()) }
                td { (text::or_absent(outcome.mean(|error| error).map(text::points))) }
                td { (text::or_absent(outcome.mean(f64::abs).map(text::distance))) }
                td { (outcome.unmeasured) }
                td { (outcome.open) }
            }
        }
    };
    let head = ["Proposed by", "Measured", "Mean error", "Mean absolute error", "No figure", "Yet to end"];
    html! {
        @if drawn.is_empty() {
            p.empty { "Nothing that was predicted has been measured yet." }
        } @else {
            div.plots {
                (chart(aiv1_charts::calibration(&drawn, Theme::Page), &html! { "Each point is an experiment: its BD-rate against the anchor that its designer named, as predicted and as measured. On the line a prediction was right; above it too hopeful." }, None))
            }
        }
        (table("How far off predictions were: measured less predicted; above zero is worse than expected", &head, &rows))
        p.hint {
            "The " (Query::MAX_LIMIT) " newest experiments of each arm are looked at. Those that failed, were retracted, or could not be compared on every clip have no figure and are in no mean: means flatter designers whose codecs fail."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_measured_less_predicted() {
        let outcome = Outcome { points: vec![(-5.0, -3.0), (-2.0, -6.0)], ..Outcome::default() };
        assert_eq!(outcome.mean(|error| error), Some(-1.0));
        assert_eq!(outcome.mean(f64::abs), Some(3.0));
        assert_eq!(Outcome::default().mean(f64::abs), None);
    }
}
