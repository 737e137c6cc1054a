//! An axis of amounts from nought; where it counts, only whole numbers are labelled, each once, whatever its length.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use std::ops::Range;

/// The axis.
#[derive(Clone)]
pub(crate) struct Amount {
    line: RangedCoordf64,
    end: f64,
    whole: bool,
}

impl Amount {
    /// Of things that are counted.
    pub(crate) fn counted(end: f64) -> Self {
        Self { line: (0.0..end).into(), end, whole: true }
    }

    /// Of what has fractions.
    pub(crate) fn measured(end: f64) -> Self {
        Self { line: (0.0..end).into(), end, whole: false }
    }

    /// Where it ends.
    pub(crate) const fn end(&self) -> f64 {
        self.end
    }
}

impl Ranged for Amount {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.line.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if self.whole { counts(self.end) } else { self.line.key_points(hint) }
    }

    fn range(&self) -> Range<f64> {
        self.line.range()
    }
}

/// Most labels.
const MOST: f64 = 8.0;

/// Whole numbers from nought to at most `last`, in steps of 1, 2 or 5 times a power of ten.
fn counts(last: f64) -> Vec<f64> {
    if !last.is_finite() || last < 0.0 {
        return Vec::new();
    }
    let mut step = 1.0;
    let mut factors = [2.0, 2.5, 2.0].into_iter().cycle();
    while last / step > MOST {
        step *= factors.next().unwrap_or(2.0);
    }
    (0..=(last / step) as u64).map(|index| index as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn labels_are_whole_numbers_each_once_and_never_too_many() {
        assert_eq!(counts(3.0), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(counts(42.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(counts(90.0), [0.0, 20.0, 40.0, 60.0, 80.0]);
        for last in [0.0, 1.0, 2.0, 7.0, 9.0, 999.0, 123_456.0] {
            let labels = counts(last);
            assert!(labels.len() <= 9, "{last}: {labels:?}");
            assert!(labels.iter().all(|label| label.fract() == 0.0 && *label <= last), "{last}: {labels:?}");
            assert!(labels.windows(2).all(|pair| pair[0] < pair[1]), "{last}: {labels:?}");
        }
        assert!(counts(f64::NAN).is_empty());
    }
}
