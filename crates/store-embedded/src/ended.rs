//! The end of claimed work: status, findings, record, evaluations and milestones in one transaction.

use crate::database::Fail;
use crate::rows::{self, Row};
use crate::work;
use aiv1_model::api::Holder;
use aiv1_model::{BundleRef, Experiment, ExperimentId, FailureSummary, Record, Status};
use aiv1_store::{Ended, Milestone};
use jiff::Timestamp;
use rusqlite::{Connection, params};

pub(crate) fn end(
    connection: &Connection,
    id: &ExperimentId,
    holder: &Holder,
    ended: &Ended,
    now: Timestamp,
) -> Result<Experiment, Fail> {
    let report = report(holder, ended);
    let known = rows::get(connection, id)?;
    if known.experiment.work.is_none() && known.last_end.as_ref() == Some(&report) {
        return Ok(known.experiment);
    }
    let mut row = work::held(connection, id, holder)?;
    row.last_end = Some(report);
    let experiment = match ended {
        Ended::GaveBack => {
            let before = row.experiment.status;
            row.experiment.status = Status::Queued;
            row.experiment.work = None;
            rows::change(connection, &row, before)?;
            row.experiment
        }
        Ended::Infrastructure(failure) => {
            work::give_up_or_requeue(connection, row, FailureSummary::from(failure.as_ref()), now)?
        }
        Ended::Published { record, bundle } => {
            row.experiment.findings = ended.findings();
            let mut statement =
                connection.prepare_cached("UPDATE workers SET ended = ended + 1 WHERE name = ?1")?;
            statement.execute([&holder.worker])?;
            publish(connection, row, record, bundle, now)?
        }
    };
    work::seen(connection, &holder.worker, now)?;
    rows::bump(connection)?;
    Ok(experiment)
}

fn publish(
    connection: &Connection,
    mut row: Row,
    record: &Record,
    bundle: &BundleRef,
    now: Timestamp,
) -> Result<Experiment, Fail> {
    let before = row.experiment.status;
    if !matches!(record.status, Status::Successful | Status::Failed) {
        let what = format!("the record of {}", row.experiment.id);
        return Err(rows::damaged(&what, &format!("status {:?} is no end", record.status)).into());
    }
    let experiment = &mut row.experiment;
    experiment.status = record.status;
    experiment.work = None;
    experiment.ended_at = Some(now);
    experiment.phases.clone_from(&record.phases);
    experiment.failure = record.failure.as_ref().map(FailureSummary::from);
    experiment.bundle = Some(bundle.clone());
    if experiment.status == Status::Successful {
        evaluate(connection, &mut row, now)?;
    }
    keep_record(connection, &row.experiment, record)?;
    rows::change(connection, &row, before)?;
    Ok(row.experiment)
}

/// Counts a successful end among its arm's evaluations, once per experiment, and notes a milestone.
pub(crate) fn evaluate(connection: &Connection, row: &mut Row, now: Timestamp) -> Result<(), Fail> {
    let arm = row.experiment.origin.arm;
    let code = rows::arm_code(arm);
    let mut statement = connection.prepare_cached(
        "UPDATE arms SET evaluations = evaluations + ?2 WHERE arm = ?1 RETURNING evaluations, best",
    )?;
    let (evaluations, best): (i64, Option<f64>) = statement
        .query_row(params![code, i64::from(!row.evaluated)], |found| Ok((found.get(0)?, found.get(1)?)))?;
    row.evaluated = true;
    let headline = row.experiment.findings.as_ref().and_then(|findings| findings.headline.as_ref());
    let Some(bd_rate) = headline.map(|saving| saving.bd_rate) else { return Ok(()) };
    if best.is_some_and(|best| bd_rate >= best) {
        return Ok(());
    }
    let evaluations = evaluations as u64;
    let milestone =
        Milestone { arm, evaluations, experiment: row.experiment.id.clone(), bd_rate, ended_at: now };
    connection.prepare_cached("UPDATE arms SET best = ?2 WHERE arm = ?1")?.execute(params![code, bd_rate])?;
    let mut statement = connection.prepare_cached("INSERT INTO milestones (milestone) VALUES (?1)")?;
    statement.execute([rows::write_json("a milestone", &milestone)?])?;
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

/// A report in one line, so that the same one again is recognised.
fn report(holder: &Holder, ended: &Ended) -> String {
    let what = match ended {
        Ended::Published { bundle, .. } => format!("published {}", bundle.manifest),
        Ended::Infrastructure(_) => "infrastructure".to_owned(),
        Ended::GaveBack => "gave back".to_owned(),
    };
    format!("{} {} {what}", holder.attempt, holder.worker)
}
