//! Whole experiments from elsewhere: to move a lab, or to fill one for a load test.

use super::DynamoCatalog;
use super::ended::learned;
use super::entries::Stored;
use super::submit::{SUBMITTED, added, count_codec};
use crate::table::{Key, Transaction, Turns};
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
            let entry = Entry::imported(experiment.clone());
            let (mut stored, mut extra) = (Stored::new(entry), Transaction::default());
            stored.record = pieces;
            if experiment.status == Status::Successful {
                self.evaluate(turns.action(), &mut extra, &mut stored, ended_at).await?;
            }
            let mut change = added(&stored, last)?;
            change.transaction.append(extra);
            let source = &experiment.submission.source;
            let learned = record.map(|record| learned(source, record)).transpose()?.unwrap_or_default();
            count_codec(
                &mut change.transaction,
                found.contains_key(&codec),
                &stored.entry.experiment,
                learned,
            );
            if self.make(turns.action(), change).await? {
                return Ok(true);
            }
            turns.next().await?;
        }
    }
}
