//! What was done on one day, counted from what the catalog keeps.

use crate::Error;
use aiv1_model::{Arm, Event, Note};
use aiv1_store::{Catalog, Order, Query};
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
    let (mut spent, mut cursor) = (0_u64, None);
    loop {
        let page = catalog.journal(cursor.as_deref(), Query::MAX_LIMIT).await?;
        let recent: Vec<_> = page.entries.iter().take_while(|entry| entry.at >= since).collect();
        for entry in &recent {
            if let Event::Note(Note::ModelCalled { cost, at_most_microdollars, .. }) = &entry.event {
                let counted = cost.microdollars.or(*at_most_microdollars).unwrap_or(0);
                spent = spent.saturating_add(counted);
            }
        }
        cursor = page.next.filter(|_| recent.len() == page.entries.len());
        if cursor.is_none() {
            return Ok(spent);
        }
    }
}
