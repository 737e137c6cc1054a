//! What the loop is told.

use crate::Error;
use aiv1_model::api::ClipEntry;
use aiv1_model::{Arm, Settings};

/// What the loop is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Seed of every draw: the same catalog and the same seed give the same proposals.
    pub seed: u64,
    /// GOP, quality indices, anchors, limits of every experiment.
    pub settings: Settings,
    /// Clips of this set are measured, all of them.
    pub clip_set: String,
    /// The anchor that is to be beaten; without one [`crate::USUAL_REFERENCE`], or the first there is.
    pub reference: Option<String>,
    /// Experiments kept waiting, so that no worker does.
    pub ahead: u64,
    /// Proposals of the search for every `random_share` of the control arm.
    pub search_share: u32,
    /// Proposals of the control arm.
    pub random_share: u32,
    /// Proposals of the language model, where one is configured.
    pub llm_share: u32,
    /// When to stop.
    pub budget: Budget,
}

/// Bounds on the number of experiments that the loop submits; absent: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// By one [`crate::Orchestrator`]; used up, it stops.
    pub per_run: Option<u64>,
    /// On one day (UTC), whoever was running; used up, it waits for the next.
    pub per_day: Option<u64>,
}

impl Config {
    /// Three proposals of the search for one of the control arm, two experiments ahead, no bounds.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            seed: 1,
            settings,
            clip_set: ClipEntry::OPEN.to_owned(),
            reference: None,
            ahead: 2,
            search_share: 3,
            random_share: 1,
            llm_share: 0,
            budget: Budget::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let shares @ [search, random, llm] = [self.search_share, self.random_share, self.llm_share];
        let sum = shares.into_iter().try_fold(0_u32, u32::checked_add);
        let sum = sum.filter(|sum| (1..=1000).contains(sum));
        sum.map(drop).ok_or(Error::Shares { search, random, llm })
    }

    /// Whose turn it is: turns are dealt out evenly, first those of the control arm, then of the rest the model's.
    pub(crate) fn turn(&self, iteration: u64) -> Arm {
        let shares = [self.search_share, self.random_share, self.llm_share].map(u64::from);
        let [search, random, llm] = shares;
        let turn = iteration % shares.iter().sum::<u64>().max(1);
        if is_dealt(turn, random, search + random + llm) {
            return Arm::Random;
        }
        let others = turn - turn * random / (search + random + llm);
        if is_dealt(others % (search + llm), llm, search + llm) { Arm::Llm } else { Arm::Search }
    }
}

/// Whether of `sum` turns this one is among the `share` that are dealt out evenly.
const fn is_dealt(turn: u64, share: u64, sum: u64) -> bool {
    (turn + 1) * share / sum > turn * share / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_dealt_out_evenly_by_the_shares() {
        let settings = Settings {
            gop_frames: 1,
            quality_indices: vec![],
            anchors: vec![],
            limits: aiv1_model::Limits::default(),
        };
        let turns = |search_share, random_share, llm_share| {
            let config = Config { search_share, random_share, llm_share, ..Config::new(settings.clone()) };
            config.check().unwrap();
            let letter = |iteration| match config.turn(iteration) {
                Arm::Random => 'r',
                Arm::Llm => 'l',
                _ => 's',
            };
            (0..8).map(letter).collect::<String>()
        };
        assert_eq!(turns(3, 1, 0), "sssrsssr");
        assert_eq!(turns(1, 1, 0), "srsrsrsr");
        assert_eq!(turns(1, 0, 0), "ssssssss");
        assert_eq!(turns(0, 2, 0), "rrrrrrrr");
        assert_eq!(turns(2, 1, 1), "sslrsslr");
        assert_eq!(turns(0, 0, 1), "llllllll");
        assert_eq!(turns(1, 0, 3), "slllslll");
        let none = Config { search_share: 0, random_share: 0, ..Config::new(settings.clone()) };
        assert!(none.check().unwrap_err().to_string().contains("0, 0 and 0"));
    }
}
