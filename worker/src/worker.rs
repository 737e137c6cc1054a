//! [`Worker`]: claims work, one experiment at a time, until it is told to stop.

use crate::attempt::{Attempt, Outcome, Surroundings};
use crate::audit::Auditor;
use crate::health::{self, Status};
use crate::metrics::Metrics;
use crate::{ClipCache, Config, Error};
use aiv1_client::{Client, Error as ClientError, Retry};
use aiv1_lab::{Lab, RunDirectory, chain};
use aiv1_model::api::{Claim, ClaimRequest, WorkerInfo};
use aiv1_store::{Clock, SystemClock};
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
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
            move |source| Error::Folder { action, path: path.clone(), source }
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
        let renews_token = config.token_source.is_some();
        let surroundings = Surroundings { client, renews_token, lab, clips, folder, metrics, clock };
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
        let mut auditor = Auditor::new(self.config.audits_a_day);
        let mut refused = Refused::default();
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
            let given_up = refused.is_for_good(claimed.as_ref().err(), self.surroundings.renews_token);
            let ended = match claimed {
                Ok(None) => None,
                Ok(Some(claim)) => Some(self.attempt(claim, shutdown).await),
                Err(error) if given_up => return Err(error.into()),
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
            auditor.look_back(&self.surroundings, &self.info, ended.is_some(), shutdown).await;
            // A machine on which the infrastructure gives way again and again leaves the work to others for a while.
            failed = if ended == Some(Outcome::Infrastructure) { failed + 1 } else { 0 };
            if failed > 0 {
                pause(failed, shutdown).await;
            }
        }
        Ok(())
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

/// Since when the token has been refused without a break.
#[derive(Debug, Default)]
struct Refused(Option<Instant>);

impl Refused {
    /// Whether what became of a claim means that the token will not be taken any more. One that `renews` may yet be: the
    /// functions learn of a new one a while after SSM has it.
    fn is_for_good(&mut self, error: Option<&ClientError>, renews: bool) -> bool {
        if !error.is_some_and(ClientError::is_unauthorized) {
            self.0 = None;
            return false;
        }
        let since = *self.0.get_or_insert_with(Instant::now);
        !renews || since.elapsed() >= REFUSED
    }
}

/// Makes the name this worker's alone among those of its folder: two of one name would take each other's work. Names that
/// nobody has any more are removed: a default one is new at each start.
fn own_name(config: &Config, failed: impl Fn(io::Error) -> Error) -> Result<File, Error> {
    let open = |path: &Path| File::options().create(true).truncate(false).write(true).open(path);
    // Held while names come and go, so that nobody locks a file that another removes.
    let names = open(&config.folder.join("names")).map_err(&failed)?;
    names.lock().map_err(&failed)?;
    let own = config.folder.join(format!("{}.lock", config.name));
    let file = open(&own).map_err(&failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Name { name: config.name.clone(), folder: config.folder.clone() });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    for entry in std::fs::read_dir(&config.folder).map_err(&failed)?.flatten() {
        let path = entry.path();
        let is_another = path.extension().is_some_and(|extension| extension == "lock") && path != own;
        if is_another && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            // One that stays is in nobody's way, and removed at the next start.
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(file)
}

async fn pause(failed: u32, shutdown: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(UNREACHABLE.pause(failed)) => {}
        () = shutdown.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_given_up_only_after_it_was_refused_all_along() {
        let problem = |status| ClientError::Problem { status, detail: String::new(), retry_after: None };
        let (unauthorized, away) = (problem(401), problem(503));
        let mut refused = Refused::default();
        assert!(refused.is_for_good(Some(&unauthorized), false), "no other token will come");
        assert!(!refused.is_for_good(None, true));
        assert!(!refused.is_for_good(Some(&unauthorized), true));
        tokio::time::advance(REFUSED).await;
        // Nobody answered meanwhile: that says nothing of the token.
        assert!(!refused.is_for_good(Some(&away), true));
        assert!(!refused.is_for_good(Some(&unauthorized), true));
        tokio::time::advance(REFUSED / 2).await;
        assert!(!refused.is_for_good(Some(&unauthorized), true));
        tokio::time::advance(REFUSED / 2).await;
        assert!(refused.is_for_good(Some(&unauthorized), true));
    }
}
