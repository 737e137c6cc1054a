//! Messages that a queue gave up on: whoever waits for the rebuild is told that it failed.

use aiv1_lambda::{Message, redeliver};
use aiv1_model::chain;
use aiv1_store::{Catalog, Error, RebuildMessage};
use aws_lambda_events::event::sqs::SqsBatchResponse;
use jiff::SignedDuration;

/// The claim is ended at once.
const LEASE: SignedDuration = SignedDuration::from_mins(1);

/// Ends the rebuilds that the messages asked for as failed. Answers which messages are to be delivered again: those whose
/// job somebody holds just now or could not be ended, and those that cannot be read. The latter go on to a queue of their
/// own, for an operator to look at.
pub async fn bury(catalog: &dyn Catalog, messages: Vec<Message>) -> SqsBatchResponse {
    let mut again = Vec::new();
    for message in messages {
        let done = match message.document() {
            None => false,
            Some(letter) => end(catalog, &letter, message.deliveries).await.unwrap_or_else(|error| {
                let (key, id, error) = (letter.rebuild.key(), &message.id, chain(&error));
                tracing::error!(%key, id, error, "a dead letter's rebuild was not ended");
                false
            }),
        };
        if !done {
            again.push(message.id);
        }
    }
    redeliver(again)
}

/// Whether nothing is left to do. What was asked for again since the letter was written has messages of its own, and is
/// not failed untried.
async fn end(catalog: &dyn Catalog, message: &RebuildMessage, deliveries: u32) -> Result<bool, Error> {
    let RebuildMessage { rebuild, requested_at } = message;
    let Some(known) = catalog.rebuild(rebuild).await? else { return Ok(true) };
    if !known.state.is_under_way() || known.requested_at > *requested_at {
        return Ok(true);
    }
    let Some(claim) = catalog.begin_rebuild(rebuild, LEASE).await? else { return Ok(false) };
    let reason =
        format!("infrastructure: given up after {deliveries} deliveries, none of which came to an end");
    catalog.end_rebuild(&claim, &Err(reason)).await?;
    tracing::warn!(key = %rebuild.key(), deliveries, "a rebuild was given up");
    Ok(true)
}
