//! Experiments as items: read, and written with everything that must change with them.

use super::DynamoCatalog;
use crate::table::item::{Item, number, text, write_document};
use crate::table::{Condition, DOCUMENT, Edit, Key, MARK, REVISION, Transaction, key, token};
use aiv1_model::{Digest, Experiment, ExperimentId, Status};
use aiv1_store::{Entry, Error};

const QUEUED_AT: &str = "queued_at";
const EVALUATED: &str = "evaluated";
const LAST_END: &str = "last_end";
const LEASE: &str = "lease";
const RECORD: &str = "record";
const RECORD_PIECES: &str = "record_pieces";

/// An experiment as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) entry: Entry,
    /// Where its lease lies in the index. Heartbeats extend the lease alone; who finds it lapsed in the index looks at
    /// the experiment, and moves it. So a heartbeat costs no transaction.
    pub(crate) lease: Option<Key>,
    /// Its record, in pieces.
    pub(crate) record: Option<RecordPieces>,
    mark: Option<String>,
}

/// Where a record is: the digest of its text, and the number of pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordPieces {
    pub(crate) digest: Digest,
    pub(crate) pieces: u32,
}

impl RecordPieces {
    /// Where the pieces of an experiment's record are.
    pub(crate) fn keys(&self, id: &ExperimentId) -> impl Iterator<Item = Key> + use<> {
        let partition = key::record(id, &self.digest);
        (0..self.pieces).map(move |piece| Key::new(partition.as_str(), u128::from(piece)))
    }
}

impl Stored {
    /// One that is not stored yet.
    pub(crate) const fn new(entry: Entry) -> Self {
        Self { entry, lease: None, record: None, mark: None }
    }

    pub(crate) fn read(item: &Item) -> Result<Self, Error> {
        let experiment: Experiment = item.document(DOCUMENT)?;
        let queued_at = jiff::Timestamp::from_microsecond(item.get_number(QUEUED_AT)?)
            .map_err(|error| item.damaged(QUEUED_AT, &error))?;
        let last_end = item.find_text(LAST_END)?.map(str::to_owned);
        let record = match item.find_number(RECORD_PIECES)? {
            Some(pieces) => Some(RecordPieces { digest: item.parse(RECORD)?, pieces }),
            None => None,
        };
        Ok(Self {
            entry: Entry { experiment, queued_at, evaluated: item.is_on(EVALUATED), last_end },
            lease: item.find_number(LEASE)?.map(|sort| Key::new(key::LEASES, sort)),
            record,
            mark: Some(item.get_text(MARK)?.to_owned()),
        })
    }

    fn write(&self, mark: &str) -> Result<Item, Error> {
        let Entry { experiment, queued_at, evaluated, last_end } = &self.entry;
        let mut item = Item::new(&Key::experiment(&experiment.id))
            .text(DOCUMENT, write_document(&format!("experiment {}", experiment.id), experiment)?)
            .text(MARK, mark)
            // For people who look at the table.
            .text("status", experiment.status.as_str())
            .number(QUEUED_AT, queued_at.as_microsecond())
            .switch(EVALUATED, *evaluated);
        if let Some(report) = last_end {
            item = item.text(LAST_END, report);
        }
        if let Some(lease) = &self.lease {
            item = item.number(LEASE, lease.sort);
        }
        if let Some(RecordPieces { digest, pieces }) = self.record {
            item = item.text(RECORD, digest.to_string()).number(RECORD_PIECES, pieces);
        }
        Ok(item)
    }

    /// The lease's place in the index, as the entry stands now: a new claim has a new one, an old one stays where it is.
    pub(crate) fn follow_lease(&mut self, before: &Self) {
        let Experiment { number, work, attempt, .. } = &self.entry.experiment;
        let same = before.lease.clone().filter(|_| before.entry.experiment.attempt == *attempt);
        self.lease =
            work.as_ref().map(|work| same.unwrap_or_else(|| Key::lease(*number, work.lease_expires_at)));
    }
}

/// A change of one experiment: the transaction that makes it, to be added to, and its token.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) transaction: Transaction,
    pub(crate) token: String,
    id: ExperimentId,
}

impl Change {
    /// From what was read to what is to be. Lists, queue, leases, counts and revision go with it; `counts` is for what
    /// else is to happen to the counts' item, which all changes meet at: one that only moves a lease leaves it alone.
    pub(crate) fn of(before: Option<&Stored>, after: &Stored, counts: Edit) -> Result<Self, Error> {
        let (mut transaction, token) = (Transaction::default(), token());
        let condition = match before.and_then(|before| before.mark.clone()) {
            Some(mark) => Condition::Is(MARK, text(mark)),
            None => Condition::Absent,
        };
        transaction.put_if(after.write(&token)?, condition);
        let id = &after.entry.experiment.id;
        let mut old = before.map(|before| key::listed(&before.entry)).unwrap_or_default();
        let mut new = key::listed(&after.entry);
        old.extend(before.and_then(|before| before.lease.clone()));
        new.extend(after.lease.clone());
        for gone in old.difference(&new) {
            transaction.delete(gone.clone());
        }
        for come in new.difference(&old) {
            transaction.put(Item::new(come).text("id", id.to_string()));
        }
        let (was, is) = (before.map(|before| before.entry.experiment.status), after.entry.experiment.status);
        if before.is_none_or(|before| before.entry != after.entry) {
            transaction.update(Key::counts(), counted(counts, was, is).add(REVISION, 1));
        }
        Ok(Self { transaction, id: id.clone(), token })
    }
}

fn counted(counts: Edit, was: Option<Status>, is: Status) -> Edit {
    if was == Some(is) {
        return counts;
    }
    let counts = counts.add(is.as_str(), 1);
    match was {
        Some(was) => counts.add(was.as_str(), -1),
        None => counts,
    }
}

impl DynamoCatalog {
    /// An experiment, if it is there.
    pub(super) async fn find(
        &self,
        action: &'static str,
        id: &ExperimentId,
    ) -> Result<Option<Stored>, Error> {
        self.table.get(action, &Key::experiment(id)).await?.as_ref().map(Stored::read).transpose()
    }

    /// An experiment that must be there.
    pub(super) async fn stored(&self, action: &'static str, id: &ExperimentId) -> Result<Stored, Error> {
        self.find(action, id).await?.ok_or_else(|| Error::NoExperiment(id.clone()))
    }

    /// Makes a change; `false` if somebody else was first.
    pub(super) async fn make(&self, action: &'static str, change: Change) -> Result<bool, Error> {
        let Change { transaction, id, token } = change;
        self.table.commit_marked(action, &token, transaction, &Key::experiment(&id)).await
    }

    /// Writes what is neither listed nor counted, if nobody else has changed the experiment meanwhile. The revision
    /// follows, so a page that shows the change never has the revision of before.
    pub(super) async fn note(
        &self,
        action: &'static str,
        before: &Stored,
        after: &Entry,
    ) -> Result<bool, Error> {
        let document = write_document(&format!("experiment {}", after.experiment.id), &after.experiment)?;
        let mine = token();
        let edit = Edit::default().set(DOCUMENT, text(document)).set(MARK, text(&mine));
        let edit = edit.only_if(MARK, before.mark.as_ref().map(text));
        let id = &after.experiment.id;
        if self.table.update(action, &Key::experiment(id), edit).await?.is_some() {
            return Ok(true);
        }
        // It may have been done and the answer lost, and the SDK asked again.
        Ok(self.find(action, id).await?.is_some_and(|now| now.mark.as_ref() == Some(&mine)))
    }

    /// Something that a page could show has changed.
    pub(super) async fn bump(&self, action: &'static str) -> Result<(), Error> {
        self.table.update(action, &Key::revision(), Edit::default().add(REVISION, 1)).await.map(drop)
    }
}

/// A worker that holds nothing any more.
pub(super) fn released() -> Edit {
    Edit::default().remove("holds")
}

/// A time in an attribute, exactly to the microsecond.
pub(super) fn micros(time: jiff::Timestamp) -> aws_sdk_dynamodb::types::AttributeValue {
    number(time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::Action;
    use aiv1_store::contract::fixtures::{START, experiment, success};

    #[test]
    fn a_change_moves_what_differs_and_fits_into_a_transaction() {
        let new = experiment(1);
        let waits = Stored::new(Entry::submitted(&new, 1, START));
        let added = Change::of(None, &waits, Edit::default()).unwrap();
        assert_eq!(added.transaction.len(), 1 + 8 + 1 + 1, "itself, its lists, the queue, the counts");
        let mut runs = waits.clone();
        let holder = runs.entry.claim("one", START);
        runs.follow_lease(&waits);
        let claimed = Change::of(Some(&waits), &runs, Edit::default()).unwrap();
        assert_eq!(claimed.transaction.len(), 1 + 2 * 4 + 1 + 1 + 1, "lists by status, queue, lease, counts");
        let mut ended = runs.clone();
        ended.entry.end(&holder, &success(&new.submission, Some(-1.0)), START).unwrap();
        ended.lease = None;
        let end = Change::of(Some(&runs), &ended, Edit::default()).unwrap();
        // Worker, codec, arm and milestone come to it.
        assert_eq!(end.transaction.len() + 4, 31);
        let mut again = ended.clone();
        again.entry.act("operator", &Action::Rerun, START).unwrap();
        assert!(Change::of(Some(&ended), &again, Edit::default()).unwrap().transaction.len() <= 31);
    }
}
