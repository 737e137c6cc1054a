//! Several items of one id become one record.

use super::{LegacyArtefact, LegacyClaims, LegacyExperiment, LegacyStatus, keys};
use std::cmp::Ordering;

impl LegacyExperiment {
    /// The record that this and another of the same id make together: a function of the items alone, in whatever order
    /// and however often they come.
    ///
    /// What became of it is one item's word: of a success before a failure, and that before a run that did not end; of
    /// those, one that says why it failed, then the latest. Its figures are those of the item that has most of them, so
    /// that figures of two runs are not mixed. Of each other text the longest stays. Artefacts and notes are those of
    /// both. Of two readers the newer one's record stands, and the older one's artefacts go with it.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        match self.reader.cmp(&other.reader) {
            Ordering::Less => return other.with_artefacts(self.artefacts),
            Ordering::Greater => return self.with_artefacts(other.artefacts),
            Ordering::Equal => {}
        }
        let (one, other) = if other.outcome() > self.outcome() { (other, self) } else { (self, other) };
        let mut merged = Self {
            generation: one.generation.min(other.generation),
            iteration: one.iteration.max(other.iteration),
            claims: fuller(one.claims, other.claims),
            approach: longer(one.approach, other.approach),
            hypothesis: longer(one.hypothesis, other.hypothesis),
            reasoning: longer(one.reasoning, other.reasoning),
            improvement: longer(one.improvement, other.improvement),
            notes: one.notes.into_iter().chain(other.notes).collect(),
            ..one
        };
        merged.tidy_notes();
        merged.with_artefacts(other.artefacts)
    }

    /// The record with more artefacts, such as a listing of the bucket has.
    #[must_use]
    pub fn with_artefacts(mut self, more: impl IntoIterator<Item = LegacyArtefact>) -> Self {
        self.artefacts.extend(more);
        keys::tidy(&mut self.artefacts);
        self
    }

    /// Puts notes in order, each once, and only as many as are kept.
    pub(super) fn tidy_notes(&mut self) {
        self.notes.sort();
        self.notes.dedup();
        self.notes.truncate(Self::MAX_NOTES);
    }

    /// What is said of how it ended. Two that are equal here are the same in every field that is taken along with it.
    fn outcome(&self) -> impl Ord {
        let ended = match self.status {
            LegacyStatus::Successful => 3,
            LegacyStatus::Failed => 2,
            LegacyStatus::Stale => 1,
            LegacyStatus::Other => 0,
        };
        let texts = (self.phase.clone(), self.failure.clone(), self.status_word.clone());
        (ended, self.failure.is_some(), self.recorded_at, texts)
    }
}

/// The claims with more figures; of as many, always the same ones.
fn fuller(one: LegacyClaims, other: LegacyClaims) -> LegacyClaims {
    let rank = |claims: &LegacyClaims| (claims.count(), serde_json::to_string(claims).unwrap_or_default());
    if rank(&other) > rank(&one) { other } else { one }
}

fn longer(one: Option<String>, other: Option<String>) -> Option<String> {
    one.into_iter().chain(other).max_by(|one, other| one.len().cmp(&other.len()).then(one.cmp(other)))
}
