//! What the search expects of a proposal, said before it is measured: the mean of what was measured near it.
//!
//! No part of the search uses this. It is there to be held against the result: a designer whose expectations mean nothing
//! has understood nothing, and the calibration plot shows it.

use crate::history::{Evaluation, History, Outcome};
use crate::question::Question;
use crate::space::{Axis, Dimension};
use aiv1_model::{Parameters, Prediction};

/// Fewer results than this say nothing.
const FEWEST: usize = 3;

/// So many of the nearest results are averaged.
const NEAREST: usize = 5;

/// Keeps the weight of a result at the very same place finite.
const SOFTENING: f64 = 0.05;

/// The mean of the nearest results, each weighted by the inverse of its distance; `None` while there are too few.
pub(crate) fn predict(question: &Question, seen: &History, parameters: &Parameters) -> Option<Prediction> {
    let dimensions = question.space.dimensions();
    let measured = seen.evaluations().iter().filter_map(|evaluation| match evaluation.outcome {
        Outcome::Measured(objective) => {
            Some((distance(dimensions, parameters, &evaluation.parameters)?, objective, evaluation))
        }
        _ => None,
    });
    let mut measured: Vec<(f64, f64, &Evaluation)> = measured.collect();
    if measured.len() < FEWEST {
        return None;
    }
    measured.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    measured.truncate(NEAREST);
    let mean = |values: &mut dyn Iterator<Item = (f64, f64)>| {
        let (weights, sum) = values.fold((0.0, 0.0), |(weights, sum), (distance, value)| {
            let weight = 1.0 / (distance + SOFTENING);
            (weights + weight, sum + weight * value)
        });
        Some(sum / weights).filter(|mean: &f64| mean.is_finite())
    };
    let bd_rate = mean(&mut measured.iter().map(|(distance, objective, _)| (*distance, *objective)))?;
    let fuel =
        |(distance, _, evaluation): &(f64, f64, &Evaluation)| Some((*distance, evaluation.decode_fuel?));
    let decode_fuel_per_pixel = mean(&mut measured.iter().filter_map(fuel));
    Some(Prediction { anchor: question.reference.clone(), bd_rate, decode_fuel_per_pixel })
}

/// Euclidean over places from 0 to 1; kinds that differ are half a range apart. `None` if a value is of another kind.
fn distance(dimensions: &[Dimension], one: &Parameters, other: &Parameters) -> Option<f64> {
    let squared = dimensions.iter().map(|dimension| {
        let (one, other) = (one.get(&dimension.name)?, other.get(&dimension.name)?);
        let apart = match &dimension.axis {
            Axis::Number(scale) => scale.unit(one)? - scale.unit(other)?,
            Axis::Kinds(_) => f64::from(u8::from(one != other)) / 2.0,
        };
        Some(apart * apart)
    });
    Some(squared.sum::<Option<f64>>()?.sqrt())
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
                decode_fuel: (number % 2 == 0).then_some(100.0),
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
    fn what_is_near_counts_more_than_what_is_far_and_another_kind_is_far() {
        let history = history(&[(0.1, false, 10.0), (0.9, false, 20.0), (0.1, true, 40.0)]);
        let expected = |step, filter| predict(&question(), &history, &at(step, filter)).unwrap().bd_rate;
        assert!(expected(0.1, false) < expected(0.5, false));
        assert!(expected(0.1, true) > expected(0.1, false) + 5.0);
        for place in [expected(0.1, false), expected(0.5, true), expected(1.0, false)] {
            assert!((10.0..=40.0).contains(&place), "a mean lies between what it is of: {place}");
        }
    }

    #[test]
    fn costs_are_expected_from_those_that_are_known() {
        let history = history(&[(0.1, false, 1.0), (0.2, false, 1.0), (0.3, false, 1.0)]);
        let prediction = predict(&question(), &history, &at(0.2, false)).unwrap();
        assert!((prediction.decode_fuel_per_pixel.unwrap() - 100.0).abs() < 1e-9);
        assert!((prediction.bd_rate - 1.0).abs() < 1e-9);
        assert_eq!(prediction.anchor, "x265-medium");
    }
}
