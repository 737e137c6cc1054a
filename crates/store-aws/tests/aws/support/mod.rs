//! A store of its own for each test, on servers that are started once for all of them.

pub(crate) mod objects;
pub(crate) mod table;

use aiv1_store::ManualClock;
use aiv1_store::contract::{Backend, Gap, fixtures};
use objects::{Objects, Server};
use std::sync::Arc;
use table::table;

/// An empty store whose objects are on ministack.
pub(crate) async fn open() -> Backend {
    let clock = fixtures::clock();
    let server = Server::ministack(&clock);
    Backend { gaps: &[Gap::Unsigned, Gap::IfRange], ..open_on(clock, server).await }
}

/// An empty store whose objects are on `server`, which was started at `clock`'s time.
pub(crate) async fn open_on(clock: Arc<ManualClock>, server: Server) -> Backend {
    let (_, store) = table(&clock).await;
    let (http, blobs) = Objects::open(&clock, server).await;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().to_owned();
    Backend {
        catalog: store.catalog(),
        blobs,
        clock,
        http,
        scratch: path,
        gaps: &[],
        keep: Box::new(scratch),
    }
}
