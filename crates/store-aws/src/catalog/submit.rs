//! Submissions: new experiments, and those asked before.

use super::DynamoCatalog;
use super::entries::{Change, Stored, micros};
use crate::TTL_ATTRIBUTE;
use crate::table::item::{number, text};
use crate::table::{Condition, Edit, Item, Key, Transaction, Turns, key, token};
use aiv1_model::{Experiment, ExperimentId, Submission};
use aiv1_store::{Entry, Error, KEY_LIFETIME, NewExperiment, Submitted};
use jiff::Timestamp;
use std::collections::HashMap;

const EXPERIMENT: &str = "experiment";
const USED_AT: &str = "used_at";
pub(super) const SUBMITTED: &str = "submitted";

impl DynamoCatalog {
    pub(super) async fn submit_experiment(&self, new: &NewExperiment) -> Result<Submitted, Error> {
        let mut turns = Turns::new("submit an experiment");
        let id = new.submission.id();
        let key = new.idempotency_key.as_deref();
        let codec = Key::codec(&new.submission.source);
        loop {
            let now = self.clock.now();
            let mut keys = vec![Key::experiment(&id), Key::counts(), codec.clone()];
            keys.extend(key.map(Key::idempotency));
            let found = self.table.get_all(turns.action(), keys).await?;
            let remember = match key {
                Some(key) => remember(key, &id, &found, now)?,
                None => None,
            };
            if let Some(known) = found.get(&Key::experiment(&id)) {
                let experiment = Stored::read(known)?.entry.experiment;
                let Some((item, condition)) = remember else {
                    return Ok(Submitted { experiment, created: false });
                };
                let mut transaction = Transaction::default();
                transaction.put_if(item, condition);
                if self.table.commit(turns.action(), &token(), transaction).await? {
                    return Ok(Submitted { experiment, created: false });
                }
            } else {
                let last: Option<u64> = match found.get(&Key::counts()) {
                    Some(counts) => counts.find_number(SUBMITTED)?,
                    None => None,
                };
                let stored = Stored::new(Entry::submitted(new, last.unwrap_or(0).saturating_add(1), now));
                let mut change = added(&stored, last)?;
                let (known, experiment) = (found.contains_key(&codec), &stored.entry.experiment);
                count_codec(&mut change.transaction, known, experiment, Vec::new());
                if let Some((item, condition)) = remember {
                    change.transaction.put_if(item, condition);
                }
                if self.make(turns.action(), change).await? {
                    return Ok(Submitted { experiment: stored.entry.experiment, created: true });
                }
            }
            turns.next().await?;
        }
    }
}

/// A new experiment, whose number follows `last`.
pub(super) fn added(stored: &Stored, last: Option<u64>) -> Result<Change, Error> {
    let Experiment { number: next, origin, .. } = &stored.entry.experiment;
    let counts = Edit::default().set(SUBMITTED, number(next)).only_if(SUBMITTED, last.map(number));
    let counts = counts.add("iterations", u8::from(Entry::is_iteration(origin.arm)));
    Change::of(None, stored, counts)
}

/// Counts an experiment of a codec, which is added if it is new, and notes what was learned of it.
pub(super) fn count_codec(
    transaction: &mut Transaction,
    known: bool,
    experiment: &Experiment,
    learned: Vec<(&'static str, String)>,
) {
    let Submission { source, codec: name, .. } = &experiment.submission;
    let key = Key::codec(source);
    if known {
        let edit = Edit::default().add("experiments", 1).only_if_there();
        let edit = learned.into_iter().fold(edit, |edit, (name, said)| edit.set(name, text(said)));
        transaction.update(key, edit);
        return;
    }
    let codec = Item::new(&key).text("name", name).text("first_seen", experiment.submitted_at.to_string());
    let codec = learned.into_iter().fold(codec, |codec, (name, said)| codec.text(name, said));
    transaction.put_if(codec.number("experiments", 1), Condition::Absent);
    // The number of its first experiment is its own place among codecs, and tells their order.
    let place = Key::new(key::CODECS, u128::from(experiment.number));
    transaction.put(Item::new(&place).text("source", source.to_string()));
}

/// What there is to write so that a key is known to stand for this experiment; an error if it stands for another.
fn remember(
    key: &str,
    id: &ExperimentId,
    found: &HashMap<Key, Item>,
    now: Timestamp,
) -> Result<Option<(Item, Condition)>, Error> {
    let place = Key::idempotency(key);
    let dead = now.checked_sub(KEY_LIFETIME).unwrap_or(Timestamp::MIN);
    if let Some(used) = found.get(&place)
        && used.get_number::<i64>(USED_AT)? > dead.as_microsecond()
    {
        let first = used.get_text(EXPERIMENT)?;
        if first == id.as_str() {
            return Ok(None);
        }
        let first =
            ExperimentId::try_from(first.to_owned()).map_err(|error| used.damaged(EXPERIMENT, &error))?;
        return Err(Error::KeyReused { key: key.to_owned(), first });
    }
    let dies = now.checked_add(KEY_LIFETIME).unwrap_or(Timestamp::MAX).as_second();
    let item = Item::new(&place).text(EXPERIMENT, id.to_string()).number(USED_AT, now.as_microsecond());
    let condition = Condition::AbsentOrAtMost(USED_AT, micros(dead));
    Ok(Some((item.number(TTL_ATTRIBUTE, dies), condition)))
}
