//! The journal, and what is written into it: what is done to experiments, and what happens to the lab.

use crate::database::Fail;
use crate::{lab, rows};
use aiv1_model::{Action, Experiment, ExperimentId, Note};
use aiv1_store::{JournalPage, Line, LoopState};
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// Does something to an experiment; the line is part of it.
pub(crate) fn act(
    connection: &Connection,
    id: &ExperimentId,
    by: &str,
    action: &Action,
    now: Timestamp,
) -> Result<Experiment, Fail> {
    let before = rows::get(connection, id)?;
    let mut row = before.clone();
    let line = row.act(by, action, now)?;
    rows::change(connection, &row, before.experiment.status)?;
    if row.has_fallen_since(&before) {
        unrank(connection, &row.experiment)?;
    }
    if row.is_purged() {
        let mut statement = connection.prepare_cached("DELETE FROM records WHERE number = ?1")?;
        statement.execute([row.experiment.number as i64])?;
    }
    write(connection, line)?;
    Ok(row.experiment)
}

/// The best of its arm is the best of the rest, and its milestones are marked. It is in no ranking any more.
fn unrank(connection: &Connection, experiment: &Experiment) -> Result<(), Fail> {
    let mut statement = connection.prepare_cached(
        "UPDATE arms SET best = (SELECT bd_rate FROM experiments INDEXED BY by_best_arm
             WHERE arm = ?1 AND bd_rate IS NOT NULL ORDER BY bd_rate, number LIMIT 1)
         WHERE arm = ?1",
    )?;
    statement.execute([rows::arm_code(experiment.origin.arm)])?;
    let mut statement = connection.prepare_cached(
        "UPDATE milestones SET milestone = json_set(milestone, '$.retracted', json('true'))
         WHERE json_extract(milestone, '$.experiment') = ?1",
    )?;
    statement.execute([experiment.id.as_str()])?;
    Ok(())
}

/// Notes what happened to the lab, if it changes anything; where the loop stands then.
pub(crate) fn note(
    connection: &Connection,
    by: &str,
    note: &Note,
    now: Timestamp,
) -> Result<LoopState, Fail> {
    let mut state = lab::loop_state(connection)?;
    if !state.note(note, now) {
        return Ok(state);
    }
    lab::change_loop(connection, &state)?;
    write(connection, Line::of_note(by, note, now))?;
    lab::loop_state(connection)
}

/// Writes the next line, which a page could show.
fn write(connection: &Connection, line: Line) -> Result<(), Fail> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(number), 0) + 1 FROM journal")?;
    let number: i64 = statement.query_row([], |row| row.get(0))?;
    let entry = rows::write_json("a line of the journal", &line.numbered(number as u64))?;
    let mut statement = connection.prepare_cached("INSERT INTO journal (number, entry) VALUES (?1, ?2)")?;
    statement.execute(params![number, entry])?;
    rows::bump(connection)
}

pub(crate) fn page(connection: &Connection, cursor: Option<&str>, limit: u32) -> Result<JournalPage, Fail> {
    let (before, limit) = JournalPage::asked(cursor, limit)?;
    let mut statement = connection.prepare_cached(
        "SELECT number, entry FROM journal WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let mut found = statement.query([before as i64, (limit + 1) as i64])?;
    let mut entries = Vec::with_capacity(limit + 1);
    while let Some(row) = found.next()? {
        let (number, text): (i64, String) = (row.get(0)?, row.get(1)?);
        entries.push(rows::read_json(|| format!("line {number} of the journal"), &text)?);
    }
    Ok(JournalPage::of(entries, limit))
}
