//! Hard bounds on what a model may cost, held before it is asked.

/// Bounds in millionths of a US dollar; absent: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// On one experiment: all tries at one proposal.
    pub per_experiment: Option<u64>,
    /// On one day (UTC), whoever was asked for what.
    pub per_day: Option<u64>,
}

/// What was spent so far, in millionths of a US dollar: [`Charge::counted`](super::Charge::counted) summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// On this experiment.
    pub experiment: u64,
    /// Today.
    pub day: u64,
}

/// A call that was not made, since it might have cost more than may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "asking the model may cost {}, and {} of the {} for one {what} are spent",
    dollars(*at_most), dollars(*spent), dollars(*budget)
)]
pub struct OverBudget {
    /// `experiment` or `day`.
    pub what: &'static str,
    /// The most that the call may cost.
    pub at_most: u64,
    /// What is spent.
    pub spent: u64,
    /// What may be.
    pub budget: u64,
}

impl Budget {
    /// Whether there is any bound.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        self.per_experiment.is_some() || self.per_day.is_some()
    }

    /// Admits a call that costs `at_most`, or says which bound it might pass.
    pub fn admits(&self, spent: Spent, at_most: u64) -> Result<(), OverBudget> {
        let bounds =
            [("experiment", self.per_experiment, spent.experiment), ("day", self.per_day, spent.day)];
        for (what, budget, spent) in bounds {
            if let Some(budget) = budget
                && spent.saturating_add(at_most) > budget
            {
                return Err(OverBudget { what, at_most, spent, budget });
            }
        }
        Ok(())
    }
}

/// An amount for people.
pub(super) fn dollars(micro: u64) -> String {
    format!("${:.4}", micro as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_admitted_as_long_as_the_most_that_it_may_cost_is_left() {
        let budget = Budget { per_experiment: Some(1_000_000), per_day: Some(5_000_000) };
        let spent = |experiment, day| Spent { experiment, day };
        assert_eq!(budget.admits(spent(0, 0), 1_000_000), Ok(()));
        let over = budget.admits(spent(600_000, 600_000), 400_001).unwrap_err();
        assert_eq!(
            over.to_string(),
            "asking the model may cost $0.4000, and $0.6000 of the $1.0000 for one experiment are spent"
        );
        assert_eq!(budget.admits(spent(0, 4_900_000), 100_001).unwrap_err().what, "day");
        assert!(budget.admits(spent(u64::MAX, u64::MAX), 1).is_err());
        assert_eq!(Budget::default().admits(spent(u64::MAX, u64::MAX), u64::MAX), Ok(()));
    }
}
