//! Lists: a stretch of an index, entered where the page before ended, and the experiments that it names.

use super::DynamoCatalog;
use super::entries::Stored;
use crate::table::key::{self, Base, MAX_SORT};
use crate::table::{Key, Stretch};
use aiv1_model::{Experiment, ExperimentId, Summary};
use aiv1_store::{Entry, Error, Order, Page, Query};

const ACTION: &str = "list experiments";

impl DynamoCatalog {
    pub(super) async fn list_experiments(&self, query: &Query) -> Result<Page, Error> {
        let limit = query.limit.clamp(1, Query::MAX_LIMIT) as usize;
        let mut after = query.cursor.as_deref().map(|text| read_cursor(text, query.order)).transpose()?;
        let partition = key::list(Base::of(query.order), query.status, query.codec.as_ref(), query.arm);
        let mut rows: Vec<(u128, Summary)> = Vec::with_capacity(limit + 1);
        // An experiment may change between being listed and being read. One that is no longer listed here is left out,
        // and the page filled from what follows.
        loop {
            // One row more than the page has says whether there is another page.
            let wanted = limit + 1 - rows.len();
            let Some(stretch) = beyond(&partition, query.order, after, wanted) else { break };
            let entries = self.table.query(ACTION, stretch).await?;
            let ids = entries.iter().map(|entry| {
                let id = ExperimentId::try_from(entry.get_text("id")?.to_owned());
                Ok((entry.key()?.sort, id.map_err(|error| entry.damaged("id", &error))?))
            });
            let ids = ids.collect::<Result<Vec<_>, Error>>()?;
            let found =
                self.table.get_all(ACTION, ids.iter().map(|(_, id)| Key::experiment(id)).collect()).await?;
            for (sort, id) in &ids {
                let Some(item) = found.get(&Key::experiment(id)) else { continue };
                let entry = Stored::read(item)?.entry;
                if is_listed(&entry, query, *sort) {
                    rows.push((*sort, entry.experiment.summary()));
                }
            }
            after = ids.last().map(|(sort, _)| *sort);
            if ids.len() < wanted || rows.len() > limit {
                break;
            }
        }
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(sort, _)| write_cursor(*sort, query.order));
        Ok(Page { experiments: rows.into_iter().map(|(_, summary)| summary).collect(), next })
    }
}

/// Whether a list still has an experiment at this place.
fn is_listed(entry: &Entry, query: &Query, place: u128) -> bool {
    let Experiment { status, submission, origin, .. } = &entry.experiment;
    query.status.is_none_or(|wanted| wanted == *status)
        && query.codec.is_none_or(|wanted| wanted == submission.source)
        && query.arm.is_none_or(|wanted| wanted == origin.arm)
        && Base::of(query.order).place(entry) == Some(place)
}

/// What follows a row in an order; `None` if nothing can.
fn beyond(partition: &str, order: Order, after: Option<u128>, limit: usize) -> Option<Stretch<'_>> {
    let whole = Stretch::whole(partition, limit);
    Some(match (order, after) {
        (Order::Newest, None) => whole.backwards(),
        (Order::Newest, Some(after)) => Stretch { to: after.checked_sub(1)?, ..whole.backwards() },
        (_, None) => whole,
        (_, Some(after)) => Stretch { from: (after < MAX_SORT).then(|| after + 1)?, ..whole },
    })
}

const fn tag(order: Order) -> char {
    match order {
        Order::Newest => 'n',
        Order::Oldest => 'o',
        Order::Best => 'b',
        Order::Cheapest => 'c',
    }
}

fn write_cursor(sort: u128, order: Order) -> String {
    format!("{}{sort}", tag(order))
}

fn read_cursor(text: &str, order: Order) -> Result<u128, Error> {
    let refused = || Error::Cursor(text.chars().take(80).collect());
    let digits = text.strip_prefix(tag(order)).ok_or_else(refused)?;
    let sort: u128 = digits.parse().map_err(|_| refused())?;
    // One place, one cursor: neither a sign nor leading zeros.
    if sort <= MAX_SORT && write_cursor(sort, order) == text { Ok(sort) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_only_as_it_was_written() {
        let cursor = write_cursor(42, Order::Best);
        assert_eq!(read_cursor(&cursor, Order::Best).unwrap(), 42);
        for wrong in
            ["", "42", "b", "b042", "b+42", "b-1", "c42", "b9999999999999999999999999999999999999999"]
        {
            assert!(matches!(read_cursor(wrong, Order::Best), Err(Error::Cursor(_))), "{wrong}");
        }
    }
}
