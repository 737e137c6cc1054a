//! Experiments as rows: reading, inserting and changing them, with counts and revision in the same transaction.

use crate::database::Fail;
use aiv1_model::{Arm, Counts, Experiment, ExperimentId, Status};
use aiv1_store::{Entry, Error};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A time as it is compared in SQL.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The number that a status has in the schema.
pub(crate) const fn status_code(status: Status) -> i64 {
    match status {
        Status::Queued => 0,
        Status::InProgress => 1,
        Status::Successful => 2,
        Status::Failed => 3,
        Status::Other => 4,
    }
}

/// The number that an arm has in the schema.
pub(crate) const fn arm_code(arm: Arm) -> i64 {
    match arm {
        Arm::Person => 0,
        Arm::Start => 1,
        Arm::Search => 2,
        Arm::Random => 3,
        Arm::Llm => 4,
        Arm::HeldOut => 5,
    }
}

/// Anything as JSON.
pub(crate) fn write_json<T: Serialize>(what: &str, value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| damaged(what, &error))
}

/// Reads JSON that the catalog keeps; what does not read is said to be damaged, by name.
pub(crate) fn read_json<T: DeserializeOwned>(what: impl FnOnce() -> String, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| damaged(&what(), &error))
}

/// A stored thing that does not read.
pub(crate) fn damaged(what: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::Damaged { what: what.to_owned(), reason: reason.to_string() }
}

/// Something that a page could show has changed.
pub(crate) fn bump(connection: &Connection) -> Result<(), Fail> {
    connection.prepare_cached("UPDATE state SET revision = revision + 1")?.execute([])?;
    Ok(())
}

/// The counts.
pub(crate) fn counts(connection: &Connection) -> Result<Counts, Fail> {
    let mut counts = Counts::default();
    let mut statement = connection.prepare_cached("SELECT status, experiments FROM counts")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (status, number) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)? as u64);
        counts.total += number;
        match status {
            0 => counts.queued = number,
            1 => counts.in_progress = number,
            2 => counts.successful = number,
            3 => counts.failed = number,
            _ => counts.other += number,
        }
    }
    Ok(counts)
}

/// The row of an experiment.
pub(crate) fn find(connection: &Connection, id: &ExperimentId) -> Result<Option<Entry>, Fail> {
    let mut statement = connection.prepare_cached(
        "SELECT document, queued_at, evaluated, last_end FROM experiments JOIN documents USING (number) WHERE id = ?1",
    )?;
    let found = statement.query_row([id.as_str()], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    let Some((document, queued_at, evaluated, last_end)) = found.optional()? else { return Ok(None) };
    let experiment = read_json(|| format!("experiment {id}"), &document)?;
    let queued_at = Timestamp::from_microsecond(queued_at)
        .map_err(|error| damaged(&format!("the place of experiment {id}"), &error))?;
    Ok(Some(Entry { experiment, queued_at, evaluated, last_end }))
}

/// The row of an experiment that must be there.
pub(crate) fn get(connection: &Connection, id: &ExperimentId) -> Result<Entry, Fail> {
    find(connection, id)?.ok_or_else(|| Fail::Store(Error::NoExperiment(id.clone())))
}

/// Ids that a statement finds, for a change to each of them.
pub(crate) fn ids(
    connection: &Connection,
    sql: &str,
    given: impl rusqlite::Params,
) -> Result<Vec<ExperimentId>, Fail> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(given, |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let read = |id: String| ExperimentId::try_from(id).map_err(|error| Fail::Store(damaged("an id", &error)));
    found.into_iter().map(read).collect()
}

/// Adds a row and counts it.
pub(crate) fn insert(connection: &Connection, row: &Entry, codec: i64) -> Result<(), Fail> {
    let experiment = &row.experiment;
    let (summary, document) = texts(experiment)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO experiments (number, id, status, codec, arm, bd_rate, decode_fuel, queued_at, worker,
             lease_expires_at, evaluated, last_end, summary)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    let number = experiment.number as i64;
    statement.execute(params![
        number,
        experiment.id.as_str(),
        status_code(experiment.status),
        codec,
        arm_code(experiment.origin.arm),
        row.bd_rate(),
        row.decode_fuel(),
        micros(row.queued_at),
        experiment.work.as_ref().map(|work| &work.worker),
        experiment.work.as_ref().map(|work| micros(work.lease_expires_at)),
        row.evaluated,
        row.last_end,
        summary,
    ])?;
    let mut statement =
        connection.prepare_cached("INSERT INTO documents (number, document) VALUES (?1, ?2)")?;
    statement.execute(params![number, document])?;
    count(connection, experiment.status, 1)
}

/// Writes a row whose status was `before`.
pub(crate) fn change(connection: &Connection, row: &Entry, before: Status) -> Result<(), Fail> {
    let experiment = &row.experiment;
    let (summary, document) = texts(experiment)?;
    let mut statement = connection.prepare_cached(
        "UPDATE experiments SET status = ?2, bd_rate = ?3, decode_fuel = ?4, queued_at = ?5, worker = ?6,
             lease_expires_at = ?7, evaluated = ?8, last_end = ?9, summary = ?10
         WHERE number = ?1",
    )?;
    let number = experiment.number as i64;
    statement.execute(params![
        number,
        status_code(experiment.status),
        row.bd_rate(),
        row.decode_fuel(),
        micros(row.queued_at),
        experiment.work.as_ref().map(|work| &work.worker),
        experiment.work.as_ref().map(|work| micros(work.lease_expires_at)),
        row.evaluated,
        row.last_end,
        summary,
    ])?;
    write_document(connection, number, &document)?;
    count(connection, before, -1)?;
    count(connection, experiment.status, 1)
}

/// Applies a rule to an experiment, and writes what came of it.
pub(crate) fn apply(
    connection: &Connection,
    mut row: Entry,
    rule: impl FnOnce(&mut Entry) -> Result<(), Error>,
) -> Result<Experiment, Fail> {
    let before = row.experiment.status;
    rule(&mut row)?;
    change(connection, &row, before)?;
    bump(connection)?;
    Ok(row.experiment)
}

/// Writes what changes while a worker is at it: nothing that lists are filtered or sorted by, so no list index.
pub(crate) fn progress(connection: &Connection, experiment: &Experiment) -> Result<(), Fail> {
    let (summary, document) = texts(experiment)?;
    let mut statement = connection
        .prepare_cached("UPDATE experiments SET lease_expires_at = ?2, summary = ?3 WHERE number = ?1")?;
    let number = experiment.number as i64;
    let lease = experiment.work.as_ref().map(|work| micros(work.lease_expires_at));
    statement.execute(params![number, lease, summary])?;
    write_document(connection, number, &document)
}

fn write_document(connection: &Connection, number: i64, document: &str) -> Result<(), Fail> {
    let mut statement = connection.prepare_cached("UPDATE documents SET document = ?2 WHERE number = ?1")?;
    statement.execute(params![number, document])?;
    Ok(())
}

fn count(connection: &Connection, status: Status, by: i64) -> Result<(), Fail> {
    let mut statement =
        connection.prepare_cached("UPDATE counts SET experiments = experiments + ?2 WHERE status = ?1")?;
    statement.execute([status_code(status), by])?;
    Ok(())
}

fn texts(experiment: &Experiment) -> Result<(String, String), Error> {
    let what = format!("experiment {}", experiment.id);
    Ok((write_json(&what, &experiment.summary())?, write_json(&what, experiment)?))
}
