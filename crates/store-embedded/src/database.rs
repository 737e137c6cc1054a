//! Connections: one that writes, a few that read, all off the async threads.
//!
//! Writes are one after another in this process and begin immediately, so that two processes on one file wait for each
//! other instead of failing halfway. Readers see a snapshot and never wait for the writer (WAL).

use aiv1_store::Error;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

/// Reads that run at the same time; more wait their turn.
const READERS: usize = 8;

/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(20);

/// Prepared statements kept per connection: more than there are different ones.
const STATEMENTS: usize = 200;

/// Why a piece of work inside a transaction stopped.
#[derive(Debug)]
pub(crate) enum Fail {
    /// `SQLite` says so.
    Sql(rusqlite::Error),
    /// A rule of the store says so.
    Store(Error),
}

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// The catalog's file.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    writer: Arc<AsyncMutex<Connection>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    reads: AtomicU64,
}

impl Database {
    /// Opens the file, which is made if it is not there, and brings its schema up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, rusqlite_migration::Error> {
        let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        // What was answered survives the power going, not only the process.
        writer.pragma_update(None, "synchronous", "FULL")?;
        crate::schema::migrations().to_latest(&mut writer)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Arc::new(AsyncMutex::new(writer)),
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(READERS)),
            reads: AtomicU64::new(0),
        })
    }

    /// Does `job` in a transaction of its own, which is committed if it succeeds. It runs to its end even if nobody
    /// waits for it any more.
    pub(crate) async fn write<T, F>(&self, action: &'static str, job: F) -> Result<T, Error>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Fail> + Send + 'static,
        T: Send + 'static,
    {
        self.write_then(action, job, |_| ()).await
    }

    /// The same, and then `after`, which is done for everything that was committed, even if nobody waits any more.
    pub(crate) async fn write_then<T, F, A>(&self, action: &'static str, job: F, after: A) -> Result<T, Error>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Fail> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
        T: Send + 'static,
    {
        let mut connection = Arc::clone(&self.writer).lock_owned().await;
        blocking(action, move || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = job(&transaction)?;
            transaction.commit()?;
            after(&value);
            Ok(value)
        })
        .await
    }

    /// How often something was read.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Does `job` on a snapshot.
    pub(crate) async fn read<T, F>(&self, action: &'static str, job: F) -> Result<T, Error>
    where
        F: FnOnce(&Connection) -> Result<T, Fail> + Send + 'static,
        T: Send + 'static,
    {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::backend(action))?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        blocking(action, move || {
            let _permit = permit;
            let known = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match known {
                Some(connection) => connection,
                None => connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
            };
            // One snapshot, however many statements.
            let transaction = connection.transaction()?;
            let value = job(&transaction);
            transaction.finish()?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            value
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    action: &'static str,
    job: impl FnOnce() -> Result<T, Fail> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(job).await.map_err(Error::backend(action))? {
        Ok(value) => Ok(value),
        Err(Fail::Store(error)) => Err(error),
        Err(Fail::Sql(error)) => Err(Error::backend(action)(error)),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // NO_MUTEX: a connection is only ever used by the one thread that holds it.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
