//! What the loop is told.

use crate::Error;
use aiv1_model::Settings;
use aiv1_model::api::ClipEntry;

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
            budget: Budget::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let (search, random) = (self.search_share, self.random_share);
        let sum = search.checked_add(random).filter(|sum| (1..=1000).contains(sum));
        sum.map(drop).ok_or(Error::Shares { search, random })
    }

    /// Whether the control arm has this turn: turns are dealt out evenly.
    pub(crate) fn is_random(&self, iteration: u64) -> bool {
        let (random, sum) = (u64::from(self.random_share), u64::from(self.search_share + self.random_share));
        let turn = iteration % sum;
        (turn + 1) * random / sum > turn * random / sum
    }
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
        let turns = |search_share, random_share| {
            let config = Config { search_share, random_share, ..Config::new(settings.clone()) };
            config.check().unwrap();
            (0..8).map(|iteration| u8::from(config.is_random(iteration))).collect::<Vec<_>>()
        };
        assert_eq!(turns(3, 1), [0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(turns(1, 1), [0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(turns(1, 0), [0; 8]);
        assert_eq!(turns(0, 2), [1; 8]);
        let none = Config { search_share: 0, random_share: 0, ..Config::new(settings.clone()) };
        assert!(none.check().unwrap_err().to_string().contains("0 and 0"));
    }
}
