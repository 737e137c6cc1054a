//! The journal's rules, as every backend keeps them: what a line says, what a note changes, how lines are paged.

use crate::{Catalog, Error, JournalPage, LoopState, Query};
use aiv1_model::{Action, Event, ExperimentId, JournalEntry, Note};
use jiff::Timestamp;

/// A line that has no number yet: what the backend writes in the transaction that does what the line says. Its texts are
/// no longer than they may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    at: Timestamp,
    by: String,
    event: Event,
}

impl Line {
    /// What was done to an experiment, as [`bounded`] gives it.
    pub(crate) fn of_action(experiment: ExperimentId, by: String, action: Action, at: Timestamp) -> Self {
        Self { at, by, event: Event::Action { experiment, action } }
    }

    /// What happened to the lab.
    #[must_use]
    pub fn of_note(by: &str, note: &Note, at: Timestamp) -> Self {
        let mut note = note.clone();
        if let Note::ModelCalled { outcome, cost, .. } = &mut note {
            cut(outcome, Action::MAX_TEXT_BYTES);
            cut(&mut cost.model, Action::MAX_TEXT_BYTES);
        }
        Self { at, by: bounded_by(by), event: Event::Note(note) }
    }

    /// The line under its number.
    #[must_use]
    pub fn numbered(self, number: u64) -> JournalEntry {
        let Self { at, by, event } = self;
        JournalEntry { number, at, by, event }
    }
}

/// Who does what, in texts no longer than the experiment and the journal keep.
pub(crate) fn bounded(by: &str, action: &Action) -> (String, Action) {
    let mut action = action.clone();
    match &mut action {
        Action::Cancelled | Action::Rerun => {}
        Action::Flagged { reason: text }
        | Action::Resolved { note: text }
        | Action::Retracted { reason: text }
        | Action::Verified { detail: text, .. }
        | Action::Purged { reason: text } => cut(text, Action::MAX_TEXT_BYTES),
    }
    (bounded_by(by), action)
}

fn bounded_by(by: &str) -> String {
    by[..by.floor_char_boundary(JournalEntry::MAX_BY_BYTES)].to_owned()
}

/// Cuts a text at the last boundary of a character that `most` bytes reach.
pub(crate) fn cut(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}

impl LoopState {
    /// What a note changes; `false` if nothing, so that there is nothing to write down.
    pub fn note(&mut self, note: &Note, now: Timestamp) -> bool {
        match note {
            Note::Paused => !std::mem::replace(&mut self.paused, true),
            Note::Resumed => std::mem::replace(&mut self.paused, false),
            Note::Stopped => {
                self.stopped_at = Some(now);
                true
            }
            Note::ModelCalled { cost, .. } => {
                let spent = cost.microdollars.unwrap_or(0);
                self.spent_microdollars = self.spent_microdollars.saturating_add(spent);
                true
            }
        }
    }
}

impl JournalPage {
    /// Begins a cursor of this list, which is no cursor of another.
    const TAG: char = 'j';

    /// The number that the first line of the asked-for page lies below, and how many lines the page may have.
    pub fn asked(cursor: Option<&str>, limit: u32) -> Result<(u64, usize), Error> {
        let before = match cursor {
            None => i64::MAX.cast_unsigned(),
            Some(text) => read_cursor(text).ok_or_else(|| Error::Cursor(text.chars().take(80).collect()))?,
        };
        Ok((before, limit.clamp(1, Query::MAX_LIMIT) as usize))
    }

    /// A page of at most `limit` lines, of those that lie below where it begins, latest first: one more than the page has
    /// says that there is another page.
    #[must_use]
    pub fn of(mut entries: Vec<JournalEntry>, limit: usize) -> Self {
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|last| format!("{}{}", Self::TAG, last.number));
        Self { entries, next }
    }
}

/// Every line since then, latest first.
pub async fn journal_since(catalog: &dyn Catalog, since: Timestamp) -> Result<Vec<JournalEntry>, Error> {
    let (mut lines, mut cursor) = (Vec::new(), None);
    loop {
        let page = catalog.journal(cursor.as_deref(), Query::MAX_LIMIT).await?;
        let read = page.entries.len();
        let recent: Vec<JournalEntry> =
            page.entries.into_iter().take_while(|line| line.at >= since).collect();
        cursor = page.next.filter(|_| recent.len() == read);
        lines.extend(recent);
        if cursor.is_none() {
            return Ok(lines);
        }
    }
}

fn read_cursor(text: &str) -> Option<u64> {
    let number: u64 = text.strip_prefix(JournalPage::TAG)?.parse().ok()?;
    // One place, one cursor: neither a sign nor leading zeros.
    let sound = i64::try_from(number).is_ok() && format!("{}{number}", JournalPage::TAG) == text;
    sound.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::DesignCost;

    #[test]
    fn texts_are_cut_at_a_character_and_nothing_else_is_changed() {
        let (long, at) = ("ü".repeat(Action::MAX_TEXT_BYTES), Timestamp::UNIX_EPOCH);
        let (by, action) = bounded(&"é".repeat(100), &Action::Purged { reason: long.clone() });
        assert_eq!(by, "é".repeat(JournalEntry::MAX_BY_BYTES / 2));
        assert_eq!(action.text(), Some(&*"ü".repeat(Action::MAX_TEXT_BYTES / 2)));
        let short = Action::Resolved { note: "seen to".to_owned() };
        assert_eq!(bounded("operator", &short), ("operator".to_owned(), short));
        let cost = DesignCost {
            model: long.clone(),
            replies: 1,
            input_tokens: 1,
            output_tokens: 1,
            microdollars: None,
        };
        let line =
            Line::of_note("loop", &Note::ModelCalled { outcome: long, cost, at_most_microdollars: None }, at)
                .numbered(7);
        assert_eq!((line.number, line.at, line.by.as_str()), (7, at, "loop"));
        let Event::Note(Note::ModelCalled { outcome, cost, .. }) = line.event else {
            panic!("{:?}", line.event)
        };
        assert_eq!((outcome.len(), cost.model.len()), (Action::MAX_TEXT_BYTES, Action::MAX_TEXT_BYTES));
    }

    #[test]
    fn a_cursor_is_read_only_as_it_was_written() {
        assert_eq!(JournalPage::asked(Some("j42"), 10).unwrap(), (42, 10));
        assert_eq!(JournalPage::asked(None, 0).unwrap(), (i64::MAX as u64, 1));
        for wrong in ["", "j", "42", "j042", "j+42", "j-1", "l42", "j9223372036854775808", "j42 "] {
            assert!(matches!(JournalPage::asked(Some(wrong), 1), Err(Error::Cursor(_))), "{wrong}");
        }
    }
}
