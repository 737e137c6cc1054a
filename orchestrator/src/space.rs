//! The space of one codec's configurations: every declared parameter as a grid that a search can walk and a person can
//! type.
//!
//! Numbers are rounded to about a thousandth of their range. Numbers whose range spans a factor of eight or more without
//! touching zero are modelled by their logarithm: from 0.3 to 0.6 is as far as from 1.5 to 3.

use aiv1_model::{Declaration, ParameterKind, ParameterValue, Parameters};

/// Places that a stretch of a range is divided into when all of it is looked at.
const PLACES: i32 = 16;

/// All configurations of one codec.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    dimensions: Vec<Dimension>,
}

/// One declared parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dimension {
    pub(crate) name: String,
    pub(crate) default: ParameterValue,
    pub(crate) axis: Axis,
}

/// The values a parameter may take.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Axis {
    /// Numbers, in order.
    Number(Scale),
    /// Values without an order: flags and choices.
    Kinds(Vec<ParameterValue>),
}

/// A way to move one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Move {
    /// Of numbers.
    scale: Option<Scale>,
    from: ParameterValue,
    /// Where to.
    pub(crate) to: ParameterValue,
}

/// A range of numbers, and how it maps onto 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    min: f64,
    max: f64,
    logarithmic: bool,
    /// Digits kept after the point; `None`: as it comes, the range is too small or too large to round.
    decimals: Option<usize>,
    whole: bool,
}

/// A range at least this many times as large at its end as at its beginning is walked by its logarithm.
const LOGARITHMIC_FROM: f64 = 8.0;

/// Steps that a range of numbers is at least divided into.
const STEPS: f64 = 1000.0;

/// Most digits kept after the point.
const MAX_DECIMALS: usize = 12;

impl Space {
    /// The space that a declaration spans; the declaration has been checked.
    #[must_use]
    pub fn of(declaration: &Declaration) -> Self {
        let dimensions = declaration.parameters.iter().map(|parameter| Dimension {
            name: parameter.name.clone(),
            default: parameter.kind.default_value(),
            axis: Axis::of(&parameter.kind),
        });
        Self { dimensions: dimensions.collect() }
    }

    pub(crate) fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// Every parameter at its default.
    #[must_use]
    pub fn defaults(&self) -> Parameters {
        self.dimensions.iter().map(|dimension| (dimension.name.clone(), dimension.default.clone())).collect()
    }

    /// How many configurations there are, if that is at most `most`.
    #[must_use]
    pub fn count(&self, most: u64) -> Option<u64> {
        let counts = self.dimensions.iter().map(|dimension| dimension.axis.count());
        let product = counts.into_iter().try_fold(1_u64, u64::checked_mul)?;
        (product <= most).then_some(product)
    }

    /// The configuration with this number, of as many as [`Space::count`] says; numbers past them begin anew.
    #[must_use]
    pub fn nth(&self, mut index: u64) -> Parameters {
        let mut parameters = Parameters::new();
        for dimension in &self.dimensions {
            let count = dimension.axis.count().max(1);
            parameters.insert(dimension.name.clone(), dimension.axis.nth(index % count));
            index /= count;
        }
        parameters
    }

    /// A configuration drawn uniformly from the declared ranges.
    pub(crate) fn uniform(&self, random: &mut fastrand::Rng) -> Parameters {
        let draw = |dimension: &Dimension| (dimension.name.clone(), dimension.axis.uniform(random));
        self.dimensions.iter().map(draw).collect()
    }

    /// Whether every parameter has a value of this space's kind: what was asked under the same declaration has.
    pub(crate) fn holds(&self, parameters: &Parameters) -> bool {
        let fits = |dimension: &Dimension| match (&dimension.axis, parameters.get(&dimension.name)) {
            (Axis::Number(scale), Some(value)) => scale.unit(value).is_some(),
            (Axis::Kinds(kinds), Some(value)) => kinds.contains(value),
            (_, None) => false,
        };
        parameters.len() == self.dimensions.len() && self.dimensions.iter().all(fits)
    }
}

impl Axis {
    fn of(kind: &ParameterKind) -> Self {
        match kind {
            ParameterKind::Int { min, max, .. } => Self::Number(Scale::whole(*min, *max)),
            ParameterKind::Float { min, max, .. } => Self::Number(Scale::fractional(*min, *max)),
            ParameterKind::Flag { .. } => Self::Kinds([false, true].map(ParameterValue::Flag).to_vec()),
            ParameterKind::Choice { options, .. } => {
                Self::Kinds(options.iter().cloned().map(ParameterValue::Choice).collect())
            }
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Number(scale) => scale.count(),
            Self::Kinds(kinds) => kinds.len() as u64,
        }
    }

    fn nth(&self, index: u64) -> ParameterValue {
        match self {
            Self::Number(scale) => scale.value(scale.min + index as f64 * scale.step()),
            Self::Kinds(kinds) => {
                kinds.get(index as usize).cloned().unwrap_or_else(|| ParameterValue::Choice(String::new()))
            }
        }
    }

    /// The ways in which a parameter can be moved from where it is: a number down and up by a share of its range, but
    /// by one value at least; a kind to every other.
    pub(crate) fn ways(&self, from: &ParameterValue, share: f64) -> Vec<Move> {
        match self {
            Self::Number(scale) => {
                let Some(unit) = scale.unit(from) else { return Vec::new() };
                let way = |up: bool| {
                    let far = scale.at(if up { unit + share } else { unit - share });
                    let to = if far == *from { scale.beside(from, up)? } else { far };
                    Some(Move { scale: Some(scale.clone()), from: from.clone(), to })
                };
                [false, true].into_iter().filter_map(way).collect()
            }
            Self::Kinds(kinds) => {
                let others = kinds.iter().filter(|kind| *kind != from).cloned();
                others.map(|to| Move { scale: None, from: from.clone(), to }).collect()
            }
        }
    }

    /// Values around one: numbers within a share of the range, and those beside it; every kind.
    pub(crate) fn near(&self, value: &ParameterValue, share: f64) -> Vec<ParameterValue> {
        match self {
            Self::Number(scale) => {
                let Some(unit) = scale.unit(value) else { return Vec::new() };
                let place = |place: i32| scale.at(unit + share * f64::from(place) / f64::from(PLACES));
                let beside = [false, true].into_iter().filter_map(|up| scale.beside(value, up));
                (-PLACES..=PLACES).map(place).chain(beside).collect()
            }
            Self::Kinds(kinds) => kinds.clone(),
        }
    }

    /// Drawn uniformly from the declared range, whatever scale it is modelled on.
    pub(crate) fn uniform(&self, random: &mut fastrand::Rng) -> ParameterValue {
        match self {
            Self::Number(scale) if scale.whole => {
                let (min, max) = (scale.min as i64, scale.max as i64);
                scale.value(random.i64(min..=max) as f64)
            }
            Self::Number(scale) => {
                let at = random.f64();
                // Not min + (max - min) · at: the difference of the ends may be past what a number holds.
                scale.value(scale.min * (1.0 - at) + scale.max * at)
            }
            Self::Kinds(kinds) => self.nth(random.u64(0..(kinds.len() as u64).max(1))),
        }
    }
}

impl Move {
    /// Whether a value that was tried lies this way.
    pub(crate) fn covers(&self, tried: &ParameterValue) -> bool {
        let Some(scale) = &self.scale else { return *tried == self.to };
        match (scale.unit(&self.from), scale.unit(&self.to), scale.unit(tried)) {
            (Some(from), Some(to), Some(tried)) => (tried - from) * (to - from) > 0.0,
            _ => false,
        }
    }
}

impl Scale {
    fn whole(min: i32, max: i32) -> Self {
        let (min, max) = (f64::from(min), f64::from(max));
        Self { min, max, logarithmic: is_logarithmic(min, max), decimals: Some(0), whole: true }
    }

    fn fractional(min: f64, max: f64) -> Self {
        let digits = -((max - min) / STEPS).log10();
        let decimals = digits.is_finite().then(|| digits.ceil().max(0.0) as usize);
        let decimals =
            decimals.filter(|decimals| *decimals <= MAX_DECIMALS && max.abs().max(min.abs()) < 1e15);
        Self { min, max, logarithmic: is_logarithmic(min, max), decimals, whole: false }
    }

    fn step(&self) -> f64 {
        match self.decimals {
            Some(decimals) => 10_f64.powi(-(decimals as i32)),
            None => 0.0,
        }
    }

    fn count(&self) -> u64 {
        match self.decimals {
            _ if self.min >= self.max => 1,
            Some(_) => ((self.max - self.min) / self.step() + 1e-6) as u64 + 1,
            None => u64::MAX,
        }
    }

    /// A number as a value of this range: rounded, and within its ends.
    fn value(&self, number: f64) -> ParameterValue {
        let number = number.clamp(self.min, self.max);
        if self.whole {
            return ParameterValue::Int(number.round() as i32);
        }
        // Through text, so that 0.3 is written 0.3 and not 0.30000000000000004.
        let rounded = self.decimals.and_then(|decimals| format!("{number:.decimals$}").parse().ok());
        // Adding zero turns -0 into 0, which would otherwise be two questions.
        ParameterValue::Float(rounded.unwrap_or(number).clamp(self.min, self.max) + 0.0)
    }

    /// Where a value lies, 0 to 1; `None` for a value of another kind or outside the range.
    pub(crate) fn unit(&self, value: &ParameterValue) -> Option<f64> {
        let number = match value {
            ParameterValue::Int(number) if self.whole => f64::from(*number),
            ParameterValue::Float(number) if !self.whole => *number,
            _ => return None,
        };
        if !(self.min..=self.max).contains(&number) {
            return None;
        }
        let (low, high) = (self.inner(self.min), self.inner(self.max));
        let unit = (self.inner(number) / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        Some(if unit.is_finite() { unit.clamp(0.0, 1.0) } else { 0.5 })
    }

    /// The value that lies at a place from 0 to 1.
    pub(crate) fn at(&self, unit: f64) -> ParameterValue {
        let unit = unit.clamp(0.0, 1.0);
        let inner = self.inner(self.min) * (1.0 - unit) + self.inner(self.max) * unit;
        self.value(if self.logarithmic { inner.exp() } else { inner })
    }

    /// The next value up or down; `None` at the end of the range.
    fn beside(&self, value: &ParameterValue, up: bool) -> Option<ParameterValue> {
        let number = match value {
            ParameterValue::Int(number) => f64::from(*number),
            ParameterValue::Float(number) => *number,
            ParameterValue::Flag(_) | ParameterValue::Choice(_) => return None,
        };
        let beside = self.value(if up { number + self.step() } else { number - self.step() });
        (beside != *value).then_some(beside)
    }

    fn inner(&self, number: f64) -> f64 {
        if self.logarithmic { number.ln() } else { number }
    }
}

fn is_logarithmic(min: f64, max: f64) -> bool {
    min > 0.0 && max / min >= LOGARITHMIC_FROM
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn declaration(parameters: &str) -> Declaration {
        let text = format!(r#"{{"abi":1,"about":"a test","parameters":[{parameters}]}}"#);
        let declaration: Declaration = serde_json::from_str(&text).unwrap();
        declaration.check().unwrap();
        declaration
    }

    const LAMBDA: &str = r#"{"name":"lambda","help":"h","type":"float","min":0.3,"max":3.0,"default":1.0}"#;
    const RADIUS: &str = r#"{"name":"radius","help":"h","type":"int","min":-2,"max":2,"default":1}"#;
    const FILTER: &str = r#"{"name":"filter","help":"h","type":"flag","default":true}"#;
    const KIND: &str = r#"{"name":"kind","help":"h","type":"choice","options":["dct","dst"],"default":1}"#;

    #[test]
    fn a_finite_space_is_counted_and_every_configuration_has_one_number() {
        let declaration = declaration(&[RADIUS, FILTER, KIND].join(","));
        let space = Space::of(&declaration);
        assert_eq!(space.count(1000), Some(20));
        assert_eq!(space.count(19), None);
        let all: BTreeSet<String> = (0..20).map(|index| format!("{:?}", space.nth(index))).collect();
        assert_eq!(all.len(), 20);
        assert!(
            (0..20).all(|index| declaration
                .resolve(&space.nth(index))
                .is_ok_and(|full| full == space.nth(index)))
        );
    }

    #[test]
    fn values_are_rounded_to_what_a_person_would_type_and_stay_in_range() {
        let declaration = declaration(&[LAMBDA, RADIUS, FILTER, KIND].join(","));
        let space = Space::of(&declaration);
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let drawn = space.uniform(&mut random);
            assert_eq!(declaration.resolve(&drawn).unwrap(), drawn);
            assert!(space.holds(&drawn));
            assert!(drawn["lambda"].to_string().len() <= 5, "{}", drawn["lambda"]);
        }
    }

    #[test]
    fn a_place_on_the_scale_and_its_value_lead_to_each_other() {
        let Axis::Number(scale) = Axis::of(&ParameterKind::Float { min: 0.3, max: 3.0, default: 1.0 }) else {
            panic!("a float is a number")
        };
        assert!(scale.logarithmic);
        assert_eq!(scale.at(0.0), ParameterValue::Float(0.3));
        assert_eq!(scale.at(1.0), ParameterValue::Float(3.0));
        assert_eq!(scale.at(0.5), ParameterValue::Float(0.949));
        assert!((scale.unit(&ParameterValue::Float(0.949)).unwrap() - 0.5).abs() < 1e-3);
        assert_eq!(scale.unit(&ParameterValue::Float(3.1)), None);
        assert_eq!(scale.unit(&ParameterValue::Flag(true)), None);
    }

    #[test]
    fn ranges_at_the_ends_of_what_a_number_holds_do_not_overflow() {
        for (min, max) in
            [(-f64::MAX, f64::MAX), (1.0, 1.0), (0.0, f64::MIN_POSITIVE), (1e-300, 1e300), (1e15, 1e16)]
        {
            let Axis::Number(scale) = Axis::of(&ParameterKind::Float { min, max, default: min }) else {
                continue;
            };
            let mut random = fastrand::Rng::with_seed(2);
            for _ in 0..50 {
                for value in [Axis::Number(scale.clone()).uniform(&mut random), scale.at(random.f64())] {
                    let unit =
                        scale.unit(&value).unwrap_or_else(|| panic!("{value} is not in {min}..={max}"));
                    assert!((0.0..=1.0).contains(&unit));
                }
            }
        }
        let widest = Scale::whole(i32::MIN, i32::MAX);
        assert_eq!(
            (widest.at(0.0), widest.at(1.0)),
            (ParameterValue::Int(i32::MIN), ParameterValue::Int(i32::MAX))
        );
        assert_eq!(widest.count(), 1 << 32);
    }
}
