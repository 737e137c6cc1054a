//! Records of the earlier system: kept under their ids, listed latest first.

use crate::database::Fail;
use crate::rows;
use aiv1_model::{LegacyExperiment, LegacyId};
use aiv1_store::{Error, LegacyPage, Query};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Tells these cursors from those of other lists.
const TAG: u8 = b'l';

/// Both bounds are there on the first page, too, so that there is one form of statement; `limit` counts one row more than
/// the page has, which says whether there is another page.
const LIST: &str = "SELECT recorded_at, id, record FROM legacy INDEXED BY legacy_by_time
    WHERE (recorded_at, id) < (?1, ?2) ORDER BY recorded_at DESC, id DESC LIMIT ?3";

/// Where a page ends: its last row. Times are after 1970, as the reader sees to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Position {
    recorded_at: i64,
    id: String,
}

impl Position {
    fn write(&self) -> String {
        let mut bytes = vec![TAG];
        bytes.extend(self.recorded_at.to_be_bytes());
        bytes.extend(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tag, rest) = bytes.split_first()?;
        let (time, id) = rest.split_first_chunk()?;
        let (recorded_at, id) = (i64::from_be_bytes(*time), String::from_utf8(id.to_vec()).ok()?);
        let sound = *tag == TAG && recorded_at >= 0 && LegacyId::try_from(id.clone()).is_ok();
        sound.then_some(Self { recorded_at, id })
    }
}

pub(crate) fn put(connection: &Connection, record: &LegacyExperiment) -> Result<bool, Fail> {
    let id = record.id.as_str();
    let known = find(connection, id)?;
    let merged = known.clone().map_or_else(|| record.clone(), |known| known.merge(record.clone()));
    if known.as_ref() == Some(&merged) {
        return Ok(false);
    }
    let text = rows::write_json("a legacy record", &merged)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO legacy (id, recorded_at, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET recorded_at = excluded.recorded_at, record = excluded.record",
    )?;
    statement.execute(params![id, rows::micros(merged.recorded_at), text])?;
    if known.is_none() {
        connection.prepare_cached("UPDATE state SET legacy = legacy + 1")?.execute([])?;
    }
    rows::bump(connection)?;
    Ok(true)
}

pub(crate) fn find(connection: &Connection, id: &str) -> Result<Option<LegacyExperiment>, Fail> {
    let mut statement = connection.prepare_cached("SELECT record FROM legacy WHERE id = ?1")?;
    let text: Option<String> = statement.query_row([id], |row| row.get(0)).optional()?;
    Ok(text.map(|text| rows::read_json(|| format!("the legacy record {id}"), &text)).transpose()?)
}

/// How many there are.
fn total(connection: &Connection) -> Result<u64, Fail> {
    let mut statement = connection.prepare_cached("SELECT legacy FROM state")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))? as u64)
}

pub(crate) fn list(connection: &Connection, cursor: Option<&str>, limit: u32) -> Result<LegacyPage, Fail> {
    let after = match cursor {
        None => Position { recorded_at: i64::MAX, id: String::new() },
        Some(text) => Position::read(text).ok_or_else(|| Error::Cursor(text.chars().take(80).collect()))?,
    };
    let limit = limit.clamp(1, Query::MAX_LIMIT) as usize;
    let mut statement = connection.prepare_cached(LIST)?;
    let mut found = statement.query(params![after.recorded_at, after.id, (limit + 1) as i64])?;
    let (mut experiments, mut last, mut next) = (Vec::with_capacity(limit), after, None);
    while let Some(row) = found.next()? {
        if experiments.len() == limit {
            next = Some(last.write());
            break;
        }
        last = Position { recorded_at: row.get(0)?, id: row.get(1)? };
        let text = row.get_ref(2)?.as_str().map_err(|error| rows::damaged("a legacy record", &error))?;
        experiments.push(rows::read_json(|| format!("the legacy record {}", last.id), text)?);
    }
    Ok(LegacyPage { experiments, total: total(connection)?, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_a_search_in_its_index_that_neither_scans_nor_sorts() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrations().to_latest(&mut connection).unwrap();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {LIST}")).unwrap();
        let plan = explain.query_map(params![1, "id", 51], |row| row.get::<_, String>(3)).unwrap();
        let plan = plan.map(Result::unwrap).collect::<Vec<_>>().join("\n");
        assert!(plan.contains("SEARCH legacy USING INDEX legacy_by_time ((recorded_at,id)<"), "{plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let position = Position { recorded_at: 1_760_577_415_525_533, id: "real_exp_1760577415".to_owned() };
        assert_eq!(Position::read(&position.write()), Some(position.clone()));
        let before_1970 = Position { recorded_at: -1, ..position.clone() };
        let no_id = Position { id: "a/b".to_owned(), ..position };
        for wrong in [before_1970.write(), no_id.write(), String::new(), "bA".to_owned(), "A".repeat(10_000)]
        {
            assert_eq!(Position::read(&wrong), None, "{wrong:.40}");
        }
    }
}
