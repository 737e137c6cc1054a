//! One claimed experiment, from its clips to its report.

use crate::clips::{CachedClip, ClipCache, ClipError};
use crate::lease;
use crate::metrics::Metrics;
use crate::persist::persist;
use crate::progress::Progress;
use crate::publish::Bundle;
use aiv1_client::{Client, Error as ClientError, Retry};
use aiv1_lab::{Error as LabError, Lab, Published, Request, RunDirectory, chain};
use aiv1_model::api::{Claim, Heartbeat, Holder, PhaseReport, ResultReport, WorkResult};
use aiv1_model::{Digest, ExperimentId, Failure, FailureSummary, Fault, Phase, PhaseRecord, Status};
use aiv1_store::Clock;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long a stopped run may take to wind down, and a report to get through, when the worker stops.
const PATIENCE: Duration = Duration::from_secs(8);
/// Tries of what need not get through: a phase, which is in the record as well.
const PHASE: Retry = Retry { tries: 3, first: Duration::from_millis(250), most: Duration::from_secs(2) };

/// Most pieces of evidence of a report.
const MAX_EVIDENCE: usize = 8;

/// What an attempt needs of its worker.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) client: Client,
    /// The client reads its token again where it is refused.
    pub(crate) renews_token: bool,
    pub(crate) lab: Arc<Lab>,
    pub(crate) clips: ClipCache,
    pub(crate) folder: PathBuf,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// How an attempt ended, for the log and the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Successful,
    Failed,
    Infrastructure,
    GaveBack,
    Lost,
}

impl Outcome {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Successful => "successful",
            Self::Failed => "failed",
            Self::Infrastructure => "infrastructure",
            Self::GaveBack => "gave_back",
            Self::Lost => "lost",
        }
    }
}

/// Why an attempt ended early.
enum Early {
    /// Somebody else has the work, or it was cancelled: nothing is reported.
    Lost,
    /// The worker stops, and the work is to be given back.
    Stopping,
    /// It was given back already.
    GaveBack,
    /// The infrastructure gave way.
    Infrastructure(Failure),
}

/// What a finished run leaves: the record's status, the bundle, and the directory that it lies in.
struct Finished {
    status: Status,
    bundle: PathBuf,
    directory: RunDirectory,
}

/// An attempt under way.
pub(crate) struct Attempt {
    surroundings: Surroundings,
    claim: Arc<Claim>,
    holder: Holder,
    pub(crate) progress: Arc<Progress>,
    /// Tells the run to stop.
    stop: CancellationToken,
    /// The lease is lost.
    lost: CancellationToken,
    shutdown: CancellationToken,
    ended_phases: UnboundedReceiver<PhaseRecord>,
}

impl Attempt {
    pub(crate) fn new(
        surroundings: Surroundings,
        worker: &str,
        claim: Claim,
        shutdown: &CancellationToken,
    ) -> Self {
        let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
        let (ended, ended_phases) = unbounded_channel();
        let Surroundings { clock, metrics, .. } = &surroundings;
        let progress = Arc::new(Progress::new(clock.clone(), metrics.clone(), ended, stop.clone()));
        let holder = Holder { worker: worker.to_owned(), attempt: claim.attempt };
        let (claim, shutdown) = (Arc::new(claim), shutdown.clone());
        Self { surroundings, claim, holder, progress, stop, lost, shutdown, ended_phases }
    }

    /// Does the work and reports it.
    pub(crate) async fn run(mut self) -> Outcome {
        let keeper = self.keep_lease();
        let phases = self.report_phases();
        let ended = match self.work().await {
            Ok(finished) => self.publish(finished).await,
            Err(early) => Err(early),
        };
        // Late phases would say nothing new: the record has them.
        drop(phases);
        let (result, outcome) = match ended {
            Ok(Status::Successful) => return Outcome::Successful,
            Ok(_) => return Outcome::Failed,
            Err(Early::Lost) => return Outcome::Lost,
            Err(Early::GaveBack) => return Outcome::GaveBack,
            Err(Early::Stopping) => (WorkResult::GaveBack, Outcome::GaveBack),
            Err(Early::Infrastructure(failure)) => {
                tracing::warn!(experiment = %self.claim.id, failure.kind, failure.message, "the infrastructure gave way");
                (WorkResult::Infrastructure { failure }, Outcome::Infrastructure)
            }
        };
        let reported = self.report(result).await;
        drop(keeper);
        if reported { outcome } else { Outcome::Lost }
    }

    /// Clips, then the run.
    async fn work(&self) -> Result<Finished, Early> {
        self.check_claim()?;
        let clips = tokio::select! {
            clips = self.clips() => clips.map_err(|error| self.infrastructure("clip", &chain(&error)))?,
            early = self.interrupted() => return Err(early),
        };
        let mut run = self.start(clips);
        let early = tokio::select! {
            ended = &mut run => return self.judge(ended),
            early = self.interrupted() => early,
        };
        // Once told, a run stops between two groups of pictures; whoever waits to stop gives the work back meanwhile.
        self.stop.cancel();
        match early {
            Early::Stopping => self.give_back_while(run).await,
            early => {
                tokio::select! {
                    _ = run => {}
                    () = self.shutdown.cancelled() => {}
                }
                Err(early)
            }
        }
    }

    /// The claim must fit together: what is run is what was asked.
    fn check_claim(&self) -> Result<(), Early> {
        let Claim { id, submission, source, clips, .. } = &*self.claim;
        let ids: Vec<Digest> = clips.iter().map(|claimed| claimed.clip.info.id).collect();
        let found = Digest::of(source.as_bytes());
        let wrong = if submission.id() != *id {
            format!("the submission's id is {}, not {id}", submission.id())
        } else if found != submission.source {
            format!("the source's SHA-256 is {found}, not {}", submission.source)
        } else if ids != submission.clips {
            format!("its clips are {ids:?}, not {:?}", submission.clips)
        } else {
            return Ok(());
        };
        Err(self.infrastructure("claim", &format!("the claim does not fit together: {wrong}")))
    }

    async fn clips(&self) -> Result<Vec<CachedClip>, ClipError> {
        let Surroundings { client, lab, clips, metrics, .. } = &self.surroundings;
        let mut opened = Vec::with_capacity(self.claim.clips.len());
        for claimed in &self.claim.clips {
            let clip = clips.clip(client, &lab.ffmpeg, claimed).await?;
            if clip.fetched {
                metrics.clip_fetched(claimed.clip.file_bytes());
            } else {
                metrics.clip_found();
            }
            opened.push(clip);
        }
        Ok(opened)
    }

    /// Starts the run in a thread of its own. Its directory lives as long as what is returned, and no longer.
    fn start(&self, clips: Vec<CachedClip>) -> JoinHandle<Result<Finished, LabError>> {
        let (claim, progress) = (self.claim.clone(), self.progress.clone());
        let Surroundings { lab, folder, .. } = self.surroundings.clone();
        tokio::task::spawn_blocking(move || {
            let directory = RunDirectory::create(&folder).map_err(LabError::file("use", &folder))?;
            let opened: Vec<_> = clips.iter().map(|cached| cached.clip.clone()).collect();
            let request = Request {
                name: claim.submission.codec.clone(),
                source: claim.source.clone(),
                parameters: claim.submission.parameters.clone(),
                clips: &opened,
                settings: claim.submission.settings.clone(),
                results: directory.join("results"),
                again: true,
                submitted: true,
                bar: claim.bar.clone(),
                duplicate_of: claim.duplicate_of.clone(),
            };
            let Published { record, path, .. } = lab.run(&request, &*progress)?;
            Ok(Finished { status: record.status, bundle: path, directory })
        })
    }

    fn judge(&self, ended: Result<Result<Finished, LabError>, JoinError>) -> Result<Finished, Early> {
        match ended {
            Ok(Ok(finished)) => Ok(finished),
            Ok(Err(LabError::Infrastructure { failure })) => Err(Early::Infrastructure(bounded(*failure))),
            Ok(Err(error)) => Err(self.infrastructure("infrastructure", &chain(&error))),
            Err(error) => Err(self.infrastructure("panic", &format!("the run ended early: {error}"))),
        }
    }

    /// Gives the work back at once, and waits a moment for the run to wind down.
    async fn give_back_while(&self, run: JoinHandle<Result<Finished, LabError>>) -> Result<Finished, Early> {
        let (reported, _) = tokio::join!(self.report(WorkResult::GaveBack), timeout(PATIENCE, run));
        Err(if reported { Early::GaveBack } else { Early::Lost })
    }

    /// Uploads the bundle and reports it.
    async fn publish(&self, finished: Finished) -> Result<Status, Early> {
        let Finished { status, bundle, directory } = finished;
        // Once it was said, the work may have ended by it although no answer came; a heartbeat is refused then, too.
        let said = OnceLock::new();
        let published = async {
            let bundle = Bundle::open(&bundle).await;
            let bundle = bundle.map_err(|error| self.infrastructure("bundle", &chain(&error)))?;
            let Surroundings { client, metrics, .. } = &self.surroundings;
            self.persist(|| bundle.upload(client, &self.claim.id, &self.holder, metrics)).await?;
            let report =
                said.get_or_init(|| self.result(WorkResult::Published { bundle: bundle.reference() }));
            self.persist(|| client.result(&self.claim.id, report)).await?;
            Ok(status)
        };
        let ended = tokio::select! {
            biased;
            ended = published => ended,
            () = self.lost.cancelled() => match said.get() {
                Some(report) if self.surroundings.client.result(&self.claim.id, report).await.is_ok() => Ok(status),
                _ => Err(Early::Lost),
            },
            // What is measured already gets a moment to be reported.
            () = async { self.shutdown.cancelled().await; tokio::time::sleep(PATIENCE).await } => Err(Early::Stopping),
        };
        // Removing many files blocks.
        let _ = tokio::task::spawn_blocking(move || drop(directory)).await;
        ended
    }

    /// Repeats a report until it gets through or is refused.
    async fn persist<F>(&self, once: impl FnMut() -> F) -> Result<(), Early>
    where
        F: Future<Output = Result<(), ClientError>>,
    {
        match persist(&self.claim.id, self.surroundings.renews_token, once).await {
            Ok(()) => Ok(()),
            Err(ClientError::Lost { .. }) => Err(Early::Lost),
            Err(error) => Err(self.infrastructure("report_refused", &chain(&error))),
        }
    }

    /// Reports how the work ended; whether that got through before the lease was lost or patience ran out.
    async fn report(&self, result: WorkResult) -> bool {
        let report = self.result(result);
        let send = self.persist(|| self.surroundings.client.result(&self.claim.id, &report));
        tokio::select! {
            biased;
            sent = send => sent.is_ok(),
            () = self.lost.cancelled() => false,
            () = async { self.shutdown.cancelled().await; tokio::time::sleep(PATIENCE).await } => false,
        }
    }

    fn result(&self, result: WorkResult) -> ResultReport {
        ResultReport { holder: self.holder.clone(), result }
    }

    /// Returns once the work is lost or the worker stops.
    async fn interrupted(&self) -> Early {
        tokio::select! {
            biased;
            () = self.lost.cancelled() => Early::Lost,
            () = self.shutdown.cancelled() => Early::Stopping,
        }
    }

    fn infrastructure(&self, kind: &str, message: &str) -> Early {
        let phase = self.progress.now().0.unwrap_or(Phase::Deployment);
        let (fault, kind, message) = (Fault::Infrastructure, kind.to_owned(), message.to_owned());
        let (clip, quality_index, evidence) = (None, None, Vec::new());
        Early::Infrastructure(bounded(Failure { fault, phase, kind, message, clip, quality_index, evidence }))
    }

    /// Heartbeats, from a task that nothing here holds up.
    fn keep_lease(&self) -> AbortOnDropHandle<()> {
        let Surroundings { client, metrics, .. } = self.surroundings.clone();
        let (id, holder, progress, lost) =
            (self.claim.id.clone(), self.holder.clone(), self.progress.clone(), self.lost.clone());
        let lease = Duration::from_secs(self.claim.lease_seconds.max(1));
        AbortOnDropHandle::new(tokio::spawn(async move {
            let beat = |time| {
                let (phase, progress) = progress.now();
                let beat = Heartbeat { holder: holder.clone(), phase, progress };
                let (client, id, metrics) = (client.clone(), id.clone(), metrics.clone());
                async move {
                    let answered = client.heartbeat(&id, &beat, time).await.map(drop);
                    metrics.heartbeat(if answered.is_ok() { "answered" } else { "failed" });
                    answered
                }
            };
            let why = lease::keep(lease, beat, || progress.moved()).await;
            tracing::info!(experiment = %id, why, "the work is lost; it is dropped");
            lost.cancel();
        }))
    }

    /// Reports phases as they end, in order.
    fn report_phases(&mut self) -> AbortOnDropHandle<()> {
        let (_, none) = unbounded_channel();
        let mut ended = std::mem::replace(&mut self.ended_phases, none);
        let (client, holder, lost) =
            (self.surroundings.client.clone().with_retry(PHASE), self.holder.clone(), self.lost.clone());
        let id: ExperimentId = self.claim.id.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(phase) = ended.recv().await {
                let report = PhaseReport { holder: holder.clone(), phase };
                match client.phase(&id, &report).await {
                    Ok(()) => {}
                    Err(ClientError::Lost { .. }) => return lost.cancel(),
                    // The record has it as well.
                    Err(error) => {
                        tracing::warn!(experiment = %id, error = chain(&error), "a phase was not reported");
                    }
                }
            }
        }))
    }
}

/// A failure of the infrastructure, as much of it as a report takes.
fn bounded(mut failure: Failure) -> Failure {
    failure.fault = Fault::Infrastructure;
    failure.message.truncate(failure.message.floor_char_boundary(FailureSummary::MAX_MESSAGE_BYTES));
    failure.evidence.truncate(MAX_EVIDENCE);
    failure
}
