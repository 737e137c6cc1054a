//! The end of claimed work: status, findings, record, evaluations and milestones in one transaction.

use crate::database::Fail;
use crate::rows;
use crate::work;
use aiv1_model::api::Holder;
use aiv1_model::{Experiment, ExperimentId, Record, Status};
use aiv1_store::{ArmProgress, Ended, Entry};
use jiff::Timestamp;
use rusqlite::{Connection, params};

pub(crate) fn end(
    connection: &Connection,
    id: &ExperimentId,
    holder: &Holder,
    ended: &Ended,
    now: Timestamp,
) -> Result<Experiment, Fail> {
    let mut row = rows::get(connection, id)?;
    let before = row.experiment.status;
    if !row.end(holder, ended, now)? {
        return Ok(row.experiment);
    }
    if let Ended::Published { record, .. } = ended {
        let mut statement =
            connection.prepare_cached("UPDATE workers SET ended = ended + 1 WHERE name = ?1")?;
        statement.execute([&holder.worker])?;
        if row.experiment.status == Status::Successful {
            evaluate(connection, &mut row, now)?;
        }
        keep_record(connection, &row.experiment, record)?;
    }
    rows::change(connection, &row, before)?;
    work::seen(connection, &holder.worker, now)?;
    rows::bump(connection)?;
    Ok(row.experiment)
}

/// Counts a successful end among its arm's evaluations, and keeps the milestone if it is one.
pub(crate) fn evaluate(connection: &Connection, row: &mut Entry, ended_at: Timestamp) -> Result<(), Fail> {
    let code = rows::arm_code(row.experiment.origin.arm);
    let mut statement =
        connection.prepare_cached("SELECT evaluations, best, spent_microdollars FROM arms WHERE arm = ?1")?;
    let mut arm = statement.query_row([code], |found| {
        Ok(ArmProgress {
            evaluations: found.get::<_, i64>(0)? as u64,
            best: found.get(1)?,
            spent_microdollars: found.get::<_, i64>(2)? as u64,
        })
    })?;
    let milestone = row.evaluate(&mut arm, ended_at);
    let mut statement =
        connection.prepare_cached("UPDATE arms SET evaluations = ?2, best = ?3 WHERE arm = ?1")?;
    statement.execute(params![code, arm.evaluations as i64, arm.best])?;
    if let Some(milestone) = milestone {
        let mut statement = connection.prepare_cached("INSERT INTO milestones (milestone) VALUES (?1)")?;
        statement.execute([rows::write_json("a milestone", &milestone)?])?;
    }
    Ok(())
}

/// Keeps the record of an experiment, and what it says of the codec.
pub(crate) fn keep_record(
    connection: &Connection,
    experiment: &Experiment,
    record: &Record,
) -> Result<(), Fail> {
    let what = format!("the record of {}", experiment.id);
    let text = rows::write_json(&what, &record.clone().without_series())?;
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO records (number, record) VALUES (?1, ?2)")?;
    statement.execute(params![experiment.number as i64, text])?;
    let declaration = record.codec.declaration.as_ref().map(|it| rows::write_json(&what, it)).transpose()?;
    let decoder = record.codec.decoder.as_ref().map(|module| module.sha256.to_string());
    let mut statement = connection.prepare_cached(
        "UPDATE codecs SET declaration = coalesce(?2, declaration), decoder = coalesce(?3, decoder) WHERE source = ?1",
    )?;
    statement.execute(params![experiment.submission.source.to_string(), declaration, decoder])?;
    Ok(())
}
