//! The store of one machine: one `SQLite` file in WAL mode and one directory.
//!
//! ```text
//! FOLDER/catalog.sqlite   experiments, counts, work, workers, rebuilds, journal
//! FOLDER/blobs/…          objects under the paths of their keys; a file's modification time is when it was put
//! FOLDER/incoming/…       objects that are being written, locked by who writes them
//! FOLDER/secret           the key that links are signed with
//! ```
//!
//! Decisions: a status and its count change in one transaction, flushed before it is answered (`synchronous=FULL`);
//! every list is a search in an index made for it; writes are one after another, reads run beside them on snapshots;
//! an object exists exactly if its file does, so that no table can disagree with the directory; all ages are by the
//! [`Clock`](aiv1_store::Clock) that is handed in. Several handles or processes on one folder are correct, but wake
//! each other only when asked again.

mod blobs;
mod catalog;
mod database;
mod ended;
mod files;
mod journal;
mod lab;
mod legacy;
mod links;
mod list;
mod open;
mod rebuilds;
mod rows;
mod schema;
mod serve;
mod submit;
mod sweep;
mod work;

pub use open::{EmbeddedStore, OpenError};

pub use aiv1_store::RETENTION;
