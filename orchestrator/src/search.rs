//! The numerical search: a tree-structured Parzen estimator (TPE) over all numbers of a codec jointly, moved a few
//! parameters at a time from the best so far.
//!
//! Why TPE and not CMA-ES, both of which the kept library has: TPE is a function of the history alone, whatever its order
//! and whoever asked, so that a restart continues without saved state; it takes flags and choices, trials that are still
//! running (the constant liar) and trials that failed; CMA-ES works in generations that it has sampled itself, gives up
//! on flags and choices, and cannot say anything before a generation is complete.
//!
//! What is added to the library's model, with tens of experiments an hour and up to seventeen parameters in mind:
//!
//! - its first trials would be uniform over the ranges; ours are steps from the declared defaults, which their author
//!   chose for a reason;
//! - every other proposal stays a random step, bold or fine, from the best so far: alone, the model's density is too wide
//!   to improve on a codec that is nearly tuned;
//! - of what is proposed only a few parameters are taken, the others stay as in the best so far. A page that says which
//!   three parameters moved can be learned from, too.
//!
//! The tests hold that the search beats the control arm and its own model alone.

use crate::designer::{Ask, Designer, Proposal};
use crate::history::{Evaluation, History, Outcome};
use crate::predict::predict;
use crate::space::{Axis, Dimension, Space};
use crate::words;
use aiv1_model::{Arm, ParameterValue, Parameters};
use optimizer::distribution::{CategoricalDistribution, Distribution, FloatDistribution};
use optimizer::param::ParamValue;
use optimizer::parameter::ParamId;
use optimizer::sampler::tpe::{ConstantLiarStrategy, MultivariateTpeSampler};
use optimizer::sampler::{CompletedTrial, PendingTrial};
use std::collections::HashMap;

/// The search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Trials measured before the model is asked.
    first_steps: usize,
    /// Share of the proposals after those that are steps, not the model's.
    step_share: f64,
    /// Standard deviations of a step, from the boldest to the finest, of a range that is 1 wide.
    steps: (f64, f64),
    /// Most parameters moved at once, as a share of all.
    moved_share: f64,
    /// Share of the measured trials that the model counts as good.
    good_share: f64,
    /// Points drawn from the good ones' density, of which the most promising is taken. Few: the ratio of the library's
    /// two densities is largest far out, where neither knows anything.
    candidates: usize,
    /// How often a step that may change a flag or a choice does: they have few values, which are soon known.
    kind_share: f64,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            first_steps: 8,
            step_share: 0.5,
            steps: (0.2, 0.05),
            moved_share: 0.3,
            good_share: 0.35,
            candidates: 4,
            kind_share: 0.5,
        }
    }
}

/// From this attempt on a proposal is drawn blindly: the model has come back to what was asked before too often.
const BLIND_FROM: u32 = 16;

/// However few parameters there are, up to so many are moved at once.
const FEWEST_AT_MOST: usize = 3;

/// How a proposal came about, for its rationale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// A random step, since there are too few results for a model.
    FirstStep,
    /// A random step beside the model.
    Step,
    /// The model's.
    Model,
    /// Blind.
    Blind,
}

impl Designer for Search {
    fn arm(&self) -> Arm {
        Arm::Search
    }

    fn propose(&self, ask: &Ask<'_>) -> Option<Proposal> {
        let space = &ask.question.space;
        let seen = ask.history.seen_by(Arm::Search);
        let best = seen.best();
        let from = best.map_or_else(|| space.defaults(), |(evaluation, _)| evaluation.parameters.clone());
        let measured = seen.count(|outcome| matches!(outcome, Outcome::Measured(_)));
        let mut random = ask.random(1);
        let early = measured < self.first_steps;
        let way = match ask.attempt {
            BLIND_FROM.. => Way::Blind,
            _ if early => Way::FirstStep,
            _ if random.f64() < self.step_share => Way::Step,
            _ => Way::Model,
        };
        let modelled = if way == Way::Model { self.model(space, &seen, &mut random) } else { None };
        let (way, target) = match (way, modelled) {
            (Way::Blind, _) => (way, space.uniform(&mut random)),
            (_, Some(target)) => (way, target),
            (Way::Model, None) => (Way::Step, self.step_from(space, &from, &mut random)),
            (_, None) => (way, self.step_from(space, &from, &mut random)),
        };
        let parameters = self.some_of(space, &from, &target, &mut random);
        let rationale = words::search(ask, &seen, way, &from, &parameters);
        let prediction = predict(ask.question, &seen, &parameters);
        Some(Proposal { parameters, rationale, prediction })
    }
}

impl Search {
    /// Takes the target's values for some parameters and leaves the others where they are.
    fn some_of(
        &self,
        space: &Space,
        from: &Parameters,
        target: &Parameters,
        random: &mut fastrand::Rng,
    ) -> Parameters {
        let mut names: Vec<&str> =
            space.dimensions().iter().map(|dimension| dimension.name.as_str()).collect();
        // Where the target is where we are there is nothing to take.
        names.retain(|name| target.get(*name) != from.get(*name));
        let most = ((space.dimensions().len() as f64 * self.moved_share).ceil() as usize).max(FEWEST_AT_MOST);
        let moved = random.usize(1..=most);
        random.shuffle(&mut names);
        let mut parameters = from.clone();
        for name in &names[..moved.min(names.len())] {
            if let Some(value) = target.get(*name) {
                parameters.insert((*name).to_owned(), value.clone());
            }
        }
        parameters
    }

    /// A step in every direction: numbers by a normal deviate, kinds to another one.
    fn step_from(&self, space: &Space, from: &Parameters, random: &mut fastrand::Rng) -> Parameters {
        let (boldest, finest) = self.steps;
        let size = boldest * (finest / boldest).powf(random.f64());
        let step = |dimension: &Dimension| {
            let value = from.get(&dimension.name).unwrap_or(&dimension.default);
            let stepped = match &dimension.axis {
                Axis::Number(scale) => {
                    let unit = scale.unit(value).unwrap_or(0.5);
                    scale.at(inside(unit + size * normal(random)))
                }
                Axis::Kinds(kinds) => {
                    let stays = random.f64() >= self.kind_share;
                    let others: Vec<&ParameterValue> = kinds.iter().filter(|kind| *kind != value).collect();
                    random.choice(others).filter(|_| !stays).unwrap_or(value).clone()
                }
            };
            (dimension.name.clone(), stepped)
        };
        space.dimensions().iter().map(step).collect()
    }

    /// What the model finds most promising.
    fn model(&self, space: &Space, seen: &History, random: &mut fastrand::Rng) -> Option<Parameters> {
        let (numbers, kinds): (Vec<&Dimension>, Vec<&Dimension>) =
            space.dimensions().iter().partition(|dimension| matches!(dimension.axis, Axis::Number(_)));
        let mut parameters = Parameters::new();
        // The library models kinds one by one as well, but in the order of a hash map, which changes from run to run:
        // asking it for one at a time makes the same history give the same proposal.
        let groups = std::iter::once(numbers).chain(kinds.into_iter().map(|kind| vec![kind]));
        for group in groups.filter(|group| !group.is_empty()) {
            let point = self.sample(&group, seen, random.u64(..))?;
            parameters.extend(group.iter().map(|dimension| dimension.name.clone()).zip(point));
        }
        Some(parameters)
    }

    fn sample(&self, group: &[&Dimension], seen: &History, seed: u64) -> Option<Vec<ParameterValue>> {
        let ids: Vec<ParamId> = group.iter().map(|_| ParamId::new()).collect();
        let distributions: HashMap<ParamId, Distribution> =
            ids.iter().copied().zip(group.iter().map(|dimension| distribution(&dimension.axis))).collect();
        let point = |evaluation: &Evaluation| -> Option<HashMap<ParamId, ParamValue>> {
            let value =
                |dimension: &&Dimension| dimension.axis.told(evaluation.parameters.get(&dimension.name)?);
            ids.iter().copied().zip(group).map(|(id, dimension)| Some((id, value(dimension)?))).collect()
        };
        let measured = |outcome: Outcome| match outcome {
            Outcome::Measured(objective) => Some(objective),
            _ => None,
        };
        let values = seen.evaluations().iter().filter_map(|evaluation| measured(evaluation.outcome));
        let (best, worst) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        // A failure is told as worse than the worst that was measured, by as much as the measured ones differ. Only the
        // order matters to this model.
        let penalty = worst + (worst - best).max(1.0);
        let (mut ended, mut pending) = (Vec::new(), Vec::new());
        for evaluation in seen.evaluations() {
            let Some(params) = point(evaluation) else { continue };
            let (id, distributions, labels) = (evaluation.number, distributions.clone(), HashMap::new());
            let value = match evaluation.outcome {
                Outcome::Void => continue,
                Outcome::Pending => {
                    pending.push(PendingTrial::new(id, params, distributions, labels));
                    continue;
                }
                Outcome::Measured(objective) => objective,
                Outcome::Bad => penalty,
            };
            ended.push(CompletedTrial::new(id, params, distributions, labels, value));
        }
        // Of all that it is told; or else, after many failures, some of them would be among the good ones.
        let measured = ended.iter().filter(|trial| trial.value < penalty).count();
        let good_share = self.good_share * measured as f64 / (ended.len() + pending.len()) as f64;
        let sampler = MultivariateTpeSampler::builder()
            .gamma(good_share)
            .n_startup_trials(0)
            .n_ei_candidates(self.candidates)
            // What is still running counts as bad until it is known: nothing is gained by asking its neighbours now.
            .constant_liar(ConstantLiarStrategy::Worst)
            .seed(seed)
            .build()
            .ok()?;
        let told = sampler.impute_pending_trials(&pending, &ended);
        let mut sample = sampler.sample_joint(&distributions, &told);
        ids.iter().zip(group).map(|(id, dimension)| dimension.axis.heard(&sample.remove(id)?)).collect()
    }
}

impl Axis {
    /// A value as the library is told it.
    fn told(&self, value: &ParameterValue) -> Option<ParamValue> {
        match self {
            Self::Number(scale) => scale.unit(value).map(ParamValue::Float),
            Self::Kinds(kinds) => kinds.iter().position(|kind| kind == value).map(ParamValue::Categorical),
        }
    }

    /// What the library says, as a value.
    fn heard(&self, value: &ParamValue) -> Option<ParameterValue> {
        match (self, value) {
            (Self::Number(scale), ParamValue::Float(unit)) => Some(scale.at(inside(*unit))),
            (Self::Kinds(kinds), ParamValue::Categorical(index)) => kinds.get(*index).cloned(),
            _ => None,
        }
    }
}

/// Numbers are told by their place on the scale, 0 to 1, since the library's joint model knows no logarithms. Its range
/// is wider and what comes from outside is reflected: the library moves that to the ends, and then finds the ends good.
fn distribution(axis: &Axis) -> Distribution {
    match axis {
        Axis::Number(_) => {
            Distribution::Float(FloatDistribution { low: -1.0, high: 2.0, log_scale: false, step: None })
        }
        Axis::Kinds(kinds) => Distribution::Categorical(CategoricalDistribution { n_choices: kinds.len() }),
    }
}

/// Reflects a place that a step has left the range by, so that the ends are not favoured.
fn inside(unit: f64) -> f64 {
    let folded = unit.rem_euclid(2.0);
    if folded > 1.0 { 2.0 - folded } else { folded }
}

/// A normal deviate, by Box and Muller.
fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

#[cfg(test)]
mod tests;
