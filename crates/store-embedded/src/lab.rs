//! Codecs, clips, workers, milestones, the loop's state: what is read whole.

use crate::database::Fail;
use crate::{legacy, list, rows};
use aiv1_model::api::{ClipEntry, WorkerStatus};
use aiv1_model::{Arm, Digest, ExperimentId, Record};
use aiv1_store::{Codec, LoopState, Milestone, Overview, WORKER_MEMORY};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

pub(crate) fn revision(connection: &Connection) -> Result<u64, Fail> {
    let mut statement = connection.prepare_cached("SELECT revision FROM state")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))? as u64)
}

/// Everything of one snapshot.
pub(crate) fn overview(connection: &Connection, now: Timestamp) -> Result<Overview, Fail> {
    let best = list::list(connection, &Overview::best_query())?.experiments;
    let record = best.first().map(|first| record(connection, &first.id)).transpose()?.flatten();
    Ok(Overview {
        counts: rows::counts(connection)?,
        best,
        record,
        milestones: milestones(connection)?,
        state: loop_state(connection)?,
        workers: workers(connection, now)?,
        waiting: list::list(connection, &Overview::waiting_query())?,
        codecs: codecs(connection)?,
        legacy: legacy::list(connection, None, Overview::LEGACY)?,
    })
}

pub(crate) fn record(connection: &Connection, id: &ExperimentId) -> Result<Option<Record>, Fail> {
    let mut statement = connection
        .prepare_cached("SELECT record FROM experiments JOIN records USING (number) WHERE id = ?1")?;
    let text: Option<String> = statement.query_row([id.as_str()], |row| row.get(0)).optional()?;
    Ok(text.map(|text| rows::read_json(|| format!("the record of {id}"), &text)).transpose()?)
}

pub(crate) fn workers(connection: &Connection, now: Timestamp) -> Result<Vec<WorkerStatus>, Fail> {
    let mut statement = connection.prepare_cached(
        "SELECT info, last_seen, ended, (SELECT id FROM experiments WHERE worker = workers.name LIMIT 1)
         FROM workers WHERE last_seen > ?1 ORDER BY last_seen DESC LIMIT 100",
    )?;
    let since = rows::micros(now).saturating_sub(WORKER_MEMORY.as_micros() as i64);
    let mut found = statement.query([since])?;
    let mut workers = Vec::new();
    while let Some(row) = found.next()? {
        let experiment: Option<String> = row.get(3)?;
        let experiment = experiment.map(ExperimentId::try_from).transpose();
        workers.push(WorkerStatus {
            info: rows::read_json(|| "a worker".to_owned(), &row.get::<_, String>(0)?)?,
            last_seen: Timestamp::from_microsecond(row.get(1)?)
                .map_err(|error| rows::damaged("a time", &error))?,
            experiment: experiment.map_err(|error| rows::damaged("an id", &error))?,
            ended: row.get::<_, i64>(2)? as u64,
        });
    }
    Ok(workers)
}

pub(crate) fn codec(connection: &Connection, source: &Digest) -> Result<Option<Codec>, Fail> {
    let mut statement = connection.prepare_cached(
        "SELECT source, name, first_seen, declaration, decoder, experiments FROM codecs WHERE source = ?1",
    )?;
    let mut found = statement.query([source.to_string()])?;
    found.next()?.map(read_codec).transpose()
}

pub(crate) fn codecs(connection: &Connection) -> Result<Vec<Codec>, Fail> {
    let mut statement = connection.prepare_cached(
        "SELECT source, name, first_seen, declaration, decoder, experiments FROM codecs
         ORDER BY number DESC LIMIT 200",
    )?;
    let mut found = statement.query([])?;
    let mut codecs = Vec::new();
    while let Some(row) = found.next()? {
        codecs.push(read_codec(row)?);
    }
    Ok(codecs)
}

fn read_codec(row: &Row<'_>) -> Result<Codec, Fail> {
    let source: String = row.get(0)?;
    let what = || format!("codec {source}");
    let decoder: Option<String> = row.get(4)?;
    let declaration: Option<String> = row.get(3)?;
    let first_seen: String = row.get(2)?;
    Ok(Codec {
        source: source.parse().map_err(|error| rows::damaged(&what(), &error))?,
        name: row.get(1)?,
        first_seen: first_seen.parse().map_err(|error| rows::damaged(&what(), &error))?,
        declaration: declaration.map(|text| rows::read_json(what, &text)).transpose()?,
        decoder: decoder
            .map(|text| text.parse())
            .transpose()
            .map_err(|error| rows::damaged(&what(), &error))?,
        experiments: row.get::<_, i64>(5)? as u64,
    })
}

pub(crate) fn put_clip(connection: &Connection, clip: &ClipEntry) -> Result<(), Fail> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO clips (id, entry) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET entry = excluded.entry WHERE entry <> excluded.entry",
    )?;
    let changed = statement.execute(params![clip.info.id.to_string(), rows::write_json("a clip", clip)?])?;
    if changed > 0 { rows::bump(connection) } else { Ok(()) }
}

pub(crate) fn clips(connection: &Connection) -> Result<Vec<ClipEntry>, Fail> {
    let mut statement = connection.prepare_cached("SELECT id, entry FROM clips ORDER BY number")?;
    let mut found = statement.query([])?;
    let mut clips = Vec::new();
    while let Some(row) = found.next()? {
        let (id, entry): (String, String) = (row.get(0)?, row.get(1)?);
        clips.push(rows::read_json(|| format!("clip {id}"), &entry)?);
    }
    Ok(clips)
}

pub(crate) fn milestones(connection: &Connection) -> Result<Vec<Milestone>, Fail> {
    let mut statement = connection
        .prepare_cached("SELECT number, milestone FROM milestones ORDER BY number DESC LIMIT 500")?;
    let mut found = statement.query([])?;
    let mut milestones = Vec::new();
    while let Some(row) = found.next()? {
        let (number, text): (i64, String) = (row.get(0)?, row.get(1)?);
        milestones.push(rows::read_json::<Milestone>(|| format!("milestone {number}"), &text)?);
    }
    milestones.reverse();
    // Stable: within an arm they stay in order.
    milestones.sort_by_key(|milestone| milestone.arm);
    Ok(milestones)
}

pub(crate) fn loop_state(connection: &Connection) -> Result<LoopState, Fail> {
    let mut statement = connection.prepare_cached("SELECT paused, iterations, stopped_at FROM state")?;
    let (paused, iterations, stopped_at): (bool, i64, Option<i64>) =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let stopped_at = stopped_at.map(Timestamp::from_microsecond).transpose();
    let mut statement =
        connection.prepare_cached("SELECT evaluations, spent_microdollars FROM arms WHERE arm = ?1")?;
    let (mut evaluations, mut spent_microdollars) = (Vec::with_capacity(Arm::ALL.len()), 0);
    for arm in Arm::ALL {
        let (number, spent): (i64, i64) =
            statement.query_row([rows::arm_code(arm)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        evaluations.push((arm, number as u64));
        if arm == Arm::Llm {
            spent_microdollars = spent as u64;
        }
    }
    Ok(LoopState {
        paused,
        iterations: iterations as u64,
        evaluations,
        stopped_at: stopped_at.map_err(|error| rows::damaged("when loops were told to end", &error))?,
        spent_microdollars,
    })
}

/// Writes what a note may change.
pub(crate) fn change_loop(connection: &Connection, state: &LoopState) -> Result<(), Fail> {
    let mut statement = connection.prepare_cached("UPDATE state SET paused = ?1, stopped_at = ?2")?;
    statement.execute(params![state.paused, state.stopped_at.map(rows::micros)])?;
    let mut statement =
        connection.prepare_cached("UPDATE arms SET spent_microdollars = ?2 WHERE arm = ?1")?;
    let spent = i64::try_from(state.spent_microdollars).unwrap_or(i64::MAX);
    statement.execute([rows::arm_code(Arm::Llm), spent])?;
    Ok(())
}
