//! The open store, and what it hands out.

use crate::blobs::S3Blobs;
use crate::catalog::DynamoCatalog;
use crate::queue::RebuildQueue;
use crate::table::Table;
use crate::{Clients, Config};
use aiv1_model::{Experiment, Record};
use aiv1_store::{Blobs, Catalog, Clock, Error};
use std::sync::Arc;

/// The attribute by which `DynamoDB` removes what has outlived its time (seconds since 1970). Only tidies up: what is
/// too old is not heeded, removed or not.
pub const TTL_ATTRIBUTE: &str = "expires_at";

/// What the catalog calls on its table; a transaction is checked for what is in it.
pub const TABLE_CALLS: [&str; 6] =
    ["BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"];

/// The store of one table and one bucket; clones are the same store.
#[derive(Clone, Debug)]
pub struct AwsStore {
    catalog: Arc<DynamoCatalog>,
    blobs: Arc<S3Blobs>,
    table: Table,
}

impl AwsStore {
    /// Opens it; no request is made.
    #[must_use]
    pub fn open(clients: &Clients, config: &Config, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb(), config.table.clone());
        let queue = config.rebuild_queue.clone().map(|url| RebuildQueue::new(clients.sqs(), url));
        let blobs = S3Blobs::new(&clients.s3(), config.bucket.clone(), Arc::clone(&clock));
        let catalog = DynamoCatalog::new(table.clone(), queue, clock);
        Self { catalog: Arc::new(catalog), blobs: Arc::new(blobs), table }
    }

    /// Experiments, work, workers, rebuilds.
    #[must_use]
    pub fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::clone(&self.catalog) as Arc<dyn Catalog>
    }

    /// Objects.
    #[must_use]
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::clone(&self.blobs) as Arc<dyn Blobs>
    }

    /// How often the table was read, each time by one request: what a page costs.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.table.reads()
    }

    /// Adds whole experiments with their records, each under a number of its own: to move a lab, or to fill one for a load
    /// test. Ids that are known already are left as they are; how many were new.
    pub async fn import(&self, batch: Vec<(Experiment, Option<Record>)>) -> Result<u64, Error> {
        self.catalog.import(batch).await
    }

    /// Makes the table with the keys that `template.yaml` gives it, without its TTL: for tests and emulators, where nobody
    /// deploys.
    pub async fn create_table(&self) -> Result<(), Error> {
        self.table.create().await
    }
}
