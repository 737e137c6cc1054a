//! What a run tells while it goes on, kept for heartbeats, pages and metrics; and how it is told to stop.

use crate::metrics::Metrics;
use aiv1_lab::{Event, Observer};
use aiv1_model::{Phase, PhaseRecord};
use aiv1_store::Clock;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// A heartbeat goes out early after each such step of a phase, so that a page sees it move.
const STEPS: u64 = 10;

/// Listens to one run.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Mutex<State>,
    moved: Notify,
    ended: UnboundedSender<PhaseRecord>,
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    phase: Option<(Phase, Timestamp)>,
    frames: Option<u64>,
    done: u64,
}

impl State {
    fn step(&self) -> u64 {
        self.frames.map_or(0, |frames| self.done.saturating_mul(STEPS) / frames.max(1))
    }
}

impl Progress {
    /// Tells `ended` of every phase that ended; the run stops once `stop` is cancelled.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        ended: UnboundedSender<PhaseRecord>,
        stop: CancellationToken,
    ) -> Self {
        Self { state: Mutex::default(), moved: Notify::new(), ended, stop, clock, metrics }
    }

    /// The phase the run is in, and how far it is, where that is known.
    pub(crate) fn now(&self) -> (Option<Phase>, Option<f64>) {
        let state = self.state();
        let far = state.frames.filter(|frames| *frames > 0);
        let far = far.map(|frames| (state.done as f64 / frames as f64).min(1.0));
        (state.phase.map(|(phase, _)| phase), far)
    }

    /// Returns once there is something new to tell.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.state();
        match event {
            Event::PhaseStarted { phase, frames } => {
                *state = State { phase: Some((*phase, self.clock.now())), frames: *frames, done: 0 };
                self.moved.notify_one();
            }
            Event::Advanced { frames } => {
                let before = state.step();
                state.done = state.done.saturating_add(*frames);
                self.metrics.frames(*frames);
                if state.step() > before {
                    self.moved.notify_one();
                }
            }
            Event::PhaseEnded { phase, outcome } => {
                let ended_at = self.clock.now();
                let started_at = state.phase.map_or(ended_at, |(_, started_at)| started_at);
                self.metrics.phase(*phase, ended_at.duration_since(started_at).as_secs_f64());
                // Nobody listens any more once the work is lost.
                let _ = self.ended.send(PhaseRecord {
                    phase: *phase,
                    started_at,
                    ended_at,
                    limit_ms: None,
                    outcome: *outcome,
                });
            }
            _ => {}
        }
    }

    fn cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::PhaseOutcome;
    use aiv1_store::ManualClock;
    use jiff::SignedDuration;
    use tokio::sync::mpsc::unbounded_channel;

    #[test]
    fn a_phase_is_told_with_its_times_and_how_far_it_is() {
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let (ended, mut told) = unbounded_channel();
        let stop = CancellationToken::new();
        let progress = Progress::new(clock.clone(), Arc::default(), ended, stop.clone());
        assert_eq!(progress.now(), (None, None));
        progress.event(&Event::PhaseStarted { phase: Phase::Validation, frames: None });
        assert_eq!(progress.now(), (Some(Phase::Validation), None));
        progress.event(&Event::PhaseStarted { phase: Phase::Execution, frames: Some(40) });
        progress.event(&Event::Advanced { frames: 10 });
        assert_eq!(progress.now(), (Some(Phase::Execution), Some(0.25)));
        progress.event(&Event::Advanced { frames: u64::MAX });
        assert_eq!(progress.now().1, Some(1.0));
        clock.advance(SignedDuration::from_secs(3));
        progress.event(&Event::PhaseEnded { phase: Phase::Execution, outcome: PhaseOutcome::Completed });
        let record = told.try_recv().unwrap();
        assert_eq!((record.started_at.as_second(), record.ended_at.as_second()), (0, 3));
        assert!(!progress.cancelled());
        stop.cancel();
        assert!(progress.cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenth_of_a_phase_is_news_and_a_frame_is_not() {
        let (ended, _told) = unbounded_channel();
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let progress = Progress::new(clock, Arc::default(), ended, CancellationToken::new());
        let news = async || {
            let moved = tokio::time::timeout(std::time::Duration::from_secs(1), progress.moved());
            moved.await.is_ok()
        };
        progress.event(&Event::PhaseStarted { phase: Phase::Execution, frames: Some(100) });
        assert!(news().await);
        progress.event(&Event::Advanced { frames: 1 });
        assert!(!news().await);
        progress.event(&Event::Advanced { frames: 9 });
        assert!(news().await);
    }
}
