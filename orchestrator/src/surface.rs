//! [`Surface`]: what the results so far say about the neighbourhood of the best of them, and how surely.
//!
//! A response surface (Box and Wilson, 1951), additive and quadratic: with x the places of the numbers (0 to 1) less those of the
//! origin, the value is `value(origin) + a + Σ (bᵢ xᵢ + cᵢ xᵢ²) + Σ dₖ`, the last sum over kinds that differ from the origin's. The
//! coefficients are had by Bayesian linear regression (Bishop 2006, section 3.3), so that a direction in which nobody has gone
//! yet is known to be unknown. Two coefficients a parameter are as many as tens of results can support; how parameters act on each
//! other is left out and counts as noise that grows with the distance, so that what is near the origin says most.

use crate::space::{Axis, Dimension, Space};
use aiv1_model::{ParameterValue, Parameters};
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// Fewer results than this are not fitted.
const FEWEST: usize = 3;

/// More coefficients than this are not fitted: the time grows with their cube.
const MOST_COEFFICIENTS: usize = 1_000;

/// What is believed of a coefficient before there is a result: mean and standard deviation, in units of the results' spread.
#[derive(Clone, Copy, Debug)]
struct Belief {
    mean: f64,
    deviation: f64,
}

/// The origin was measured, and not for its luck alone.
const LEVEL: Belief = Belief { mean: 0.0, deviation: 1.0 };
/// Of a step across the whole range, either way.
const SLOPE: Belief = Belief { mean: 0.0, deviation: 4.0 };
/// Values have a best place more often than a worst one.
const CURVATURE: Belief = Belief { mean: 7.0, deviation: 10.0 };
/// The kind at the origin was chosen for a reason.
const KIND: Belief = Belief { mean: 0.5, deviation: 1.0 };

/// Deviation of a result from the surface at the origin, and how much of it every unit of squared distance adds, in units of the
/// results' spread.
const NOISE: (f64, f64) = (0.05, 1.0);

/// Deviation of a result that is only known to be bad, in the same units.
const GUESS: f64 = 1.0;

/// Squared distance of two kinds of one parameter.
const KINDS_APART: f64 = 0.04;

/// What a surface is fitted to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) value: f64,
    /// Not measured: it stands for a failure.
    pub(crate) is_guess: bool,
}

/// A fitted surface.
#[derive(Debug)]
pub(crate) struct Surface<'a> {
    terms: Vec<Term<'a>>,
    /// The value that was measured at the origin.
    level: f64,
    coefficients: DVector<f64>,
    /// Inverse of the coefficients' covariance.
    precision: Cholesky<f64, Dyn>,
}

/// The part of one parameter.
#[derive(Clone, Copy, Debug)]
struct Term<'a> {
    dimension: &'a Dimension,
    origin: &'a ParameterValue,
    /// Its first coefficient: of a number the slope, then the curvature; of kinds one each.
    first: usize,
}

/// Coefficients of a surface: those expected, or others that the results leave possible.
#[derive(Clone, Debug)]
pub(crate) struct Coefficients(DVector<f64>);

impl<'a> Surface<'a> {
    /// Fits results; the origin's must be among them. `None` if they are too few, or do not differ.
    pub(crate) fn fit(space: &'a Space, origin: &'a Parameters, results: &[Told<'_>]) -> Option<Self> {
        let level = results.iter().find(|told| told.parameters == origin)?.value;
        let mut terms = Vec::new();
        let mut count = 1;
        for dimension in space.dimensions() {
            terms.push(Term { dimension, origin: origin.get(&dimension.name)?, first: count });
            count += match &dimension.axis {
                Axis::Number(_) => 2,
                Axis::Kinds(kinds) => kinds.len(),
            };
        }
        let spread = spread(results, level)?;
        if results.len() < FEWEST || count > MOST_COEFFICIENTS {
            return None;
        }
        let mut precision = DMatrix::zeros(count, count);
        let mut pull = DVector::zeros(count);
        let mut believe = |index: usize, belief: Belief| {
            let weight = (belief.deviation * spread).powi(-2);
            precision[(index, index)] = weight;
            pull[index] = weight * belief.mean * spread;
        };
        believe(0, LEVEL);
        for term in &terms {
            match &term.dimension.axis {
                Axis::Number(_) => {
                    believe(term.first, SLOPE);
                    believe(term.first + 1, CURVATURE);
                }
                Axis::Kinds(kinds) => (0..kinds.len()).for_each(|kind| believe(term.first + kind, KIND)),
            }
        }
        for told in results {
            let mut features = vec![(0, 1.0)];
            let mut distance = 0.0;
            for term in &terms {
                let (own, apart) = term.features(told.parameters.get(&term.dimension.name)?)?;
                features.extend(own.into_iter().filter(|(_, feature)| *feature != 0.0));
                distance += apart;
            }
            let guess = if told.is_guess { GUESS } else { 0.0 };
            let weight = (spread * (NOISE.0 + NOISE.1 * distance + guess)).powi(-2);
            for (row, one) in &features {
                pull[*row] += weight * one * (told.value - level);
                for (column, other) in &features {
                    precision[(*row, *column)] += weight * one * other;
                }
            }
        }
        let precision = Cholesky::new(precision)?;
        let coefficients = precision.solve(&pull);
        let finite = coefficients.iter().all(|coefficient| coefficient.is_finite());
        finite.then_some(Self { terms, level, coefficients, precision })
    }

    /// The value expected at a place; `None` if it is not one of the space.
    pub(crate) fn expected(&self, parameters: &Parameters) -> Option<f64> {
        let changes = self.terms.iter().map(|term| {
            let value = parameters.get(&term.dimension.name)?;
            term.change(&self.coefficients, value)
        });
        Some(self.level + self.coefficients[0] + changes.sum::<Option<f64>>()?)
    }

    /// How one parameter alone is expected to change the value.
    pub(crate) fn expected_change(&self, name: &str, value: &ParameterValue) -> Option<f64> {
        self.term(name)?.change(&self.coefficients, value)
    }

    /// Coefficients drawn from what the results leave possible, `width` times as far from the expected ones as they may well be.
    pub(crate) fn draw(&self, width: f64, random: &mut fastrand::Rng) -> Option<Coefficients> {
        let deviates = DVector::from_fn(self.coefficients.len(), |_, _| width * normal(random));
        let off = self.precision.l().tr_solve_lower_triangular(&deviates)?;
        Some(Coefficients(&self.coefficients + off))
    }

    /// How one parameter alone changes the value, by coefficients that were drawn.
    pub(crate) fn change(&self, drawn: &Coefficients, name: &str, value: &ParameterValue) -> Option<f64> {
        self.term(name)?.change(&drawn.0, value)
    }

    fn term(&self, name: &str) -> Option<&Term<'a>> {
        self.terms.iter().find(|term| term.dimension.name == name)
    }
}

impl Term<'_> {
    /// What its coefficients are multiplied with, and the squared distance from the origin; `None` for a value of another kind.
    fn features(&self, value: &ParameterValue) -> Option<([(usize, f64); 2], f64)> {
        match &self.dimension.axis {
            Axis::Number(scale) => {
                let off = scale.unit(value)? - scale.unit(self.origin)?;
                Some(([(self.first, off), (self.first + 1, off * off)], off * off))
            }
            Axis::Kinds(kinds) => {
                let kind = kinds.iter().position(|kind| kind == value)?;
                let differs = if value == self.origin { 0.0 } else { 1.0 };
                Some(([(self.first + kind, differs), (self.first + kind, 0.0)], KINDS_APART * differs))
            }
        }
    }

    fn change(&self, coefficients: &DVector<f64>, value: &ParameterValue) -> Option<f64> {
        let (features, _) = self.features(value)?;
        Some(features.iter().map(|(index, feature)| coefficients[*index] * feature).sum())
    }
}

/// The median difference from the origin's value; `None` where all results are equal.
fn spread(results: &[Told<'_>], level: f64) -> Option<f64> {
    let measured = results.iter().filter(|told| !told.is_guess);
    let mut apart: Vec<f64> = measured.map(|told| (told.value - level).abs()).collect();
    apart.retain(|apart| *apart > 0.0 && apart.is_finite());
    apart.sort_by(f64::total_cmp);
    apart.get(apart.len() / 2).copied()
}

/// A normal deviate, by Box and Muller.
pub(crate) fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

#[cfg(test)]
mod tests;
