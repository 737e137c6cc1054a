//! Previews and archives that are asked for, as rows; what happens to one is the rule of [`RebuildJob`].

use crate::database::Fail;
use crate::rows;
use aiv1_store::{
    BlobKey, Error, MAX_WAITING_REBUILDS, Rebuild, RebuildClaim, RebuildJob, RebuildState, RebuildStatus,
};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

const QUEUED: i64 = 0;
const RUNNING: i64 = 1;
const DONE: i64 = 2;
const FAILED: i64 = 3;

/// A row, as it lies there.
struct Columns {
    state: i64,
    reason: Option<String>,
    requested_at: i64,
    queued_at: i64,
    attempt: i64,
    lost: i64,
    lease_expires_at: Option<i64>,
}

impl Columns {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            state: row.get(0)?,
            reason: row.get(1)?,
            requested_at: row.get(2)?,
            queued_at: row.get(3)?,
            attempt: row.get(4)?,
            lost: row.get(5)?,
            lease_expires_at: row.get(6)?,
        })
    }

    fn job(self, path: &str) -> Result<RebuildJob, Fail> {
        let damaged =
            |reason: &dyn std::fmt::Display| rows::damaged(&format!("the rebuild of {path}"), reason);
        let time = |micros| Timestamp::from_microsecond(micros).map_err(|error| damaged(&error));
        let state = match self.state {
            QUEUED => RebuildState::Queued,
            RUNNING => RebuildState::Running,
            DONE => RebuildState::Done,
            FAILED => RebuildState::Failed { reason: self.reason.unwrap_or_default() },
            other => return Err(damaged(&format!("state {other}")).into()),
        };
        Ok(RebuildJob {
            state,
            requested_at: time(self.requested_at)?,
            queued_at: time(self.queued_at)?,
            attempt: self.attempt as u32,
            lost: self.lost as u32,
            lease_expires_at: self.lease_expires_at.map(time).transpose()?,
        })
    }
}

fn find(connection: &Connection, path: &str) -> Result<Option<RebuildJob>, Fail> {
    let mut statement = connection.prepare_cached(
        "SELECT state, reason, requested_at, queued_at, attempt, lost, lease_expires_at FROM rebuilds WHERE path = ?1",
    )?;
    let found = statement.query_row([path], Columns::read).optional()?;
    found.map(|columns| columns.job(path)).transpose()
}

fn keep(connection: &Connection, path: &str, job: &RebuildJob) -> Result<(), Fail> {
    let (state, reason) = match &job.state {
        RebuildState::Queued => (QUEUED, None),
        RebuildState::Running => (RUNNING, None),
        RebuildState::Done => (DONE, None),
        RebuildState::Failed { reason } => (FAILED, Some(reason)),
    };
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO rebuilds
             (path, state, reason, requested_at, queued_at, attempt, lost, lease_expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let lease = job.lease_expires_at.map(rows::micros);
    let (requested_at, queued_at) = (rows::micros(job.requested_at), rows::micros(job.queued_at));
    statement.execute(params![path, state, reason, requested_at, queued_at, job.attempt, job.lost, lease])?;
    Ok(())
}

/// Makes a change that a page could show, if there is one to make; whether there was.
fn change(
    connection: &Connection,
    path: &str,
    change: impl FnOnce(&mut RebuildJob) -> bool,
) -> Result<bool, Fail> {
    let Some(mut job) = find(connection, path)? else { return Ok(false) };
    let changed = change(&mut job);
    if changed {
        keep(connection, path, &job)?;
        rows::bump(connection)?;
    }
    Ok(changed)
}

pub(crate) fn rebuild(connection: &Connection, target: &Rebuild) -> Result<Option<RebuildStatus>, Fail> {
    Ok(find(connection, &target.key().path())?.map(|job| job.status()))
}

/// Where it stands, if asking for it would change nothing.
pub(crate) fn is_asked(
    connection: &Connection,
    target: &Rebuild,
    now: Timestamp,
) -> Result<Option<RebuildStatus>, Fail> {
    let job = find(connection, &target.key().path())?;
    Ok(job.filter(|job| !job.clone().ask(now)).map(|job| job.status()))
}

pub(crate) fn request(
    connection: &Connection,
    target: &Rebuild,
    now: Timestamp,
) -> Result<RebuildStatus, Fail> {
    let path = target.key().path();
    let known = find(connection, &path)?;
    let under_way = known.as_ref().is_some_and(|job| job.state.is_under_way());
    let (mut job, is_new) = known.map_or_else(|| (RebuildJob::new(now), true), |job| (job, false));
    if is_new || job.ask(now) {
        // That it was asked for once more is on no page.
        if !under_way {
            refuse_a_flood(connection)?;
            rows::bump(connection)?;
        }
        keep(connection, &path, &job)?;
    }
    Ok(job.status())
}

/// Refuses one more rebuild while as many wait as may.
fn refuse_a_flood(connection: &Connection) -> Result<(), Fail> {
    let mut statement = connection.prepare_cached("SELECT COUNT(*) FROM rebuilds WHERE state = 0")?;
    let (waiting, most) = (statement.query_row([], |row| row.get::<_, i64>(0))? as u64, MAX_WAITING_REBUILDS);
    if waiting < most { Ok(()) } else { Err(Error::Busy { waiting, most }.into()) }
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
    requeue_lapsed(connection, now)?;
    let mut statement =
        connection.prepare_cached("SELECT path FROM rebuilds WHERE state = 0 ORDER BY queued_at LIMIT 1")?;
    let Some(path) = statement.query_row([], |row| row.get::<_, String>(0)).optional()? else {
        return Ok(None);
    };
    match BlobKey::parse(&path).map_err(|error| rows::damaged("a rebuild", &error))? {
        BlobKey::Reconstructed(target) => begin(connection, &target, lease, now),
        BlobKey::Object { .. } => Err(rows::damaged("a rebuild", &format!("{path} is never rebuilt")).into()),
    }
}

pub(crate) fn begin(
    connection: &Connection,
    target: &Rebuild,
    lease: SignedDuration,
    now: Timestamp,
) -> Result<Option<RebuildClaim>, Fail> {
    let mut attempt = None;
    change(connection, &target.key().path(), |job| {
        let lapsed = job.lapse(now);
        attempt = job.begin(lease, now).then_some(job.attempt);
        lapsed || attempt.is_some()
    })?;
    Ok(attempt.map(|attempt| RebuildClaim { target: target.clone(), attempt }))
}

/// Renewing shows on no page: the revision stays, so that work under way does not renew every page.
pub(crate) fn renew(
    connection: &Connection,
    claim: &RebuildClaim,
    lease: SignedDuration,
    now: Timestamp,
) -> Result<bool, Fail> {
    let path = claim.target.key().path();
    let Some(mut job) = find(connection, &path)? else { return Ok(false) };
    let held = job.renew(claim.attempt, lease, now);
    if held {
        keep(connection, &path, &job)?;
    }
    Ok(held)
}

pub(crate) fn release(
    connection: &Connection,
    claim: &RebuildClaim,
    lost: Option<&str>,
) -> Result<bool, Fail> {
    change(connection, &claim.target.key().path(), |job| job.release(claim.attempt, lost))
}

pub(crate) fn end(
    connection: &Connection,
    claim: &RebuildClaim,
    outcome: &Result<(), String>,
) -> Result<bool, Fail> {
    change(connection, &claim.target.key().path(), |job| job.end(claim.attempt, outcome))
}

/// Queues again what lost consumers left behind, or gives it up; how many.
pub(crate) fn requeue_lapsed(connection: &Connection, now: Timestamp) -> Result<u64, Fail> {
    let mut statement =
        connection.prepare_cached("SELECT path FROM rebuilds WHERE state = 1 AND lease_expires_at <= ?1")?;
    let paths = statement.query_map([rows::micros(now)], |row| row.get::<_, String>(0))?;
    let paths: Vec<_> = paths.collect::<Result<_, _>>()?;
    let mut lapsed = 0;
    for path in &paths {
        lapsed += u64::from(change(connection, path, |job| job.lapse(now))?);
    }
    Ok(lapsed)
}
