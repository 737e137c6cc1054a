//! Whole experiments from elsewhere: to move a lab, or to fill one for a load test.

use super::DynamoCatalog;
use super::ended::learn;
use super::entries::Stored;
use super::submit::{SUBMITTED, added, count_codec};
use crate::table::{Key, Transaction, Turns, token};
use aiv1_model::{Experiment, Record, Status};
use aiv1_store::{Entry, Error};

impl DynamoCatalog {
    /// Adds experiments one after another, each with all that goes with it, under the next number; how many were new.
    pub(crate) async fn import(&self, batch: Vec<(Experiment, Option<Record>)>) -> Result<u64, Error> {
        let mut added = 0;
        for (experiment, record) in batch {
            added += u64::from(self.import_one(experiment, record.as_ref()).await?);
        }
        Ok(added)
    }

    async fn import_one(&self, mut experiment: Experiment, record: Option<&Record>) -> Result<bool, Error> {
        let mut turns = Turns::new("import an experiment");
        let pieces = match record {
            Some(record) => Some(self.keep_record(&experiment.id, record).await?),
            None => None,
        };
        let ended_at = experiment.ended_at.unwrap_or(experiment.submitted_at);
        let (id, codec) = (Key::experiment(&experiment.id), Key::codec(&experiment.submission.source));
        loop {
            let keys = vec![id.clone(), Key::counts(), codec.clone()];
            let found = self.table.get_all(turns.action(), keys).await?;
            if found.contains_key(&id) {
                return Ok(false);
            }
            let last: Option<u64> = match found.get(&Key::counts()) {
                Some(counts) => counts.find_number(SUBMITTED)?,
                None => None,
            };
            experiment.number = last.unwrap_or(0).saturating_add(1);
            let queued_at = experiment.submitted_at;
            let entry = Entry { experiment: experiment.clone(), queued_at, evaluated: false, last_end: None };
            let (mut stored, mut extra) = (Stored::new(entry), Transaction::default());
            stored.record = pieces;
            if experiment.status == Status::Successful {
                self.evaluate(turns.action(), &mut extra, &mut stored, ended_at).await?;
            }
            let mut change = added(&stored, last)?;
            change.transaction.append(extra);
            count_codec(&mut change.transaction, found.contains_key(&codec), &stored.entry.experiment);
            if self.make(turns.action(), change).await? {
                return self.learn_of(turns.action(), &stored, record).await.map(|()| true);
            }
            turns.next().await?;
        }
    }

    /// Not in the same transaction, which may have added the codec: no two changes of one may be of the same item.
    async fn learn_of(
        &self,
        action: &'static str,
        stored: &Stored,
        record: Option<&Record>,
    ) -> Result<(), Error> {
        let Some(record) = record else { return Ok(()) };
        let mut turns = Turns::new(action);
        loop {
            let mut transaction = Transaction::default();
            learn(&mut transaction, stored, record)?;
            if transaction.is_empty() || self.table.commit(action, &token(), transaction).await? {
                return Ok(());
            }
            turns.next().await?;
        }
    }
}
