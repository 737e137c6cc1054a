//! What was done on one day, counted from what the catalog keeps.

use crate::Error;
use aiv1_model::{Arm, Event, Note};
use aiv1_store::{Catalog, Order, Query, journal_since};
use jiff::Timestamp;

/// How many experiments the loop submitted since then; what is past `most` is not counted.
pub(crate) async fn submitted(catalog: &dyn Catalog, since: Timestamp, most: u64) -> Result<u64, Error> {
    let mut count = 0;
    for arm in Arm::ALL.into_iter().filter(|arm| *arm != Arm::Person) {
        let mut query =
            Query { arm: Some(arm), order: Order::Newest, limit: Query::MAX_LIMIT, ..Query::default() };
        while count < most {
            let page = catalog.list(&query).await?;
            let recent = page.experiments.iter().take_while(|summary| summary.submitted_at >= since).count();
            count += recent as u64;
            query.cursor = page.next.filter(|_| recent == page.experiments.len());
            if query.cursor.is_none() {
                break;
            }
        }
    }
    Ok(count)
}

/// What models may have cost since then, in millionths of a US dollar: where a price was not told, the most that it may
/// have been.
pub(crate) async fn spent(catalog: &dyn Catalog, since: Timestamp) -> Result<u64, Error> {
    let lines = journal_since(catalog, since).await?;
    let counted = lines.iter().filter_map(|line| match &line.event {
        Event::Note(Note::ModelCalled { cost, at_most_microdollars, .. }) => {
            cost.microdollars.or(*at_most_microdollars)
        }
        _ => None,
    });
    Ok(counted.fold(0, u64::saturating_add))
}
