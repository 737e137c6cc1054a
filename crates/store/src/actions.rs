//! What is done to an experiment from outside its course: by an operator, by a verification, by the loop.
//!
//! What was retracted stays readable, marked; what was purged is gone but for the question, which keeps its number and is
//! never asked again. Both leave every ranking.

use crate::{Entry, Error, Line, journal};
use aiv1_model::{Action, Attention, Experiment, Resolved, Retraction, Status, Verified, VerifiedOutcome};
use jiff::Timestamp;

impl Entry {
    /// Whether its result stood before and is retracted now, or what it showed was removed, whenever that was: the best of its
    /// arm is to be found anew, and its milestones are to be marked.
    #[must_use]
    pub fn has_fallen_since(&self, before: &Self) -> bool {
        let retracted = |entry: &Self| entry.experiment.retraction.is_some();
        let stood = before.experiment.status == Status::Successful && !retracted(before);
        (stood && retracted(self)) || (self.is_purged() && !before.is_purged())
    }

    /// Whether what it showed was removed for good.
    #[must_use]
    pub const fn is_purged(&self) -> bool {
        self.experiment.purged_at.is_some()
    }

    /// Does to it what an operator, a verification or the loop asks; what the journal is to say of it.
    pub fn act(&mut self, by: &str, action: &Action, now: Timestamp) -> Result<Line, Error> {
        if self.is_purged() {
            return Err(self.refused("changed any more"));
        }
        let (by, action) = journal::bounded(by, action);
        match &action {
            Action::Cancelled => self.cancel(now)?,
            Action::Rerun => self.rerun(now)?,
            Action::Flagged { reason } => {
                self.experiment.attention =
                    Some(Attention { since: now, reason: reason.clone(), resolved: None });
            }
            Action::Resolved { note } => self.resolve(&by, note, now)?,
            Action::Retracted { reason } => self.retract(&by, reason, now)?,
            Action::Verified { outcome, detail } => self.verified(&by, *outcome, detail, now)?,
            Action::Purged { .. } => self.purge(now)?,
        }
        Ok(Line::of_action(self.experiment.id.clone(), by, action, now))
    }

    fn resolve(&mut self, by: &str, note: &str, now: Timestamp) -> Result<(), Error> {
        match self.experiment.attention.as_mut().filter(|attention| attention.is_open()) {
            Some(attention) => {
                let (by, note) = (by.to_owned(), note.to_owned());
                attention.resolved = Some(Resolved { at: now, by, note });
                Ok(())
            }
            None => Err(self.refused("resolved: it waits for nobody")),
        }
    }

    fn retract(&mut self, by: &str, reason: &str, now: Timestamp) -> Result<(), Error> {
        if self.experiment.status != Status::Successful {
            return Err(self.refused("retracted: only a result can be"));
        }
        if self.experiment.retraction.is_some() {
            return Err(self.refused("retracted: it is already"));
        }
        let (by, reason) = (by.to_owned(), reason.to_owned());
        self.experiment.retraction = Some(Retraction { at: now, by, reason });
        Ok(())
    }

    fn verified(
        &mut self,
        by: &str,
        outcome: VerifiedOutcome,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.experiment.status != Status::Successful {
            return Err(self.refused("verified: only a result can be"));
        }
        let times = self.experiment.verified.as_ref().map_or(0, |verified| verified.times).saturating_add(1);
        self.experiment.verified = Some(Verified { times, at: now, by: by.to_owned(), outcome });
        if outcome == VerifiedOutcome::Differs && self.experiment.retraction.is_none() {
            let mut reason = format!("it did not come out again: {detail}");
            journal::cut(&mut reason, Action::MAX_TEXT_BYTES);
            self.retract(by, &reason, now)?;
        }
        Ok(())
    }

    /// Only what was asked is left, and that it was: neither what came of it nor what was said about it.
    fn purge(&mut self, now: Timestamp) -> Result<(), Error> {
        if self.is_under_way() {
            return Err(self.refused("purged: cancel it first"));
        }
        let experiment = &mut self.experiment;
        experiment.status = Status::Other;
        experiment.purged_at = Some(now);
        experiment.origin.rationale.clear();
        experiment.origin.prediction = None;
        experiment.phases.clear();
        experiment.failure = None;
        experiment.findings = None;
        experiment.bundle = None;
        experiment.earlier.clear();
        experiment.measured_by = None;
        experiment.attention = None;
        experiment.verified = None;
        experiment.retraction = None;
        Ok(())
    }

    /// Cancelled, if it waits or runs.
    fn cancel(&mut self, now: Timestamp) -> Result<(), Error> {
        if !self.is_under_way() {
            return Err(self.refused("cancelled"));
        }
        self.experiment.status = Status::Other;
        self.experiment.work = None;
        self.experiment.ended_at = Some(now);
        Ok(())
    }

    /// Queued again at the end, if it has ended; its bundle moves to the earlier ones.
    fn rerun(&mut self, now: Timestamp) -> Result<(), Error> {
        if self.is_under_way() {
            return Err(self.refused("run again"));
        }
        let experiment = &mut self.experiment;
        experiment.earlier.extend(experiment.bundle.take());
        let excess = experiment.earlier.len().saturating_sub(Experiment::MAX_EARLIER);
        experiment.earlier.drain(..excess);
        experiment.status = Status::Queued;
        experiment.started_at = None;
        experiment.ended_at = None;
        experiment.lost_attempts = 0;
        experiment.phases.clear();
        experiment.failure = None;
        experiment.findings = None;
        experiment.measured_by = None;
        experiment.attention = None;
        // What was found and retracted was of the bundle that is now an earlier one.
        experiment.verified = None;
        experiment.retraction = None;
        self.queued_at = now;
        Ok(())
    }
}

#[cfg(test)]
#[cfg(feature = "contract")]
mod tests {
    use super::*;
    use crate::contract::fixtures::{START, experiment, success};
    use aiv1_model::{Arm, BundleRef, Origin, Prediction};

    fn ended(headline: f64) -> Entry {
        let new = experiment(1);
        let mut entry = Entry::submitted(&new, 7, START);
        let holder = entry.claim("one", START);
        entry.end(&holder, &success(&new.submission, Some(headline)), START).unwrap();
        entry
    }

    fn verified(outcome: VerifiedOutcome, detail: &str) -> Action {
        Action::Verified { outcome, detail: detail.to_owned() }
    }

    fn retracted() -> Action {
        Action::Retracted { reason: "the clip was another".to_owned() }
    }

    fn refusal(entry: &Entry, action: &Action) -> String {
        let mut after = entry.clone();
        let said = after.act("operator", action, START).unwrap_err().to_string();
        assert_eq!(&after, entry, "what is refused changes nothing");
        said.split_once(" is ").unwrap().1.to_owned()
    }

    #[test]
    fn what_differs_is_retracted_once_and_by_whom_it_was_found() {
        let mut entry = ended(-5.0);
        let before = entry.clone();
        entry.act("two", &verified(VerifiedOutcome::Confirmed, ""), START).unwrap();
        assert!(!entry.has_fallen_since(&before));
        let long = "x".repeat(2 * Action::MAX_TEXT_BYTES);
        entry.act("three", &verified(VerifiedOutcome::Differs, &long), START).unwrap();
        assert!(entry.has_fallen_since(&before));
        entry.act("four", &verified(VerifiedOutcome::Differs, "again"), START).unwrap();
        let Experiment { verified, retraction, findings, .. } = &entry.experiment;
        let verified = verified.as_ref().unwrap();
        assert_eq!((verified.times, verified.by.as_str()), (3, "four"));
        let retraction = retraction.as_ref().unwrap();
        assert_eq!((retraction.by.as_str(), retraction.reason.len()), ("three", Action::MAX_TEXT_BYTES));
        assert!(findings.is_some(), "it stays readable");
        assert_eq!((entry.bd_rate(), entry.decode_fuel()), (None, None), "but is ranked nowhere");
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_reason() {
        let result = ended(-5.0);
        assert_eq!(refusal(&result, &Action::Cancelled), "successful: it cannot be cancelled");
        let note = Action::Resolved { note: String::new() };
        assert_eq!(refusal(&result, &note), "successful: it cannot be resolved: it waits for nobody");
        let mut fallen = result;
        fallen.act("operator", &retracted(), START).unwrap();
        assert_eq!(refusal(&fallen, &retracted()), "successful: it cannot be retracted: it is already");
        let waits = Entry::submitted(&experiment(1), 1, START);
        assert_eq!(refusal(&waits, &retracted()), "queued: it cannot be retracted: only a result can be");
        let differs = verified(VerifiedOutcome::Differs, "");
        assert_eq!(refusal(&waits, &differs), "queued: it cannot be verified: only a result can be");
        let purge = Action::Purged { reason: String::new() };
        assert_eq!(refusal(&waits, &purge), "queued: it cannot be purged: cancel it first");
    }

    #[test]
    fn what_is_purged_keeps_its_question_alone_and_for_good() {
        let mut entry = ended(-5.0);
        entry.experiment.origin = Origin {
            prediction: Some(Prediction {
                anchor: "x265-medium".to_owned(),
                bd_rate: -3.0,
                decode_fuel_per_pixel: None,
            }),
            ..Origin::new(Arm::Llm, "because")
        };
        entry.experiment.earlier.push(BundleRef::clone(entry.experiment.bundle.as_ref().unwrap()));
        entry.act("loop", &Action::Flagged { reason: "look".to_owned() }, START).unwrap();
        let before = entry.clone();
        let purge = Action::Purged { reason: "it shows a face".to_owned() };
        entry.act("operator", &purge, START).unwrap();
        assert!(entry.has_fallen_since(&before));
        let asked = Entry::submitted(&experiment(1), 7, START).experiment;
        let left = Experiment {
            status: Status::Other,
            origin: Origin::new(Arm::Llm, ""),
            started_at: Some(START),
            ended_at: Some(START),
            attempt: 1,
            purged_at: Some(START),
            ..asked
        };
        assert_eq!(entry.experiment, left);
        for action in [Action::Rerun, Action::Cancelled, retracted(), purge] {
            assert_eq!(refusal(&entry, &action), "purged: it cannot be changed any more");
        }
    }

    #[test]
    fn what_was_retracted_stands_again_once_it_is_measured_again() {
        let mut entry = ended(-5.0);
        entry.act("operator", &retracted(), START).unwrap();
        entry.act("operator", &Action::Rerun, START).unwrap();
        let before = entry.clone();
        assert_eq!((&entry.experiment.retraction, entry.experiment.earlier.len()), (&None, 1));
        let holder = entry.claim("one", START);
        let result = success(&entry.experiment.submission, Some(-4.0));
        entry.end(&holder, &result, START).unwrap();
        assert_eq!(entry.bd_rate(), Some(-4.0));
        assert!(!entry.has_fallen_since(&before));
    }
}
