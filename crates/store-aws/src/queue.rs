//! Rebuilds announced on SQS. A message only says that there is something to begin: what is to be done, and who does it,
//! stands in the catalog, so that a message that comes twice, late, out of order or never changes nothing but the time.

use crate::sdk::failed;
use aiv1_store::{Error, Rebuild, RebuildMessage};
use aws_sdk_sqs::Client;
use jiff::Timestamp;

const ANNOUNCE: &str = "announce a rebuild";

/// The queue that the consumers listen to.
#[derive(Clone, Debug)]
pub(crate) struct RebuildQueue {
    client: Client,
    url: String,
}

impl RebuildQueue {
    /// Of the queue at `url`.
    pub(crate) const fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Tells a consumer.
    pub(crate) async fn announce(&self, rebuild: &Rebuild, requested_at: Timestamp) -> Result<(), Error> {
        let body = serde_json::to_string(&RebuildMessage { rebuild: rebuild.clone(), requested_at });
        let body = body.map_err(Error::backend(ANNOUNCE))?;
        let message = self.client.send_message().queue_url(&self.url).message_body(body);
        message.send().await.map(drop).map_err(failed(ANNOUNCE))
    }
}
