//! Claims, leases, heartbeats, reports.

use crate::database::Fail;
use crate::rows;
use aiv1_model::api::{Heartbeat, Holder, WorkerInfo};
use aiv1_model::{ExperimentId, PhaseRecord, Status};
use aiv1_store::{ClaimedWork, Entry, HEARD_FOR, Lost, SEEN_GRAIN};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Whether there is anything to claim.
pub(crate) fn is_waiting(connection: &Connection, now: Timestamp) -> Result<bool, Fail> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM experiments WHERE status = 0)
             OR EXISTS (SELECT 1 FROM experiments WHERE lease_expires_at <= ?1)",
    )?;
    Ok(statement.query_row([rows::micros(now)], |row| row.get(0))?)
}

/// Work whose lease has lapsed.
fn lapsed(connection: &Connection, now: Timestamp) -> Result<Vec<ExperimentId>, Fail> {
    let lapsed = "SELECT id FROM experiments WHERE lease_expires_at <= ?1 ORDER BY lease_expires_at";
    rows::ids(connection, lapsed, [rows::micros(now)])
}

/// Takes work from all workers whose lease has lapsed; from how many.
pub(crate) fn requeue_lapsed(connection: &Connection, now: Timestamp) -> Result<u64, Fail> {
    let lost = lapsed(connection, now)?;
    for id in &lost {
        lose(connection, rows::get(connection, id)?, Lost::Silent, now)?;
    }
    Ok(lost.len() as u64)
}

/// What was claimed, and whether work was taken from workers that were lost.
pub(crate) fn claim(
    connection: &Connection,
    worker: &WorkerInfo,
    asked_at: Timestamp,
    now: Timestamp,
) -> Result<(Option<ClaimedWork>, bool), Fail> {
    let held = rows::ids(connection, "SELECT id FROM experiments WHERE worker = ?1", [&worker.name])?;
    let held = held.iter().map(|id| rows::get(connection, id)).collect::<Result<Vec<_>, _>>()?;
    let given = |row: &Entry| row.experiment.work.as_ref().is_some_and(|work| work.claimed_at > asked_at);
    if now.duration_since(asked_at) > HEARD_FOR || held.iter().any(given) {
        return Ok((None, false));
    }
    let mut lost = lapsed(connection, now)?;
    for id in &lost {
        lose(connection, rows::get(connection, id)?, Lost::Silent, now)?;
    }
    for row in held.into_iter().filter(|row| !lost.contains(&row.experiment.id)).collect::<Vec<_>>() {
        lost.push(row.experiment.id.clone());
        lose(connection, row, Lost::AskedAgain, now)?;
    }
    let oldest = "SELECT id FROM experiments WHERE status = 0 ORDER BY queued_at, number LIMIT 1";
    let next = rows::ids(connection, oldest, [])?.pop();
    see(connection, worker, now, !lost.is_empty() || next.is_some())?;
    let Some(id) = next else { return Ok((None, !lost.is_empty())) };
    let mut row = rows::get(connection, &id)?;
    let holder = row.claim(&worker.name, now);
    rows::change(connection, &row, Status::Queued)?;
    rows::bump(connection)?;
    Ok((Some(ClaimedWork { experiment: row.experiment, holder }), !lost.is_empty()))
}

pub(crate) fn heartbeat(
    connection: &Connection,
    id: &ExperimentId,
    beat: &Heartbeat,
    now: Timestamp,
) -> Result<Timestamp, Fail> {
    let mut row = rows::get(connection, id)?;
    let lease = row.heartbeat(beat, now)?;
    rows::progress(connection, &row.experiment)?;
    seen(connection, &beat.holder.worker, now)?;
    rows::bump(connection)?;
    Ok(lease)
}

pub(crate) fn phase(
    connection: &Connection,
    id: &ExperimentId,
    holder: &Holder,
    phase: &PhaseRecord,
    now: Timestamp,
) -> Result<(), Fail> {
    let mut row = rows::get(connection, id)?;
    if !row.phase(holder, phase)? {
        return Ok(());
    }
    rows::progress(connection, &row.experiment)?;
    seen(connection, &holder.worker, now)?;
    rows::bump(connection)
}

/// Takes work from a worker.
fn lose(connection: &Connection, row: Entry, why: Lost, now: Timestamp) -> Result<(), Fail> {
    let lost = rows::apply(connection, row, |row| {
        row.lose(why, now);
        Ok(())
    });
    lost.map(drop)
}

/// Notes a worker that asks for work.
fn see(connection: &Connection, worker: &WorkerInfo, now: Timestamp, changed: bool) -> Result<(), Fail> {
    let info = rows::write_json("a worker", worker)?;
    let mut statement = connection.prepare_cached("SELECT info, last_seen FROM workers WHERE name = ?1")?;
    let known =
        statement.query_row([&worker.name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    let fresh = rows::micros(now).saturating_sub(SEEN_GRAIN.as_micros() as i64);
    if !changed && known.optional()?.is_some_and(|(known, seen)| known == info && seen > fresh) {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(
        "INSERT INTO workers (name, info, last_seen, ended) VALUES (?1, ?2, ?3, 0)
         ON CONFLICT (name) DO UPDATE SET info = excluded.info, last_seen = excluded.last_seen",
    )?;
    statement.execute(params![worker.name, info, rows::micros(now)])?;
    rows::bump(connection)
}

/// Notes a worker that reports.
pub(crate) fn seen(connection: &Connection, worker: &str, now: Timestamp) -> Result<(), Fail> {
    let mut statement = connection.prepare_cached("UPDATE workers SET last_seen = ?2 WHERE name = ?1")?;
    statement.execute(params![worker, rows::micros(now)])?;
    Ok(())
}
