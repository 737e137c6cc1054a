//! Previews and archives that are asked for: one job however many ask.

use crate::database::Fail;
use crate::rows;
use aiv1_store::{BlobKey, Rebuild, RebuildClaim, RebuildState, RebuildStatus};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

const QUEUED: i64 = 0;
const RUNNING: i64 = 1;
const DONE: i64 = 2;
const FAILED: i64 = 3;

/// Asking again for what is already under way is noted at most this often, so that a crowd that asks costs no writes.
const ASKED_GRAIN: SignedDuration = SignedDuration::from_secs(5);

/// A rebuild whose consumer was lost so often fails: it may be the rebuild itself that kills it.
const MAX_LOST: i64 = 3;

/// Longest reason that is kept, in bytes.
const MAX_REASON_BYTES: usize = 1024;

struct Job {
    state: i64,
    reason: Option<String>,
    requested_at: i64,
    attempt: i64,
}

fn find(connection: &Connection, path: &str) -> Result<Option<Job>, Fail> {
    let mut statement = connection
        .prepare_cached("SELECT state, reason, requested_at, attempt FROM rebuilds WHERE path = ?1")?;
    let found = statement.query_row([path], |row| {
        Ok(Job { state: row.get(0)?, reason: row.get(1)?, requested_at: row.get(2)?, attempt: row.get(3)? })
    });
    Ok(found.optional()?)
}

fn status(path: &str, job: Job) -> Result<RebuildStatus, Fail> {
    let state = match job.state {
        QUEUED => RebuildState::Queued,
        RUNNING => RebuildState::Running,
        DONE => RebuildState::Done,
        FAILED => RebuildState::Failed { reason: job.reason.unwrap_or_default() },
        other => {
            return Err(rows::damaged(&format!("the rebuild of {path}"), &format!("state {other}")).into());
        }
    };
    let requested_at = Timestamp::from_microsecond(job.requested_at);
    let requested_at =
        requested_at.map_err(|error| rows::damaged(&format!("the rebuild of {path}"), &error))?;
    Ok(RebuildStatus { state, requested_at, attempt: job.attempt as u32 })
}

pub(crate) fn rebuild(connection: &Connection, target: &Rebuild) -> Result<Option<RebuildStatus>, Fail> {
    let path = target.key().path();
    find(connection, &path)?.map(|job| status(&path, job)).transpose()
}

/// Whether asking for it would change nothing: it is under way, and was asked for a moment ago.
pub(crate) fn is_under_way(
    connection: &Connection,
    target: &Rebuild,
    now: Timestamp,
) -> Result<Option<RebuildStatus>, Fail> {
    let path = target.key().path();
    let fresh = rows::micros(now).saturating_sub(ASKED_GRAIN.as_micros() as i64);
    let job = find(connection, &path)?;
    let job = job.filter(|job| matches!(job.state, QUEUED | RUNNING) && job.requested_at > fresh);
    job.map(|job| status(&path, job)).transpose()
}

pub(crate) fn request(
    connection: &Connection,
    target: &Rebuild,
    now: Timestamp,
) -> Result<RebuildStatus, Fail> {
    let path = target.key().path();
    let (now, job) = (rows::micros(now), find(connection, &path)?);
    if let Some(mut job) = job.filter(|job| matches!(job.state, QUEUED | RUNNING)) {
        let mut statement =
            connection.prepare_cached("UPDATE rebuilds SET requested_at = ?2 WHERE path = ?1")?;
        statement.execute(params![path, now])?;
        job.requested_at = now;
        return status(&path, job);
    }
    let mut statement = connection.prepare_cached(
        "INSERT INTO rebuilds (path, state, requested_at, queued_at, attempt, lost) VALUES (?1, 0, ?2, ?2, 0, 0)
         ON CONFLICT (path) DO UPDATE SET state = 0, reason = NULL, requested_at = ?2, queued_at = ?2, lost = 0,
             lease_expires_at = NULL
         RETURNING attempt",
    )?;
    let attempt = statement.query_row(params![path, now], |row| row.get(0))?;
    rows::bump(connection)?;
    status(&path, Job { state: QUEUED, reason: None, requested_at: now, attempt })
}

/// Whether there is anything to claim.
pub(crate) fn is_waiting(connection: &Connection, now: Timestamp) -> Result<bool, Fail> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM rebuilds WHERE state = 0)
             OR EXISTS (SELECT 1 FROM rebuilds WHERE state = 1 AND lease_expires_at <= ?1)",
    )?;
    Ok(statement.query_row([rows::micros(now)], |row| row.get(0))?)
}

pub(crate) fn claim(
    connection: &Connection,
    lease: SignedDuration,
    now: Timestamp,
) -> Result<Option<RebuildClaim>, Fail> {
    if requeue_lapsed(connection, rows::micros(now))? {
        rows::bump(connection)?;
    }
    let mut statement = connection.prepare_cached(
        "UPDATE rebuilds SET state = 1, attempt = attempt + 1, lease_expires_at = ?1
         WHERE path = (SELECT path FROM rebuilds WHERE state = 0 ORDER BY queued_at LIMIT 1)
         RETURNING path, attempt",
    )?;
    let until = rows::micros(now.checked_add(lease).unwrap_or(Timestamp::MAX));
    let claimed = statement.query_row([until], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    let Some((path, attempt)) = claimed.optional()? else { return Ok(None) };
    rows::bump(connection)?;
    match BlobKey::parse(&path).map_err(|error| rows::damaged("a rebuild", &error))? {
        BlobKey::Reconstructed(target) => Ok(Some(RebuildClaim { target, attempt: attempt as u32 })),
        BlobKey::Object { .. } => Err(rows::damaged("a rebuild", &format!("{path} is never rebuilt")).into()),
    }
}

/// Takes every rebuild that is under way from its consumer, as if its lease had lapsed; whether there was any.
pub(crate) fn release(connection: &Connection) -> Result<bool, Fail> {
    let any = requeue_lapsed(connection, i64::MAX)?;
    if any {
        rows::bump(connection)?;
    }
    Ok(any)
}

/// Queues again what lost consumers left behind, or gives it up; whether there was any.
fn requeue_lapsed(connection: &Connection, now: i64) -> Result<bool, Fail> {
    let mut statement = connection.prepare_cached(
        "UPDATE rebuilds SET lost = lost + 1, lease_expires_at = NULL,
             state = CASE WHEN lost + 1 >= ?2 THEN 3 ELSE 0 END,
             reason = CASE WHEN lost + 1 >= ?2 THEN 'it was begun ' || ?2 || ' times and never came to an end' END
         WHERE state = 1 AND lease_expires_at <= ?1",
    )?;
    Ok(statement.execute([now, MAX_LOST])? > 0)
}

pub(crate) fn end(
    connection: &Connection,
    claim: &RebuildClaim,
    outcome: &Result<(), String>,
) -> Result<(), Fail> {
    let (state, reason) = match outcome {
        Ok(()) => (DONE, None),
        Err(reason) => (FAILED, Some(&reason[..reason.floor_char_boundary(MAX_REASON_BYTES)])),
    };
    let mut statement = connection.prepare_cached(
        "UPDATE rebuilds SET state = ?3, reason = ?4, lease_expires_at = NULL
         WHERE path = ?1 AND attempt = ?2 AND state = 1",
    )?;
    let changed = statement.execute(params![claim.target.key().path(), claim.attempt, state, reason])?;
    if changed > 0 { rows::bump(connection) } else { Ok(()) }
}
