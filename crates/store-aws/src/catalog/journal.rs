//! The journal, and what is written into it: what is done to experiments, and what happens to the lab.
//!
//! A line lies under its number, which is counted in the transaction that does what the line says. All who write meet at
//! that count: whoever was second reads again. So no line is lost, none is written twice, and a note's effect is that of
//! the state it was decided upon.

use super::DynamoCatalog;
use super::ended::{self, BEST};
use super::entries::{Change, Stored, released};
use super::lab;
use crate::table::item::{number, text, write_document};
use crate::table::{
    Condition, DOCUMENT, Edit, Item, Key, MARK, REVISION, Stretch, Transaction, Turns, key, token,
};
use aiv1_model::{Action, Arm, Experiment, ExperimentId, Note};
use aiv1_store::{Error, JournalPage, Line, LoopState, Milestone};

const LINES: &str = "lines";

impl DynamoCatalog {
    pub(super) async fn act_on(
        &self,
        id: &ExperimentId,
        by: &str,
        action: &Action,
    ) -> Result<Experiment, Error> {
        let mut turns = Turns::new("do something to an experiment");
        loop {
            let before = self.stored(turns.action(), id).await?;
            let mut after = before.clone();
            let line = after.entry.act(by, action, self.clock.now())?;
            after.follow_lease(&before);
            let mut extra = Transaction::default();
            if after.entry.has_fallen_since(&before.entry) {
                self.unrank(turns.action(), &mut extra, &after.entry.experiment).await?;
            }
            if after.entry.is_purged() {
                extra.delete_all(after.record.take().iter().flat_map(|record| record.keys(id)));
            }
            let lines = self.table.get(turns.action(), &Key::journal()).await?;
            let mut change = Change::of(Some(&before), &after, Edit::default())?;
            change.transaction.append(extra);
            write(&mut change.transaction, lines.as_ref(), line, &change.token)?;
            if let Some(worker) = let_go(&before, &after) {
                change.transaction.update(Key::worker(worker), released());
            }
            if self.make(turns.action(), change).await? {
                return Ok(after.entry.experiment);
            }
            turns.next().await?;
        }
    }

    /// The best of its arm is the best of the rest, and its milestones are marked.
    async fn unrank(
        &self,
        action: &'static str,
        transaction: &mut Transaction,
        fallen: &Experiment,
    ) -> Result<(), Error> {
        let arm = fallen.origin.arm;
        // First the arm's mark, which changes with each that comes to its list: what comes later is met at the mark.
        let known = self.table.get(action, &Key::arm(arm)).await?;
        let mark = known.as_ref().map(|item| item.find_text(MARK)).transpose()?.flatten();
        let list = key::list(key::Base::Best, None, None, Some(arm));
        // The two best: one of them may be this one.
        let best = self.table.query(action, Stretch::whole(&list, 2)).await?;
        let mut rest = None;
        for place in &best {
            if place.get_text("id")? != fallen.id.as_str() {
                rest = Some(key::value(place.key()?.sort));
                break;
            }
        }
        let edit = Edit::default().only_if(MARK, mark.map(text)).set(MARK, text(token()));
        transaction.update(Key::arm(arm), edit.set_or_remove(BEST, rest.map(ended::exact)));
        let milestones = self.table.query(action, Stretch::whole(key::MILESTONES, usize::MAX)).await?;
        for item in milestones {
            let milestone: Milestone = item.document(ended::MILESTONE)?;
            if milestone.experiment == fallen.id && !milestone.retracted {
                let marked = write_document("a milestone", &Milestone { retracted: true, ..milestone })?;
                transaction.put(item.text(ended::MILESTONE, marked));
            }
        }
        Ok(())
    }

    pub(super) async fn note_of_lab(&self, by: &str, note: &Note) -> Result<LoopState, Error> {
        let mut turns = Turns::new("note what happened to the lab");
        loop {
            let now = self.clock.now();
            let items = self.table.query(turns.action(), Stretch::whole(key::STATE, usize::MAX)).await?;
            let mut state = lab::loop_state(&items)?;
            if !state.note(note, now) {
                return Ok(state);
            }
            let (token, mut transaction) = (token(), Transaction::default());
            match note {
                Note::Paused | Note::Resumed | Note::Stopped => transaction.put(lab::course(&state)),
                Note::ModelCalled { .. } => {
                    let spent = Edit::default().set(ended::SPENT, number(state.spent_microdollars));
                    transaction.update(Key::arm(Arm::Llm), spent);
                }
            }
            transaction.update(Key::revision(), Edit::default().add(REVISION, 1));
            let line = Line::of_note(by, note, now);
            let line = write(&mut transaction, lab::at(&items, &Key::journal()), line, &token)?;
            if self.table.commit_marked(turns.action(), &token, transaction, &line).await? {
                return Ok(state);
            }
            turns.next().await?;
        }
    }

    pub(super) async fn page_of_journal(
        &self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<JournalPage, Error> {
        let (before, limit) = JournalPage::asked(cursor, limit)?;
        let Some(last) = before.checked_sub(1) else { return Ok(JournalPage::of(Vec::new(), limit)) };
        let stretch = Stretch::until(key::JOURNAL, u128::from(last), limit + 1).backwards();
        let found = self.table.query("read the journal", stretch).await?;
        let entries = found.iter().map(|item| item.document(DOCUMENT)).collect::<Result<_, _>>()?;
        Ok(JournalPage::of(entries, limit))
    }
}

/// Writes the next line, if `lines` still counts those that there are; where it lies.
fn write(transaction: &mut Transaction, lines: Option<&Item>, line: Line, token: &str) -> Result<Key, Error> {
    let known: Option<u64> = lines.map(|item| item.get_number(LINES)).transpose()?;
    let line = line.numbered(known.unwrap_or(0).saturating_add(1));
    let count = Edit::default().only_if(LINES, known.map(number)).set(LINES, number(line.number));
    transaction.update(Key::journal(), count);
    let place = Key::new(key::JOURNAL, u128::from(line.number));
    let document = write_document("a line of the journal", &line)?;
    transaction.put_if(Item::new(&place).text(DOCUMENT, document).text(MARK, token), Condition::Absent);
    Ok(place)
}

/// The worker that no longer holds the experiment.
fn let_go<'a>(before: &'a Stored, after: &Stored) -> Option<&'a str> {
    let work = before.entry.experiment.work.as_ref().filter(|_| after.entry.experiment.work.is_none());
    work.map(|work| work.worker.as_str())
}
