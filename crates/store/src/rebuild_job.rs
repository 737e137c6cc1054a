//! [`RebuildJob`]: the life of a rebuild, as every backend keeps it.
//!
//! ```text
//! ask ─► queued ─► begin ─► running ─► end ─► done / failed ─► ask …
//!           ▲                  │ release, lapse
//!           └──────────────────┘ (failed after MAX_LOST_REBUILDS lost ones)
//! ```
//!
//! The rules are here and nowhere else: a backend reads a job, changes it and writes it back in one transaction.

use crate::{Rebuild, RebuildState, RebuildStatus};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A rebuild that was lost so often fails: it may be the rebuild itself that kills its consumer.
pub const MAX_LOST_REBUILDS: u32 = 3;

/// Asking again for what is under way is noted, and consumers told again, at most this often: a crowd that asks costs no
/// writes, and a message that was lost costs no more than this.
const ASKED_GRAIN: SignedDuration = SignedDuration::from_secs(5);

/// Longest reason that is kept, in bytes.
const MAX_REASON_BYTES: usize = 1024;

/// A rebuild that was asked for. Every change of it says whether there was one to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildJob {
    /// Where it stands.
    pub state: RebuildState,
    /// When it was last asked for.
    pub requested_at: Timestamp,
    /// Since when it waits, or waited: a claim that was lost or given back keeps its place.
    pub queued_at: Timestamp,
    /// Counts up with every claim, and fences what claimants say.
    pub attempt: u32,
    /// Claims of this request that were lost.
    pub lost: u32,
    /// Until when it is held.
    pub lease_expires_at: Option<Timestamp>,
}

impl RebuildJob {
    /// A first request.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            state: RebuildState::Queued,
            requested_at: now,
            queued_at: now,
            attempt: 0,
            lost: 0,
            lease_expires_at: None,
        }
    }

    /// Asked for again: one that ended is queued again, one under way goes on.
    pub fn ask(&mut self, now: Timestamp) -> bool {
        if self.state.is_under_way() {
            let noted = self.requested_at.checked_add(ASKED_GRAIN).unwrap_or(Timestamp::MAX);
            let note = now >= noted;
            if note {
                self.requested_at = now;
            }
            return note;
        }
        *self = Self { attempt: self.attempt, ..Self::new(now) };
        true
    }

    /// Claimed until `lease` from now, if it waits.
    pub fn begin(&mut self, lease: SignedDuration, now: Timestamp) -> bool {
        let waits = self.state == RebuildState::Queued;
        if waits {
            self.state = RebuildState::Running;
            self.attempt = self.attempt.saturating_add(1);
            self.lease_expires_at = Some(end_of(lease, now));
        }
        waits
    }

    /// Taken from a claimant whose lease has lapsed: queued again, or failed if that was once too often.
    pub fn lapse(&mut self, now: Timestamp) -> bool {
        let lapsed =
            self.state == RebuildState::Running && self.lease_expires_at.is_none_or(|until| until <= now);
        if lapsed {
            self.lose("it never came to an end");
        }
        lapsed
    }

    /// Held for another `lease`. A lease that has lapsed can still be renewed until somebody takes the job.
    pub fn renew(&mut self, attempt: u32, lease: SignedDuration, now: Timestamp) -> bool {
        let held = self.is_held(attempt);
        if held {
            self.lease_expires_at = Some(end_of(lease, now));
        }
        held
    }

    /// Given back: queued again; `lost` says why the claim was lost, if it was.
    pub fn release(&mut self, attempt: u32, lost: Option<&str>) -> bool {
        let held = self.is_held(attempt);
        if held {
            match lost {
                Some(reason) => self.lose(reason),
                None => self.leave(RebuildState::Queued),
            }
        }
        held
    }

    /// At its end.
    pub fn end(&mut self, attempt: u32, outcome: &Result<(), String>) -> bool {
        let held = self.is_held(attempt);
        if held {
            self.leave(match outcome {
                Ok(()) => RebuildState::Done,
                Err(reason) => failed(reason),
            });
        }
        held
    }

    /// What is shown of it.
    #[must_use]
    pub fn status(&self) -> RebuildStatus {
        let Self { state, requested_at, attempt, lease_expires_at, .. } = self.clone();
        RebuildStatus { state, requested_at, attempt, lease_expires_at }
    }

    fn is_held(&self, attempt: u32) -> bool {
        self.state == RebuildState::Running && self.attempt == attempt
    }

    fn lose(&mut self, reason: &str) {
        self.lost = self.lost.saturating_add(1);
        self.leave(if self.lost >= MAX_LOST_REBUILDS {
            failed(&format!("it was begun {} times; the last time: {reason}", self.lost))
        } else {
            RebuildState::Queued
        });
    }

    fn leave(&mut self, state: RebuildState) {
        (self.state, self.lease_expires_at) = (state, None);
    }
}

/// What a queue's message says: begin this rebuild. A nudge; where the rebuild stands, the catalog knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuildMessage {
    /// Which.
    pub rebuild: Rebuild,
    /// When it had been asked for as this was said: one asked for again since is no longer this message's.
    pub requested_at: Timestamp,
}

fn failed(reason: &str) -> RebuildState {
    RebuildState::Failed { reason: reason[..reason.floor_char_boundary(MAX_REASON_BYTES)].to_owned() }
}

fn end_of(lease: SignedDuration, now: Timestamp) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}
