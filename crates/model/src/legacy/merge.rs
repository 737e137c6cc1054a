//! Several items of one id become one record.

use super::{LegacyArtefact, LegacyExperiment, LegacyStatus, keys};

impl LegacyExperiment {
    /// The record that this and another of the same id make together. What a newer reader read goes before what an older
    /// did, a success before a failure and that before a run that did not end, the later before the earlier, what says more before what says
    /// less. Texts it lacks are the other's; so are its claims, if it has none at all: figures of two runs are not mixed.
    ///
    /// Merging again what was merged already changes nothing.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (mut one, other) = if other.rank() > self.rank() { (other, self) } else { (self, other) };
        if one.claims.is_empty() {
            one.claims = other.claims;
        }
        one.iteration = one.iteration.or(other.iteration);
        one.phase = one.phase.or(other.phase);
        if one.status != LegacyStatus::Successful {
            one.failure = one.failure.or(other.failure);
        }
        one.approach = one.approach.or(other.approach);
        one.hypothesis = one.hypothesis.or(other.hypothesis);
        one.reasoning = one.reasoning.or(other.reasoning);
        one.improvement = one.improvement.or(other.improvement);
        one.with_artefacts(other.artefacts)
    }

    /// The record with more artefacts, such as a listing of the bucket has.
    #[must_use]
    pub fn with_artefacts(mut self, more: impl IntoIterator<Item = LegacyArtefact>) -> Self {
        self.artefacts.extend(more);
        keys::tidy(&mut self.artefacts);
        self
    }

    fn rank(&self) -> (u32, u8, jiff::Timestamp, usize) {
        let ended = match self.status {
            LegacyStatus::Successful => 3,
            LegacyStatus::Failed => 2,
            LegacyStatus::Stale => 1,
            LegacyStatus::Other => 0,
        };
        (self.reader, ended, self.recorded_at, self.said())
    }

    /// How much it says.
    fn said(&self) -> usize {
        let texts = [
            &self.phase,
            &self.failure,
            &self.approach,
            &self.hypothesis,
            &self.reasoning,
            &self.improvement,
        ];
        self.claims.count()
            + texts.iter().filter(|text| text.is_some()).count()
            + usize::from(self.iteration.is_some())
    }
}
