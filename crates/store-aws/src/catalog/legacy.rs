//! Records of the earlier system, as the importer read them. The items that it left in a table of its own are not touched.

use super::DynamoCatalog;
use crate::table::item::{text, write_document};
use crate::table::key::{self, MAX_SORT};
use crate::table::{
    Condition, DOCUMENT, Edit, Item, Key, MARK, REVISION, Stretch, Transaction, Turns, token,
};
use aiv1_model::{LegacyExperiment, LegacyId};
use aiv1_store::{Error, LegacyPage, Query};
use futures_util::future::try_join;

const ID: &str = "id";
const TOTAL: &str = "total";
/// Begins a cursor of this list, which is no cursor of another.
const TAG: char = 'l';

impl DynamoCatalog {
    pub(super) async fn keep_legacy(&self, legacy: &LegacyExperiment) -> Result<bool, Error> {
        let mut turns = Turns::new("keep a record of the earlier system");
        let id = legacy.id.as_str();
        loop {
            let found = self.table.get(turns.action(), &Key::legacy(id)).await?;
            let before =
                found.as_ref().map(|item| item.document::<LegacyExperiment>(DOCUMENT)).transpose()?;
            let merged = before.clone().map_or_else(|| legacy.clone(), |before| before.merge(legacy.clone()));
            if before.as_ref() == Some(&merged) {
                return Ok(false);
            }
            let place = Key::legacy_at(id, merged.recorded_at);
            let (token, mut transaction) = (token(), Transaction::default());
            let item = Item::new(&Key::legacy(id)).text(MARK, &token);
            let item = item.text(DOCUMENT, write_document(&format!("legacy record {id}"), &merged)?);
            let mark = found.as_ref().map(|found| found.get_text(MARK)).transpose()?;
            let condition = mark.map_or(Condition::Absent, |mark| Condition::Is(MARK, text(mark)));
            transaction.put_if(item, condition);
            if found.is_none() {
                transaction.update(Key::legacy_count(), Edit::default().add(TOTAL, 1));
            }
            let old = before.map(|before| Key::legacy_at(id, before.recorded_at));
            if let Some(old) = old.filter(|old| *old != place) {
                transaction.delete(old);
            }
            transaction.put(Item::new(&place).text(ID, id));
            transaction.update(Key::revision(), Edit::default().add(REVISION, 1));
            if self.table.commit_marked(turns.action(), &token, transaction, &Key::legacy(id)).await? {
                return Ok(true);
            }
            turns.next().await?;
        }
    }

    pub(super) async fn find_legacy(&self, id: &str) -> Result<Option<LegacyExperiment>, Error> {
        // What is no id of theirs has no key of ours.
        let Ok(id) = LegacyId::try_from(id.to_owned()) else { return Ok(None) };
        let found = self.table.get("read a record of the earlier system", &Key::legacy(id.as_str())).await?;
        found.map(|item| item.document(DOCUMENT)).transpose()
    }

    pub(super) async fn page_of_legacy(&self, cursor: Option<&str>, limit: u32) -> Result<LegacyPage, Error> {
        let action = "list records of the earlier system";
        let limit = limit.clamp(1, Query::MAX_LIMIT) as usize;
        let before = cursor.map(read_cursor).transpose()?.unwrap_or(MAX_SORT);
        // One row more than the page has says whether there is another page.
        let stretch = Stretch::until(key::LEGACY, before, limit + 1).backwards();
        let count = Key::legacy_count();
        let reads = try_join(self.table.query(action, stretch), self.table.get(action, &count));
        let (mut entries, total) = reads.await?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let ids = entries.iter().map(|entry| entry.get_text(ID)).collect::<Result<Vec<_>, _>>()?;
        let found = self.table.get_all(action, ids.iter().map(|id| Key::legacy(id)).collect()).await?;
        let known = ids.iter().filter_map(|id| found.get(&Key::legacy(id)));
        let next = match entries.last().filter(|_| more) {
            Some(last) => last.key()?.sort.checked_sub(1).map(|sort| format!("{TAG}{sort}")),
            None => None,
        };
        Ok(LegacyPage {
            experiments: known.map(|item| item.document(DOCUMENT)).collect::<Result<_, _>>()?,
            total: total.map(|item| item.get_number(TOTAL)).transpose()?.unwrap_or(0),
            next,
        })
    }
}

/// The greatest sort key of the page that a cursor stands for.
fn read_cursor(text: &str) -> Result<u128, Error> {
    let refused = || Error::Cursor(text.chars().take(80).collect());
    let sort: u128 = text.strip_prefix(TAG).ok_or_else(refused)?.parse().map_err(|_| refused())?;
    if sort <= MAX_SORT && format!("{TAG}{sort}") == text { Ok(sort) } else { Err(refused()) }
}
