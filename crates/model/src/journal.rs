//! The journal: everything that people and programs did to the lab beside asking and measuring, in order, never changed.

use crate::{DesignCost, ExperimentId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalEntry {
    /// Counts lines from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who: [`JournalEntry::OPERATOR`], the name of a worker, `loop`.
    pub by: String,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

impl JournalEntry {
    /// Who acts with a token of the scope that administers.
    pub const OPERATOR: &str = "operator";
    /// The loop, as it is in the journal.
    pub const LOOP: &str = "loop";

    /// Most bytes of who did it.
    pub const MAX_BY_BYTES: usize = 64;
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Event {
    /// To an experiment.
    Action {
        /// Which.
        experiment: ExperimentId,
        /// What.
        #[serde(flatten)]
        action: Action,
    },
    /// To the lab.
    Note(Note),
}

/// What may be done to an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Action {
    /// Taken from the queue or from its worker; its status becomes `other`.
    Cancelled,
    /// Queued again after it ended; its bundle moves to the earlier ones, its findings go.
    Rerun,
    /// It waits for a person from now on.
    Flagged {
        /// What is asked of the person.
        reason: String,
    },
    /// A person has seen to it.
    Resolved {
        /// What the person says.
        note: String,
    },
    /// Its result no longer stands.
    Retracted {
        /// Why.
        reason: String,
    },
    /// It was derived again from its bundle; what differs retracts it.
    Verified {
        /// What came of it.
        outcome: VerifiedOutcome,
        /// What differed or could not be checked, in a sentence; empty where nothing did.
        detail: String,
    },
    /// What it showed, and why it was tried, is removed for good.
    Purged {
        /// Why.
        reason: String,
    },
}

impl Action {
    /// Most bytes of a reason, a note or a detail.
    pub const MAX_TEXT_BYTES: usize = 2048;

    /// What was said beside the action.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Cancelled | Self::Rerun => None,
            Self::Flagged { reason: text }
            | Self::Resolved { note: text }
            | Self::Retracted { reason: text }
            | Self::Verified { detail: text, .. }
            | Self::Purged { reason: text } => Some(text),
        }
    }
}

/// What happened to the lab as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Note {
    /// The loop proposes nothing until it is resumed.
    Paused,
    /// The loop goes on.
    Resumed,
    /// Every loop that runs ends; what is queued is still measured.
    Stopped,
    /// A language model was asked and answered.
    ModelCalled {
        /// What came of the reply: `proposed`, or why nothing did.
        outcome: String,
        /// What it cost.
        cost: DesignCost,
        /// The most that it may have cost, in millionths of a US dollar: what budgets count where the price was not told.
        #[serde(default)]
        at_most_microdollars: Option<u64>,
    },
}

/// What came of deriving an experiment again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedOutcome {
    /// Every figure came out again.
    Confirmed,
    /// Nothing differs, but not everything could be checked.
    Incomplete,
    /// Something differs.
    Differs,
}

/// When an experiment was last derived again, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// How often so far.
    pub times: u64,
    /// When last.
    pub at: Timestamp,
    /// By which worker, or by whom.
    pub by: String,
    /// What came of it.
    pub outcome: VerifiedOutcome,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    #[test]
    fn a_line_of_each_kind_reads_back_as_it_was_written() {
        let experiment = ExperimentId::of(&Digest::of(b"question"));
        let cost = DesignCost {
            model: "some-model".to_owned(),
            replies: 1,
            input_tokens: 1_000,
            output_tokens: 50,
            microdollars: Some(3_750),
        };
        let detail = "points[0].bitrate".to_owned();
        let outcome = VerifiedOutcome::Differs;
        let events = [
            Event::Action { experiment: experiment.clone(), action: Action::Cancelled },
            Event::Action { experiment, action: Action::Verified { outcome, detail } },
            Event::Note(Note::Paused),
            Event::Note(Note::ModelCalled {
                outcome: "proposed".to_owned(),
                cost,
                at_most_microdollars: Some(9_000),
            }),
        ];
        for (number, event) in (1..).zip(events) {
            let entry = JournalEntry { number, at: Timestamp::UNIX_EPOCH, by: "operator".to_owned(), event };
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<JournalEntry>(&text).unwrap(), entry, "{text}");
        }
    }
}
