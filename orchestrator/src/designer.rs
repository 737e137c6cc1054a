//! [`Designer`]: who proposes the next configuration. The arms that need no model are here.

use crate::{History, Question, words};
use aiv1_model::{Arm, Parameters, Prediction};
use std::fmt::Debug;

/// What a designer is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What is held fixed.
    pub question: &'a Question,
    /// What was asked before.
    pub history: &'a History,
    /// Seed of the whole loop.
    pub seed: u64,
    /// Which proposal this is, counted over the life of the catalog.
    pub iteration: u64,
    /// How often this proposal was refused because it had been asked before.
    pub attempt: u32,
}

impl Ask<'_> {
    /// Random numbers for one purpose of this proposal: the same whenever the same is asked.
    #[must_use]
    pub fn random(&self, purpose: u64) -> fastrand::Rng {
        let parts = [self.iteration, u64::from(self.attempt), purpose];
        fastrand::Rng::with_seed(parts.into_iter().fold(self.seed, mix))
    }
}

/// One step of `SplitMix64` over a running value: neighbouring iterations get unrelated streams.
pub(crate) fn mix(value: u64, next: u64) -> u64 {
    let mut mixed = (value ^ next.rotate_left(32)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What a designer proposes: every parameter with its value, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Every declared parameter, so that a default given and a default left out are one question.
    pub parameters: Parameters,
    /// What is tried and why, in plain words; at most [`aiv1_model::Origin::MAX_RATIONALE_BYTES`].
    pub rationale: String,
    /// What is expected of it, if anything.
    pub prediction: Option<Prediction>,
}

/// Proposes configurations. A proposal depends on nothing but what is asked, so that a loop that was stopped goes on as
/// if it had not been.
pub trait Designer: Debug + Send + Sync {
    /// Under which arm its proposals are counted.
    fn arm(&self) -> Arm;

    /// The next configuration; `None` if it has no more.
    fn propose(&self, ask: &Ask<'_>) -> Option<Proposal>;
}

/// Every starting codec as its author left it, once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start;

impl Designer for Start {
    fn arm(&self) -> Arm {
        Arm::Start
    }

    fn propose(&self, ask: &Ask<'_>) -> Option<Proposal> {
        let parameters = ask.question.space.defaults();
        let new = ask.attempt == 0 && !ask.history.contains(&ask.question.id(&parameters));
        new.then(|| Proposal { parameters, rationale: words::start(ask), prediction: None })
    }
}

/// The control arm: uniform over the declared ranges, blind to every result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Designer for Random {
    fn arm(&self) -> Arm {
        Arm::Random
    }

    fn propose(&self, ask: &Ask<'_>) -> Option<Proposal> {
        let parameters = ask.question.space.uniform(&mut ask.random(0));
        Some(Proposal { rationale: words::random(ask, &parameters), parameters, prediction: None })
    }
}
