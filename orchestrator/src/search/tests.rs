//! The search on synthetic codecs, without a catalog.

use super::*;
use crate::designer::{Random, Start};
use crate::history::Evaluation;
use crate::question::Question;
use aiv1_model::{Declaration, Digest, Limits, Settings};

/// Shaped like the transform codec: fifteen numbers of several kinds and two flags.
pub(crate) fn question() -> Question {
    let float = |name: &str, min: f64, max: f64, default: f64| serde_json::json!({"name": name, "help": "h", "type": "float", "min": min, "max": max, "default": default});
    let int = |name: &str, min: i32, max: i32, default: i32| serde_json::json!({"name": name, "help": "h", "type": "int", "min": min, "max": max, "default": default});
    let flag = |name: &str| serde_json::json!({"name": name, "help": "h", "type": "flag", "default": true});
    let parameters = [
        float("lambda_scale", 0.3, 3.0, 1.0),
        float("inner_lambda_scale", 0.5, 2.0, 1.0),
        int("pyramid", 1, 32, 16),
        int("references", 1, 4, 2),
        float("anchor_qp_offset", 0.0, 8.0, 5.0),
        float("first_layer_qp_offset", 0.0, 8.0, 3.5),
        float("layer_qp_offset", 0.0, 3.0, 1.0),
        float("cascade_adaptation", 0.0, 1.5, 1.0),
        float("chroma_qp_offset", -8.0, 8.0, 0.0),
        float("rdoq", 0.0, 2.0, 1.0),
        int("search_range", 4, 256, 64),
        float("intra_bias", 0.5, 3.0, 1.0),
        int("effort", 0, 3, 1),
        flag("deblock"),
        int("deblock_beta", -6, 6, 0),
        int("deblock_tc", -6, 6, 0),
        flag("sao"),
    ];
    let declaration: Declaration =
        serde_json::from_value(serde_json::json!({"abi": 1, "about": "a test", "parameters": parameters}))
            .unwrap();
    declaration.check().unwrap();
    Question {
        codec: "transform".to_owned(),
        source: Digest::of(b"source"),
        space: Space::of(&declaration),
        clips: vec![Digest::of(b"clip")],
        settings: Settings {
            gop_frames: 32,
            quality_indices: vec![16, 24, 32, 40],
            anchors: vec!["x265-medium".to_owned()],
            limits: Limits::default(),
        },
        reference: "x265-medium".to_owned(),
    }
}

/// A bowl with an optimum near, but not at, the defaults, sixteen times as steep in one direction as in another, with
/// neighbours that interact; two flags that are better left on.
fn bowl(question: &Question, seed: u64) -> impl Fn(&Parameters) -> f64 + use<> {
    let space = question.space.clone();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut optimum = Vec::new();
    for dimension in space.dimensions() {
        if let Axis::Number(scale) = &dimension.axis {
            let weight = 16_f64.powf(random.f64());
            optimum
                .push((inside(scale.unit(&dimension.default).unwrap() + 0.2 * normal(&mut random)), weight));
        }
    }
    move |parameters| {
        let mut at = Vec::new();
        let mut objective = -20.0;
        for dimension in space.dimensions() {
            match &dimension.axis {
                Axis::Number(scale) => at.push(scale.unit(&parameters[&dimension.name]).unwrap()),
                Axis::Kinds(_) => {
                    objective +=
                        if parameters[&dimension.name] == ParameterValue::Flag(true) { 0.0 } else { 4.0 };
                }
            }
        }
        let off: Vec<f64> = at.iter().zip(&optimum).map(|(at, (optimum, _))| at - optimum).collect();
        let straight = off.iter().zip(&optimum).map(|(off, (_, weight))| weight * off * off).sum::<f64>();
        let crossed = off.windows(2).map(|pair| 2.0 * pair[0] * pair[1]).sum::<f64>();
        objective + 5.0 * (straight + crossed)
    }
}

/// The best after each number of experiments, the defaults first; `behind` experiments are pending at any time.
fn run(designer: &dyn Designer, question: &Question, seed: u64, experiments: u64, behind: usize) -> Vec<f64> {
    let objective = bowl(question, seed);
    let mut history = History::default();
    let mut waiting = std::collections::VecDeque::new();
    let mut bests = Vec::new();
    let mut asked: Vec<Parameters> = Vec::new();
    for iteration in 0..experiments {
        let mut designer = designer;
        if iteration == 0 {
            designer = &Start;
        }
        let parameters = (0..32)
            .find_map(|attempt| {
                let ask = Ask { question, history: &history, seed, iteration, attempt };
                designer.propose(&ask).map(|proposal| proposal.parameters).filter(|new| !asked.contains(new))
            })
            .unwrap();
        asked.push(parameters.clone());
        let id = question.id(&parameters);
        let (number, arm) = (iteration + 1, designer.arm());
        history.push(Evaluation {
            id,
            number,
            arm,
            parameters,
            outcome: Outcome::Pending,
            decode_fuel: None,
        });
        waiting.push_back(iteration as usize);
        while waiting.len() > behind || iteration == 0 && !waiting.is_empty() {
            let ended = waiting.pop_front().unwrap();
            history.end(ended, &objective);
        }
        bests.push(history.best().map_or(f64::INFINITY, |(_, best)| best));
    }
    bests
}

impl History {
    fn end(&mut self, index: usize, objective: &dyn Fn(&Parameters) -> f64) {
        let evaluation = &mut self.evaluations_mut()[index];
        evaluation.outcome = Outcome::Measured(objective(&evaluation.parameters));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How much better than the defaults the best of a run is, for many bowls.
fn gains(designer: &dyn Designer, experiments: u64) -> Vec<f64> {
    let question = question();
    let gain = |seed| {
        let bests = run(designer, &question, seed, experiments, 2);
        bests[0] - bests[bests.len() - 1]
    };
    (0..21).map(gain).collect()
}

#[test]
fn the_search_beats_the_control_arm_with_as_many_experiments_on_nearly_every_bowl() {
    let (search, random) = (gains(&Search::default(), 80), gains(&Random, 80));
    let won = search.iter().zip(&random).filter(|(search, random)| search > random).count();
    assert!(won >= 20, "won {won} of 21: {search:.2?} against {random:.2?}");
    // The bowls leave 13.6 points to gain over the defaults (median); random finds none of them in 80 experiments.
    assert!(median(search.clone()) > 9.0 + median(random), "{search:.2?}");
}

/// Prints what it holds, for `--nocapture`.
#[test]
fn the_surface_beats_random_steps_and_the_sweep_is_worth_its_experiments() {
    let surface = Search::default();
    let steps = Search { sweeps: false, has_surface: false, ..surface };
    let no_sweep = Search { sweeps: false, ..surface };
    let after = |designer: &Search, experiments| median(gains(designer, experiments));
    for experiments in [20, 40, 80] {
        let [surface, steps, no_sweep] =
            [&surface, &steps, &no_sweep].map(|designer| after(designer, experiments));
        eprintln!(
            "{experiments} experiments: {surface:.2} points; random steps {steps:.2}, no sweep {no_sweep:.2}"
        );
        assert!(surface > steps + 1.0, "{experiments}: {surface:.2} against {steps:.2} of steps alone");
        assert!(
            surface > no_sweep - 0.5,
            "{experiments}: {surface:.2} against {no_sweep:.2} without a sweep"
        );
    }
}

#[test]
fn every_parameter_is_moved_alone_first_one_way_and_then_the_other_and_what_helps_is_kept() {
    let question = question();
    let defaults = question.space.defaults();
    let mut history = History::default();
    let mut alone = std::collections::BTreeMap::<String, Vec<ParameterValue>>::new();
    for iteration in 0..33 {
        let ask = Ask { question: &question, history: &history, seed: 3, iteration, attempt: 0 };
        let designer: &dyn Designer = if iteration == 0 { &Start } else { &Search::default() };
        let parameters = designer.propose(&ask).unwrap().parameters;
        let best = history.best().map_or_else(|| defaults.clone(), |(best, _)| best.parameters.clone());
        let moved: Vec<_> = parameters.iter().filter(|(name, value)| best[*name] != **value).collect();
        assert_eq!(moved.len(), usize::from(iteration > 0), "{iteration}: {moved:?}");
        for (name, value) in moved {
            alone.entry(name.clone()).or_default().push(value.clone());
        }
        // All that helps is more effort; the rest costs.
        let objective = match &parameters["effort"] {
            ParameterValue::Int(effort) => -f64::from(*effort),
            _ => 0.0,
        };
        let off = parameters.iter().filter(|(name, value)| *name != "effort" && defaults[*name] != **value);
        let outcome = Outcome::Measured(objective + 0.5 * off.count() as f64);
        let (id, number, arm) = (question.id(&parameters), iteration + 1, designer.arm());
        history.push(Evaluation { id, number, arm, parameters, outcome, decode_fuel: None });
        if iteration == 17 {
            assert_eq!(alone.len(), 17, "all of them once: {alone:?}");
        }
    }
    assert_eq!(history.best().unwrap().0.parameters["effort"], ParameterValue::Int(2));
    let turned = alone.values().filter(|values| values.len() == 2).count();
    // Two flags have one way only, and effort, once kept, is not turned round.
    assert_eq!(turned, 14 + usize::from(alone["effort"].len() == 2), "{alone:?}");
    assert!(alone["chroma_qp_offset"].contains(&ParameterValue::Float(-2.4)), "{alone:?}");
}

#[test]
fn what_was_tried_and_failed_is_not_tried_around_again() {
    let question = question();
    let mut history = History::default();
    let failing = |parameters: &Parameters| parameters["deblock"] == ParameterValue::Flag(false);
    let mut failed = 0;
    for iteration in 0..80 {
        let ask = Ask { question: &question, history: &history, seed: 4, iteration, attempt: 0 };
        let designer: &dyn Designer = if iteration == 0 { &Start } else { &Search::default() };
        let parameters = designer.propose(&ask).unwrap().parameters;
        let outcome =
            if failing(&parameters) { Outcome::Bad } else { Outcome::Measured(-(iteration as f64)) };
        failed += usize::from(outcome == Outcome::Bad);
        let id = question.id(&parameters);
        history.push(Evaluation {
            id,
            number: iteration + 1,
            arm: designer.arm(),
            parameters,
            outcome,
            decode_fuel: None,
        });
    }
    assert!((1..12).contains(&failed), "{failed} of 80 tried it; uniformly it would be half of them");
}

#[test]
fn the_same_history_gives_the_same_proposal_and_another_iteration_or_seed_another() {
    let question = question();
    let objective = bowl(&question, 7);
    let mut history = History::default();
    for iteration in 0..50 {
        let ask = Ask { question: &question, history: &history, seed: 7, iteration, attempt: 0 };
        let designer: &dyn Designer = if iteration == 0 { &Start } else { &Search::default() };
        let parameters = designer.propose(&ask).unwrap().parameters;
        let (id, outcome) = (question.id(&parameters), Outcome::Measured(objective(&parameters)));
        history.push(Evaluation {
            id,
            number: iteration + 1,
            arm: designer.arm(),
            parameters,
            outcome,
            decode_fuel: None,
        });
    }
    let propose = |seed, iteration, attempt| {
        let ask = Ask { question: &question, history: &history, seed, iteration, attempt };
        Search::default().propose(&ask).unwrap()
    };
    for iteration in 50..70 {
        assert_eq!(propose(7, iteration, 0), propose(7, iteration, 0));
        assert_ne!(propose(7, iteration, 0), propose(8, iteration, 0));
        assert_ne!(propose(7, iteration, 0), propose(7, iteration + 100, 0));
        assert_ne!(propose(7, iteration, 0), propose(7, iteration, 1));
    }
}

#[test]
fn a_rationale_says_what_moved_from_where_and_what_it_rests_on() {
    let question = question();
    let mut history = History::default();
    let defaults = question.space.defaults();
    let ask = Ask { question: &question, history: &history, seed: 1, iteration: 0, attempt: 0 };
    let start = Start.propose(&ask).unwrap().rationale;
    assert!(start.contains("all 17 parameters at their defaults"), "{start}");
    for (number, outcome) in [(1, Outcome::Measured(-3.25)), (2, Outcome::Bad), (3, Outcome::Pending)] {
        let mut parameters = defaults.clone();
        parameters.insert("references".to_owned(), ParameterValue::Int(number + 1));
        let id = question.id(&parameters);
        let arm = if number == 1 { Arm::Start } else { Arm::Search };
        history.push(Evaluation { id, number: number as u64, arm, parameters, outcome, decode_fuel: None });
    }
    let ask = Ask { question: &question, history: &history, seed: 1, iteration: 3, attempt: 0 };
    let proposal = Search::default().propose(&ask).unwrap();
    let best = history.evaluations()[0].id.clone();
    let expected = format!(
        "Search of transform, after 1 measured experiment, 1 without a usable result, 1 still to come. Best so far: \
         {best} at -3.25 % against x265-medium. "
    );
    assert!(proposal.rationale.starts_with(&expected), "{}", proposal.rationale);
    let moved: Vec<_> =
        proposal.parameters.iter().filter(|(name, value)| defaults[*name] != **value).collect();
    assert!((1..=4).contains(&moved.len()));
    for (name, value) in moved {
        let words = format!("{name} {} → {value}", defaults[name]);
        assert!(proposal.rationale.contains(&words), "{words:?} is not in {}", proposal.rationale);
    }
}
