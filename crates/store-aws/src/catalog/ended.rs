//! The end of claimed work: status, findings, record, evaluations and milestones in one transaction.

use super::DynamoCatalog;
use super::entries::{Change, Stored};
use super::workers;
use crate::table::item::{number, text, write_document};
use crate::table::{Edit, Item, Key, MARK, Transaction, Turns, token};
use aiv1_model::api::Holder;
use aiv1_model::{Digest, Experiment, ExperimentId, Record, Status};
use aiv1_store::{ArmProgress, Ended, Error};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

const EVALUATIONS: &str = "evaluations";
pub(super) const BEST: &str = "best";
pub(super) const SPENT: &str = "spent_microdollars";
const MILESTONES: &str = "milestones";
pub(super) const MILESTONE: &str = "milestone";

impl DynamoCatalog {
    pub(super) async fn end_work(
        &self,
        id: &ExperimentId,
        holder: &Holder,
        ended: &Ended,
    ) -> Result<Experiment, Error> {
        let mut turns = Turns::new("end work");
        let mut kept = None;
        loop {
            let now = self.clock.now();
            let before = self.stored(turns.action(), id).await?;
            let mut after = before.clone();
            if !after.entry.end(holder, ended, now)? {
                return Ok(after.entry.experiment);
            }
            after.lease = None;
            let mut extra = Transaction::default();
            if let Ended::Published { record, .. } = ended {
                let pieces = match kept {
                    Some(pieces) => pieces,
                    None => self.keep_record(id, record).await?,
                };
                (after.record, kept) = (Some(pieces), Some(pieces));
                let source = &after.entry.experiment.submission.source;
                let learned = learned(source, record)?;
                if !learned.is_empty() {
                    let edit = learned
                        .into_iter()
                        .fold(Edit::default(), |edit, (name, said)| edit.set(name, text(said)));
                    extra.update(Key::codec(source), edit.only_if_there());
                }
                if after.entry.experiment.status == Status::Successful {
                    self.evaluate(turns.action(), &mut extra, &mut after, now).await?;
                }
            }
            let published = matches!(ended, Ended::Published { .. });
            extra.update(Key::worker(&holder.worker), workers::ends(now, published));
            let mut change = Change::of(Some(&before), &after, Edit::default())?;
            change.transaction.append(extra);
            if self.make(turns.action(), change).await? {
                return Ok(after.entry.experiment);
            }
            turns.next().await?;
        }
    }

    /// Counts a successful end among its arm's evaluations, and adds the milestone if it is one.
    pub(super) async fn evaluate(
        &self,
        action: &'static str,
        transaction: &mut Transaction,
        after: &mut Stored,
        now: Timestamp,
    ) -> Result<(), Error> {
        let arm = after.entry.experiment.origin.arm;
        let item = self.table.get(action, &Key::arm(arm)).await?;
        let (mut progress, milestones, mark) = match &item {
            Some(item) => {
                (progress(item)?, item.find_number(MILESTONES)?.unwrap_or(0), item.find_text(MARK)?)
            }
            None => (ArmProgress::default(), 0, None),
        };
        let milestone = after.entry.evaluate(&mut progress, now);
        let mut edit = Edit::default().only_if(MARK, mark.map(text)).set(MARK, text(token()));
        edit = edit.set(EVALUATIONS, number(progress.evaluations));
        edit = edit.set_or_remove(BEST, progress.best.map(exact));
        if let Some(milestone) = milestone {
            edit = edit.add(MILESTONES, 1);
            let document = write_document("a milestone", &milestone)?;
            transaction.put(Item::new(&Key::milestone(arm, now, milestones)).text(MILESTONE, document));
        }
        transaction.update(Key::arm(arm), edit);
        Ok(())
    }
}

/// What a record says of its codec, by attribute.
pub(super) fn learned(source: &Digest, record: &Record) -> Result<Vec<(&'static str, String)>, Error> {
    let mut learned = Vec::new();
    if let Some(declaration) = &record.codec.declaration {
        learned.push(("declaration", write_document(&format!("codec {source}"), declaration)?));
    }
    if let Some(decoder) = &record.codec.decoder {
        learned.push(("decoder", decoder.sha256.to_string()));
    }
    Ok(learned)
}

/// How far an arm has come.
pub(super) fn progress(item: &Item) -> Result<ArmProgress, Error> {
    let number = |name| Ok::<u64, Error>(item.find_number(name)?.unwrap_or(0));
    Ok(ArmProgress {
        evaluations: number(EVALUATIONS)?,
        best: item.find_text(BEST)?.map(|_| item.parse(BEST)).transpose()?,
        spent_microdollars: number(SPENT)?,
    })
}

/// The best of an arm, kept as text, which is exact.
pub(super) fn exact(best: f64) -> AttributeValue {
    text(best.to_string())
}
