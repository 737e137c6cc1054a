//! What the lab keeps, as two narrow traits: the [`Catalog`] (experiments, counts, work, workers, rebuilds, journal) and the
//! [`Blobs`] (streams, modules, sources, previews).
//!
//! Decisions: a backend is chosen explicitly and handed around as `Arc<dyn …>`; one type, [`BlobKey`], owns path,
//! content type, cache policy and attachment name of everything stored; files are stored by their SHA-256, so that the
//! same clip or anchor is kept once whatever the number of bundles naming it; what can be made again (previews,
//! archives) lies below `reconstructed/` and expires. Links are never stored. Time is a [`Clock`] that is handed in.
//!
//! Every backend passes one suite: the module `contract` (behind the feature of that name).

mod actions;
mod blobs;
mod catalog;
mod clock;
mod error;
mod journal;
mod key;
mod overview;
mod rebuild_job;
mod transitions;

#[cfg(feature = "contract")]
pub mod contract;

pub use blobs::{Blob, BlobInfo, Blobs, Link, LinkOptions, Upload, UploadLink};
pub use catalog::{
    Catalog, ClaimedWork, Codec, Ended, HEARD_FOR, JournalPage, LEASE, LegacyPage, LoopState,
    MAX_LOST_ATTEMPTS, MAX_WAITING_REBUILDS, Milestone, NewExperiment, Order, Page, Query, RebuildClaim,
    RebuildState, RebuildStatus, Submitted,
};
pub use clock::{Clock, ManualClock, SystemClock, midnight};
pub use error::Error;
pub use journal::{Line, journal_since};
pub use key::{BlobKey, KeyError, ObjectKind, RETENTION, Rebuild};
pub use overview::Overview;
pub use rebuild_job::{MAX_LOST_REBUILDS, RebuildJob, RebuildMessage};
pub use transitions::{ArmProgress, Entry, KEY_LIFETIME, Lost, SEEN_GRAIN, WORKER_MEMORY};
