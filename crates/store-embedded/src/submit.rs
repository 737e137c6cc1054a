//! Submissions: new experiments, those asked before, and whole ones from elsewhere.

use crate::database::Fail;
use crate::rows;
use aiv1_model::{Arm, Experiment, ExperimentId, Record, Status, Submission};
use aiv1_store::{Entry, Error, KEY_LIFETIME, NewExperiment, Submitted};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

pub(crate) fn submit(
    connection: &Connection,
    new: &NewExperiment,
    now: Timestamp,
) -> Result<Submitted, Fail> {
    let id = new.submission.id();
    if let Some(key) = &new.idempotency_key {
        remember(connection, key, &id, now)?;
    }
    if let Some(found) = rows::find(connection, &id)? {
        return Ok(Submitted { experiment: found.experiment, created: false });
    }
    let row = Entry::submitted(new, next_number(connection, new.origin.arm)?, now);
    let codec = count_codec(connection, &new.submission, now)?;
    rows::insert(connection, &row, codec)?;
    rows::bump(connection)?;
    Ok(Submitted { experiment: row.experiment, created: true })
}

/// Adds an experiment as it stands, under a number of its own; `false` if its id is known already.
pub(crate) fn import(
    connection: &Connection,
    mut experiment: Experiment,
    record: Option<&Record>,
) -> Result<bool, Fail> {
    if rows::find(connection, &experiment.id)?.is_some() {
        return Ok(false);
    }
    experiment.number = next_number(connection, experiment.origin.arm)?;
    let codec = count_codec(connection, &experiment.submission, experiment.submitted_at)?;
    let mut row = Entry::imported(experiment);
    if row.experiment.status == Status::Successful {
        let ended_at = row.experiment.ended_at.unwrap_or(row.experiment.submitted_at);
        crate::ended::evaluate(connection, &mut row, ended_at)?;
    }
    rows::insert(connection, &row, codec)?;
    if let Some(record) = record {
        crate::ended::keep_record(connection, &row.experiment, record)?;
    }
    rows::bump(connection)?;
    Ok(true)
}

/// Forgets idempotency keys that are no longer held to.
pub(crate) fn forget_keys(connection: &Connection, now: Timestamp) -> Result<usize, Fail> {
    Ok(connection.execute("DELETE FROM idempotency WHERE used_at <= ?1", [dead_keys(now)])?)
}

fn dead_keys(now: Timestamp) -> i64 {
    rows::micros(now).saturating_sub(KEY_LIFETIME.as_micros() as i64)
}

fn remember(connection: &Connection, key: &str, id: &ExperimentId, now: Timestamp) -> Result<(), Fail> {
    let mut statement =
        connection.prepare_cached("SELECT experiment FROM idempotency WHERE key = ?1 AND used_at > ?2")?;
    let used: Option<String> =
        statement.query_row(params![key, dead_keys(now)], |row| row.get(0)).optional()?;
    match used {
        Some(first) if first == id.as_str() => Ok(()),
        Some(first) => {
            let first = ExperimentId::try_from(first).map_err(|error| rows::damaged("an id", &error))?;
            Err(Error::KeyReused { key: key.to_owned(), first }.into())
        }
        None => {
            let mut statement = connection.prepare_cached(
                "INSERT OR REPLACE INTO idempotency (key, experiment, used_at) VALUES (?1, ?2, ?3)",
            )?;
            statement.execute(params![key, id.as_str(), rows::micros(now)])?;
            Ok(())
        }
    }
}

fn next_number(connection: &Connection, arm: Arm) -> Result<u64, Fail> {
    let mut statement = connection.prepare_cached(
        "UPDATE state SET submitted = submitted + 1, iterations = iterations + ?1 RETURNING submitted",
    )?;
    let number: i64 = statement.query_row([i64::from(Entry::is_iteration(arm))], |row| row.get(0))?;
    Ok(number as u64)
}

/// Counts an experiment of a codec, which is added if it is new; its number.
fn count_codec(connection: &Connection, submission: &Submission, now: Timestamp) -> Result<i64, Fail> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO codecs (source, name, first_seen, experiments) VALUES (?1, ?2, ?3, 1)
         ON CONFLICT (source) DO UPDATE SET experiments = experiments + 1 RETURNING number",
    )?;
    let source = submission.source.to_string();
    Ok(statement.query_row(params![source, submission.codec, now.to_string()], |row| row.get(0))?)
}
