//! What the search expects of a proposal, said before it is measured: the place on the [`Surface`] of what was measured.
//!
//! It is there to be held against the result: a designer whose expectations mean nothing has understood nothing, and the
//! calibration plot shows it.

use crate::history::{Evaluation, History, Outcome};
use crate::question::Question;
use crate::surface::{Surface, Told};
use aiv1_model::{Parameters, Prediction};

/// What the results lead one to expect; `None` while there are too few.
pub(crate) fn predict(question: &Question, seen: &History, parameters: &Parameters) -> Option<Prediction> {
    let (best, _) = seen.best()?;
    let expected = |value: &dyn Fn(&Evaluation) -> Option<f64>| {
        let results = seen.evaluations().iter();
        let results = results.filter_map(|evaluation| {
            Some(Told { parameters: &evaluation.parameters, value: value(evaluation)?, is_guess: false })
        });
        let results: Vec<Told<'_>> = results.collect();
        let surface = Surface::fit(&question.space, &best.parameters, &results)?;
        surface.expected(parameters).filter(|expected| expected.is_finite())
    };
    let bd_rate = expected(&|evaluation| match evaluation.outcome {
        Outcome::Measured(objective) => Some(objective),
        _ => None,
    })?;
    let decode_fuel_per_pixel =
        expected(&|evaluation| evaluation.decode_fuel).filter(|fuel| *fuel >= 0.0).or(best.decode_fuel);
    Some(Prediction { anchor: question.reference.clone(), bd_rate, decode_fuel_per_pixel })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use aiv1_model::{Arm, Declaration, Digest, ExperimentId, Limits, ParameterValue, Settings};

    fn question() -> Question {
        let declaration: Declaration = serde_json::from_value(serde_json::json!({
            "abi": 1, "about": "a test", "parameters": [
                {"name": "step", "help": "h", "type": "float", "min": 0.0, "max": 1.0, "default": 0.5},
                {"name": "filter", "help": "h", "type": "flag", "default": false},
            ]
        }))
        .unwrap();
        let settings = Settings {
            gop_frames: 8,
            quality_indices: vec![10, 20, 30, 40],
            anchors: vec!["x265-medium".to_owned()],
            limits: Limits::default(),
        };
        let (codec, reference) = ("test".to_owned(), "x265-medium".to_owned());
        let source = Digest::of(b"source");
        Question { codec, source, space: Space::of(&declaration), clips: vec![source], settings, reference }
    }

    fn at(step: f64, filter: bool) -> Parameters {
        let step = ParameterValue::Float(step);
        [("step".to_owned(), step), ("filter".to_owned(), ParameterValue::Flag(filter))].into()
    }

    fn history(results: &[(f64, bool, f64)]) -> History {
        let mut history = History::default();
        for (number, (step, filter, objective)) in (1..).zip(results) {
            history.push(Evaluation {
                id: ExperimentId::of(&Digest::of(&[number as u8])),
                number,
                arm: Arm::Search,
                parameters: at(*step, *filter),
                outcome: Outcome::Measured(*objective),
                decode_fuel: (number % 2 == 1).then_some(100.0),
            });
        }
        history
    }

    #[test]
    fn two_results_say_nothing_of_a_third() {
        let history = history(&[(0.1, false, 5.0), (0.2, false, 6.0)]);
        assert_eq!(predict(&question(), &history, &at(0.15, false)), None);
    }

    #[test]
    fn a_slope_goes_on_and_a_kind_costs_what_it_cost() {
        let history = history(&[(0.5, false, 10.0), (0.6, false, 9.0), (0.7, false, 8.1), (0.7, true, 11.0)]);
        let expected = |step, filter| predict(&question(), &history, &at(step, filter)).unwrap().bd_rate;
        assert!(expected(0.75, false) < 8.1, "{}", expected(0.75, false));
        assert!((expected(0.6, true) - 11.9).abs() < 0.5, "{}", expected(0.6, true));
        assert!((expected(0.5, false) - 10.0).abs() < 0.3, "{}", expected(0.5, false));
    }

    #[test]
    fn costs_are_expected_from_those_that_are_known() {
        let history = history(&[(0.1, false, 1.0), (0.2, false, 2.0), (0.3, false, 3.0)]);
        let prediction = predict(&question(), &history, &at(0.1, false)).unwrap();
        assert_eq!(prediction.decode_fuel_per_pixel, Some(100.0));
        assert_eq!(prediction.anchor, "x265-medium");
    }
}
