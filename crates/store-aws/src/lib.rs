//! The lab on AWS: the catalog in `DynamoDB`, objects in S3, rebuilds announced by SQS, configuration and secrets in SSM.
//!
//! Decisions. One table holds everything, under the keys that the earlier system used (`experiment_id`, `timestamp`), so
//! that it can be pointed at an existing one. There are no indexes beside the table and there is no Scan: lists, the queue
//! and the leases are items of their own, written in the transaction that changes the experiment, so that counts are what
//! lists show. A transaction is conditional on what was read, and carries a token, so that one whose answer was lost is
//! not made twice. The table's layout is documented in `table/key.rs`.
//!
//! What bounds the lab's throughput is the one item that holds counts and revision: every submission, claim, end and lapse
//! writes it, so these happen one after another, each for as long as a transaction takes (some tens of milliseconds);
//! whoever collides waits and tries again. Heartbeats, phases and reads do not meet there. An experiment takes minutes,
//! so that is room for thousands of workers; `benches/catalog.rs` shows what many at once wait for.
//!
//! Work is queued in the table as well. SQS carries only messages that say which rebuild was asked for: lost, late and
//! doubled ones are harmless, since consumers claim in the table.

mod blobs;
mod catalog;
mod clients;
pub mod config;
mod fleet;
mod parameters;
mod queue;
mod sdk;
mod store;
mod table;
mod time;

pub use blobs::BUCKET_CALLS;
pub use clients::{Clients, MAX_ATTEMPTS};
pub use config::{Config, ConfigError};
pub use fleet::{Fleet, FleetError, LAB_TAG, MAX_MACHINES, Machine};
pub use parameters::{Parameters, Secret};
pub use store::{AwsStore, TABLE_CALLS, TTL_ATTRIBUTE};
