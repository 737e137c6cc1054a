//! Claims, leases, heartbeats, reports.
//!
//! A claim is a worker's until another takes it: one whose lease has lapsed may still report while nobody has claimed
//! since, which costs nothing (the attempt's number fences every report) and saves a run that was only suspended.

use crate::database::Fail;
use crate::rows::{self, Row};
use aiv1_model::api::{Heartbeat, Holder, WorkerInfo};
use aiv1_model::{Experiment, ExperimentId, FailureSummary, Fault, Phase, PhaseRecord, Status, Work};
use aiv1_store::{ClaimedWork, Error, LEASE, MAX_LOST_ATTEMPTS};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

/// A worker that finds nothing to do is noted as seen at most this often, so that asking costs no write.
const SEEN_GRAIN: SignedDuration = SignedDuration::from_secs(5);

/// Most phases noted for one attempt: each of them, with room for one tried again.
const MAX_PHASES: usize = 32;

/// Whether there is anything to claim.
pub(crate) fn is_waiting(connection: &Connection, now: Timestamp) -> Result<bool, Fail> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM experiments WHERE status = 0)
             OR EXISTS (SELECT 1 FROM experiments WHERE lease_expires_at <= ?1)",
    )?;
    Ok(statement.query_row([rows::micros(now)], |row| row.get(0))?)
}

/// What was claimed, and whether work was taken from workers that were lost.
pub(crate) fn claim(
    connection: &Connection,
    worker: &WorkerInfo,
    now: Timestamp,
) -> Result<(Option<ClaimedWork>, bool), Fail> {
    let mut lost = rows::ids(
        connection,
        "SELECT id FROM experiments WHERE lease_expires_at <= ?1 ORDER BY lease_expires_at",
        [rows::micros(now)],
    )?;
    let held = rows::ids(connection, "SELECT id FROM experiments WHERE worker = ?1", [&worker.name])?;
    let held: Vec<_> = held.into_iter().filter(|id| !lost.contains(id)).collect();
    lost.extend(held);
    for id in &lost {
        let row = rows::get(connection, id)?;
        lose(connection, row, now)?;
    }
    let oldest = "SELECT id FROM experiments WHERE status = 0 ORDER BY queued_at, number LIMIT 1";
    let next = rows::ids(connection, oldest, [])?.pop();
    see(connection, worker, now, !lost.is_empty() || next.is_some())?;
    let Some(id) = next else { return Ok((None, !lost.is_empty())) };
    let mut row = rows::get(connection, &id)?;
    let experiment = &mut row.experiment;
    experiment.status = Status::InProgress;
    experiment.attempt = experiment.attempt.saturating_add(1);
    experiment.started_at = experiment.started_at.or(Some(now));
    experiment.phases.clear();
    experiment.work = Some(Work {
        worker: worker.name.clone(),
        claimed_at: now,
        lease_expires_at: lease_end(now),
        phase: None,
        progress: None,
    });
    row.last_end = None;
    rows::change(connection, &row, Status::Queued)?;
    rows::bump(connection)?;
    let holder = Holder { worker: worker.name.clone(), attempt: row.experiment.attempt };
    Ok((Some(ClaimedWork { experiment: row.experiment, holder }), !lost.is_empty()))
}

pub(crate) fn heartbeat(
    connection: &Connection,
    id: &ExperimentId,
    beat: &Heartbeat,
    now: Timestamp,
) -> Result<Timestamp, Fail> {
    let mut experiment = held(connection, id, &beat.holder)?.experiment;
    let lease = lease_end(now);
    if let Some(work) = &mut experiment.work {
        work.lease_expires_at = lease;
        work.phase = beat.phase.or(work.phase);
        work.progress =
            beat.progress.filter(|progress| progress.is_finite()).map(|progress| progress.clamp(0.0, 1.0));
    }
    rows::progress(connection, &experiment)?;
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
    let mut experiment = held(connection, id, holder)?.experiment;
    // The same report again changes nothing, so that a worker may repeat one whose answer was lost.
    if experiment.phases.contains(phase) {
        return Ok(());
    }
    if experiment.phases.len() >= MAX_PHASES {
        experiment.phases.remove(0);
    }
    experiment.phases.push(phase.clone());
    rows::progress(connection, &experiment)?;
    seen(connection, &holder.worker, now)?;
    rows::bump(connection)
}

/// The row of work that `holder` holds.
pub(crate) fn held(connection: &Connection, id: &ExperimentId, holder: &Holder) -> Result<Row, Fail> {
    let row = rows::get(connection, id)?;
    let by = row.experiment.work.as_ref().map(|work| work.worker.as_str());
    if row.experiment.attempt == holder.attempt && by == Some(holder.worker.as_str()) {
        Ok(row)
    } else {
        Err(lost(id, holder).into())
    }
}

/// Says that a report came too late.
pub(crate) fn lost(id: &ExperimentId, holder: &Holder) -> Error {
    Error::Lost { id: id.clone(), attempt: holder.attempt, worker: holder.worker.clone() }
}

/// Takes work from a worker that was not heard of: queued again, or failed for good.
fn lose(connection: &Connection, row: Row, now: Timestamp) -> Result<(), Fail> {
    let work = row.experiment.work.as_ref();
    let (worker, phase) = work.map_or(("a worker", None), |work| (work.worker.as_str(), work.phase));
    let failure = FailureSummary {
        fault: Fault::Infrastructure,
        phase: phase.unwrap_or(Phase::Deployment),
        kind: "worker_lost".to_owned(),
        message: format!(
            "{worker} was not heard of for {} s; attempts lost: {} of {MAX_LOST_ATTEMPTS}",
            LEASE.as_secs(),
            row.experiment.lost_attempts.saturating_add(1)
        ),
    };
    give_up_or_requeue(connection, row, failure, now)?;
    Ok(())
}

/// An attempt was lost by the infrastructure's fault.
pub(crate) fn give_up_or_requeue(
    connection: &Connection,
    mut row: Row,
    failure: FailureSummary,
    now: Timestamp,
) -> Result<Experiment, Fail> {
    let before = row.experiment.status;
    let experiment = &mut row.experiment;
    experiment.lost_attempts = experiment.lost_attempts.saturating_add(1);
    experiment.work = None;
    if experiment.lost_attempts >= MAX_LOST_ATTEMPTS {
        experiment.status = Status::Failed;
        experiment.failure = Some(failure);
        experiment.ended_at = Some(now);
    } else {
        experiment.status = Status::Queued;
    }
    rows::change(connection, &row, before)?;
    rows::bump(connection)?;
    Ok(row.experiment)
}

fn lease_end(now: Timestamp) -> Timestamp {
    now.checked_add(LEASE).unwrap_or(Timestamp::MAX)
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
