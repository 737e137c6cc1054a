//! What a run tells while it goes on, and how it is told to stop.

use aiv1_model::{Phase, PhaseOutcome};
use std::sync::atomic::{AtomicBool, Ordering};

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A phase begins with this much work, in [`Event::Advanced`] units.
    PhaseStarted {
        /// Which.
        phase: Phase,
        /// Frames to go through, where that is known.
        frames: Option<u64>,
    },
    /// Frames were encoded, decoded and measured, or taken from a cache.
    Advanced {
        /// How many.
        frames: u64,
    },
    /// A sentence about what is done now: a codec, a clip, an anchor.
    Working(&'a str),
    /// A phase ended.
    PhaseEnded {
        /// Which.
        phase: Phase,
        /// How.
        outcome: PhaseOutcome,
    },
}

/// Listens to a run and may stop it. Called from several threads.
pub trait Observer: Sync {
    /// Something happened.
    fn event(&self, event: &Event<'_>);

    /// Whether the run should stop; asked between groups of pictures.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Hears nothing, stops nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event<'_>) {}
}

/// Hears nothing, stops when told so; for tests and services.
#[derive(Debug, Default)]
pub struct Stoppable(AtomicBool);

impl Stoppable {
    /// Asks the run to stop.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Observer for Stoppable {
    fn event(&self, _: &Event<'_>) {}

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
