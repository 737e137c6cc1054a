//! Submissions: new experiments, those asked before, cancelled and rerun ones, and whole ones from elsewhere.

use crate::database::Fail;
use crate::rows::{self, Row};
use aiv1_model::{Arm, Experiment, ExperimentId, Record, Status, Submission};
use aiv1_store::{Error, NewExperiment, Submitted};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

/// How long an idempotency key is remembered.
pub(crate) const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

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
    let experiment = Experiment {
        number: next_number(connection, new.origin.arm)?,
        status: Status::Queued,
        submission: new.submission.clone(),
        origin: new.origin.clone(),
        submitted_at: now,
        started_at: None,
        ended_at: None,
        attempt: 0,
        lost_attempts: 0,
        work: None,
        phases: Vec::new(),
        failure: None,
        findings: None,
        bundle: None,
        earlier: Vec::new(),
        id,
    };
    let codec = count_codec(connection, &experiment.submission, now)?;
    let row = Row { experiment, queued_at: rows::micros(now), evaluated: false, last_end: None };
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
    let queued_at = rows::micros(experiment.submitted_at);
    let mut row = Row { experiment, queued_at, evaluated: false, last_end: None };
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

pub(crate) fn cancel(connection: &Connection, id: &ExperimentId, now: Timestamp) -> Result<Experiment, Fail> {
    let mut row = rows::get(connection, id)?;
    let before = row.experiment.status;
    if !matches!(before, Status::Queued | Status::InProgress) {
        return Err(refused(&row.experiment, "cancelled").into());
    }
    row.experiment.status = Status::Other;
    row.experiment.work = None;
    row.experiment.ended_at = Some(now);
    rows::change(connection, &row, before)?;
    rows::bump(connection)?;
    Ok(row.experiment)
}

pub(crate) fn rerun(connection: &Connection, id: &ExperimentId, now: Timestamp) -> Result<Experiment, Fail> {
    let mut row = rows::get(connection, id)?;
    let before = row.experiment.status;
    if matches!(before, Status::Queued | Status::InProgress) {
        return Err(refused(&row.experiment, "run again").into());
    }
    let experiment = &mut row.experiment;
    experiment.earlier.extend(experiment.bundle.take());
    let excess = experiment.earlier.len().saturating_sub(Experiment::MAX_EARLIER);
    experiment.earlier.drain(..excess);
    experiment.status = Status::Queued;
    experiment.started_at = None;
    experiment.ended_at = None;
    experiment.lost_attempts = 0;
    experiment.phases.clear();
    experiment.failure = None;
    experiment.findings = None;
    row.queued_at = rows::micros(now);
    rows::change(connection, &row, before)?;
    rows::bump(connection)?;
    Ok(row.experiment)
}

/// Forgets idempotency keys that are no longer held to.
pub(crate) fn forget_keys(connection: &Connection, now: Timestamp) -> Result<usize, Fail> {
    Ok(connection.execute("DELETE FROM idempotency WHERE used_at <= ?1", [dead_keys(now)])?)
}

fn dead_keys(now: Timestamp) -> i64 {
    rows::micros(now).saturating_sub(KEY_LIFETIME.as_micros() as i64)
}

fn refused(experiment: &Experiment, action: &'static str) -> Error {
    let state = match experiment.status {
        Status::Queued => "queued",
        Status::InProgress => "in progress",
        Status::Successful => "successful",
        Status::Failed => "failed",
        Status::Other => "cancelled or of no known status",
    };
    Error::State { id: experiment.id.clone(), state: state.to_owned(), action }
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
    let by_the_loop = matches!(arm, Arm::Search | Arm::Random | Arm::Start);
    let mut statement = connection.prepare_cached(
        "UPDATE state SET submitted = submitted + 1, iterations = iterations + ?1 RETURNING submitted",
    )?;
    let number: i64 = statement.query_row([i64::from(by_the_loop)], |row| row.get(0))?;
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
