//! Opening a folder, and what an open store hands out.

use crate::blobs::EmbeddedBlobs;
use crate::catalog::EmbeddedCatalog;
use crate::database::Database;
use crate::files::Files;
use crate::links::Secret;
use aiv1_model::{Experiment, Record};
use aiv1_store::{Blobs, Catalog, Clock, Error};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a folder is not, and does not become, a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file or folder cannot be made or read.
    #[error("the store in {} cannot {action}", folder.display())]
    Folder {
        /// The store's folder.
        folder: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The catalog does not open: it is damaged, locked, or of a newer version.
    #[error("the catalog of the store in {} does not open", folder.display())]
    Catalog {
        /// The store's folder.
        folder: PathBuf,
        /// What `SQLite` or the migration said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The signing key is not 32 bytes long.
    #[error("the secret of the store in {} has {bytes} bytes, but must have 32", folder.display())]
    Secret {
        /// The store's folder.
        folder: PathBuf,
        /// What it has.
        bytes: usize,
    },
}

/// The store of one folder; clones are the same store.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    catalog: Arc<EmbeddedCatalog>,
    files: Arc<Files>,
    secret: Arc<Secret>,
}

/// The database's file.
const CATALOG: &str = "catalog.sqlite";

impl EmbeddedStore {
    /// Whether `folder` has a store in it.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(CATALOG).is_file()
    }

    /// Opens the store in `folder`, which is made if it is not there. An older schema is brought up to date.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let failed = |action| move |source| OpenError::Folder { folder: folder.to_owned(), action, source };
        let files = Files::open(folder).map_err(failed("make its folders"))?;
        // Two that open a new folder at once must not both make its schema.
        let lock = File::create(folder.join("opening.lock")).map_err(failed("be locked"))?;
        lock.lock().map_err(failed("be locked"))?;
        let secret = Secret::open(&folder.join("secret")).map_err(failed("read its secret"))?;
        let secret = secret.map_err(|bytes| OpenError::Secret { folder: folder.to_owned(), bytes })?;
        let database = Database::open(&folder.join(CATALOG))
            .map_err(|error| OpenError::Catalog { folder: folder.to_owned(), source: error.into() })?;
        Ok(Self {
            catalog: Arc::new(EmbeddedCatalog::new(database, clock)),
            files: Arc::new(files),
            secret: Arc::new(secret),
        })
    }

    /// Experiments, work, workers, rebuilds.
    #[must_use]
    pub fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::clone(&self.catalog) as Arc<dyn Catalog>
    }

    /// Objects; links to them begin with `base_url`, under which [`EmbeddedStore::router`] is reached.
    #[must_use]
    pub fn blobs(&self, base_url: &str) -> Arc<dyn Blobs> {
        Arc::new(EmbeddedBlobs {
            files: Arc::clone(&self.files),
            secret: Arc::clone(&self.secret),
            clock: Arc::clone(&self.catalog.clock),
            base_url: base_url.trim_end_matches('/').to_owned(),
        })
    }

    /// How often the catalog was read since it was opened, each time one snapshot: what a page costs.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.catalog.database.reads()
    }

    /// Serves signed links: `/blobs/…`.
    pub fn router(&self) -> axum::Router {
        crate::serve::router(
            Arc::clone(&self.files),
            Arc::clone(&self.secret),
            Arc::clone(&self.catalog.clock),
        )
    }

    /// Takes every rebuild that is under way from its consumer, as if its lease had lapsed; whether there was any. For
    /// whoever has the folder alone and has just started: no consumer lives, so nobody should wait for its lease.
    pub async fn release_rebuilds(&self) -> Result<bool, Error> {
        self.catalog.release_rebuilds().await
    }

    /// Removes what has outlived its time: previews and archives past [`RETENTION`](crate::RETENTION), what dead
    /// uploads left behind, idempotency keys older than a day. How many things were removed.
    pub async fn sweep(&self) -> Result<u64, Error> {
        let now = self.catalog.clock.now();
        let keys = self.catalog.database.write("forget old idempotency keys", move |transaction| {
            crate::submit::forget_keys(transaction, now)
        });
        let keys = keys.await? as u64;
        let files = Arc::clone(&self.files);
        let swept = tokio::task::spawn_blocking(move || crate::sweep::sweep(&files, now)).await;
        let swept = swept.map_err(Error::backend("sweep"))?.map_err(Error::backend("sweep"))?;
        Ok(keys + swept)
    }

    /// Adds whole experiments with their records, each under a number of its own, in one transaction: to move a lab, or
    /// to fill one for a load test. Ids that are known already are left as they are; how many were new.
    pub async fn import(&self, batch: Vec<(Experiment, Option<Record>)>) -> Result<u64, Error> {
        self.catalog.import(batch).await
    }
}
