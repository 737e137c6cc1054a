//! [`Worker`]: claims work, one experiment at a time, until it is told to stop.

use crate::attempt::{Attempt, Outcome, Surroundings};
use crate::health::{self, Status};
use crate::metrics::Metrics;
use crate::{ClipCache, Config, Error};
use aiv1_client::{Client, Retry};
use aiv1_lab::{Lab, RunDirectory, chain};
use aiv1_model::api::{Claim, ClaimRequest, WorkerInfo};
use aiv1_store::{Clock, SystemClock};
use std::fs::{File, TryLockError};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the server may keep a claim waiting, in seconds.
const WAIT_SECONDS: u64 = 25;
/// So long a token out of SSM may be refused: longer than the functions take to read theirs again.
const REFUSED: Duration = Duration::from_mins(20);
/// Pauses while the server cannot be reached.
const UNREACHABLE: Retry =
    Retry { tries: u32::MAX, first: Duration::from_secs(1), most: Duration::from_secs(30) };

/// Claims work and does it, one experiment at a time. Several may share a lab, a folder and a cache of clips.
#[derive(Debug)]
pub struct Worker {
    config: Config,
    info: WorkerInfo,
    surroundings: Surroundings,
    status: Arc<Status>,
    /// Locked while this worker lives.
    _name: File,
}

impl Worker {
    /// Makes everything ready, and removes what killed runs left in the folder.
    pub fn new(config: Config, lab: Arc<Lab>, clips: ClipCache) -> Result<Self, Error> {
        Self::with_clock(config, lab, clips, Arc::new(SystemClock))
    }

    /// The same with another clock.
    pub fn with_clock(
        config: Config,
        lab: Arc<Lab>,
        clips: ClipCache,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        config.check()?;
        let folder = config.folder.clone();
        let failed = |action| {
            let path = folder.clone();
            move |source| Error::Folder { action, path, source }
        };
        std::fs::create_dir_all(&folder).map_err(failed("create"))?;
        RunDirectory::sweep(&folder).map_err(failed("sweep"))?;
        let name = own_name(&config, failed("lock a name in"))?;
        let mut client = Client::new(&config.url, config.token.as_deref())?;
        if let Some(source) = &config.token_source {
            client = client.with_token_source(source.clone());
        }
        let info = config.info(lab.threads.get());
        let metrics = Arc::new(Metrics::default());
        let status = Arc::new(Status::new(info.clone(), metrics.clone(), clips.clone(), clock.clone()));
        let surroundings = Surroundings { client, lab, clips, folder, metrics, clock };
        Ok(Self { config, info, surroundings, status, _name: name })
    }

    /// `/health` and `/metrics`.
    pub fn router(&self) -> axum::Router {
        health::router(self.status.clone())
    }

    /// Works until `shutdown`; then gives back what it has, within seconds. An error means that it cannot work at all.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Error> {
        let serving = match self.config.listen {
            None => None,
            Some(address) => {
                let listener = TcpListener::bind(address).await;
                let listener = listener.map_err(|source| Error::Listen { address, source })?;
                let (router, stop) = (self.router(), shutdown.clone());
                let serve = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
                Some(tokio_util::task::AbortOnDropHandle::new(tokio::spawn(serve.into_future())))
            }
        };
        let ended = self.work(&shutdown).await;
        drop(serving);
        ended
    }

    async fn work(&self, shutdown: &CancellationToken) -> Result<(), Error> {
        let mut failed = 0;
        let mut refused_since = None;
        while !shutdown.is_cancelled() {
            // On a full disk every experiment would fail by the infrastructure's fault: claiming none loses none.
            if let Err(error) = self.surroundings.clips.check_room().await {
                tracing::warn!(
                    worker = self.info.name,
                    error = chain(&error),
                    "no work is claimed for want of room"
                );
                failed += 1;
                pause(failed, shutdown).await;
                continue;
            }
            let request = ClaimRequest { worker: self.info.clone(), wait_seconds: WAIT_SECONDS };
            let claimed = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                claimed = self.surroundings.client.claim(&request) => claimed,
            };
            self.status.asked(claimed.is_ok());
            if claimed.is_ok() {
                refused_since = None;
            }
            let ended = match claimed {
                Ok(None) => None,
                Ok(Some(claim)) => Some(self.attempt(claim, shutdown).await),
                Err(error) if error.is_unauthorized() && !self.is_awaited(&mut refused_since) => {
                    return Err(error.into());
                }
                Err(error) => {
                    tracing::warn!(
                        worker = self.info.name,
                        error = chain(&error),
                        "no work could be claimed"
                    );
                    failed += 1;
                    pause(failed, shutdown).await;
                    continue;
                }
            };
            // A machine on which the infrastructure gives way again and again leaves the work to others for a while.
            failed = if ended == Some(Outcome::Infrastructure) { failed + 1 } else { 0 };
            if failed > 0 {
                pause(failed, shutdown).await;
            }
        }
        Ok(())
    }

    /// Whether a refused token may yet be taken: the functions learn of a new one a while after SSM has it.
    fn is_awaited(&self, refused_since: &mut Option<Instant>) -> bool {
        let since = *refused_since.get_or_insert_with(Instant::now);
        self.config.token_source.is_some() && since.elapsed() < REFUSED
    }

    async fn attempt(&self, claim: Claim, shutdown: &CancellationToken) -> Outcome {
        let (id, number) = (claim.id.clone(), claim.attempt);
        tracing::info!(worker = self.info.name, experiment = %id, attempt = number, "claimed");
        let attempt = Attempt::new(self.surroundings.clone(), &self.info.name, claim, shutdown);
        self.surroundings.metrics.started();
        self.status.running(&id, number, attempt.progress.clone());
        let outcome = attempt.run().await;
        self.status.idle();
        self.surroundings.metrics.ended(outcome.name());
        tracing::info!(worker = self.info.name, experiment = %id, outcome = outcome.name(), "ended");
        outcome
    }
}

/// Makes the name this worker's alone among those of its folder: two of one name would take each other's work.
fn own_name(config: &Config, failed: impl FnOnce(io::Error) -> Error) -> Result<File, Error> {
    let path = config.folder.join(format!("{}.lock", config.name));
    let open = File::options().create(true).truncate(false).write(true).open(path);
    match open.map(|file| (file.try_lock(), file)) {
        Ok((Ok(()), file)) => Ok(file),
        Ok((Err(TryLockError::WouldBlock), _)) => {
            Err(Error::Name { name: config.name.clone(), folder: config.folder.clone() })
        }
        Ok((Err(TryLockError::Error(error)), _)) | Err(error) => Err(failed(error)),
    }
}

async fn pause(failed: u32, shutdown: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(UNREACHABLE.pause(failed)) => {}
        () = shutdown.cancelled() => {}
    }
}
