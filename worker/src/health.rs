//! `/health` and `/metrics`: what the worker is doing, answered while it is doing it.

use crate::clips::{Bounds, ClipCache, Usage};
use crate::metrics::{MEDIA_TYPE, Metrics};
use crate::progress::Progress;
use aiv1_lab::chain;
use aiv1_model::api::WorkerInfo;
use aiv1_model::{ExperimentId, Phase};
use aiv1_store::Clock;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the worker is doing.
#[derive(Debug)]
pub(crate) struct Status {
    info: WorkerInfo,
    metrics: Arc<Metrics>,
    clips: ClipCache,
    clock: Arc<dyn Clock>,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    running: Option<Running>,
    last_claim: Option<(Timestamp, bool)>,
}

#[derive(Debug)]
struct Running {
    experiment: ExperimentId,
    attempt: u32,
    progress: Arc<Progress>,
}

/// `GET /health`.
#[derive(Serialize)]
struct Health {
    version: String,
    worker: String,
    /// `idle` or `running`.
    state: &'static str,
    experiment: Option<ExperimentId>,
    attempt: Option<u32>,
    phase: Option<Phase>,
    progress: Option<f64>,
    /// When work was last asked for.
    last_claim_at: Option<Timestamp>,
    /// Whether the server answered then.
    last_claim_ok: Option<bool>,
    /// The clips it keeps; absent if the folder cannot be read.
    clips: Option<Clips>,
}

/// The clips a worker keeps.
#[derive(Serialize)]
struct Clips {
    count: u64,
    bytes: u64,
    /// Most bytes of all clips together.
    max_bytes: u64,
    /// Free on the disk.
    free_bytes: u64,
    /// What is to stay free of it.
    keep_free_bytes: u64,
}

impl Status {
    pub(crate) fn new(
        info: WorkerInfo,
        metrics: Arc<Metrics>,
        clips: ClipCache,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { info, metrics, clips, clock, now: Mutex::default() }
    }

    /// Work was asked for.
    pub(crate) fn asked(&self, answered: bool) {
        let at = self.clock.now();
        self.now().last_claim = Some((at, answered));
    }

    pub(crate) fn running(&self, experiment: &ExperimentId, attempt: u32, progress: Arc<Progress>) {
        let experiment = experiment.clone();
        self.now().running = Some(Running { experiment, attempt, progress });
    }

    pub(crate) fn idle(&self) {
        self.now().running = None;
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn clips(&self) -> Option<Clips> {
        let usage = self.clips.usage().await;
        let usage =
            usage.inspect_err(|error| tracing::warn!(error = chain(error), "the clips cannot be counted"));
        let Usage { count, bytes, free } = usage.ok()?;
        let Bounds { bytes: max_bytes, keep_free } = self.clips.bounds();
        Some(Clips { count, bytes, max_bytes, free_bytes: free, keep_free_bytes: keep_free })
    }

    fn health(&self, clips: Option<Clips>) -> Health {
        let now = self.now();
        let running = now.running.as_ref();
        let (phase, progress) = running.map_or((None, None), |running| running.progress.now());
        Health {
            version: self.info.version.clone(),
            worker: self.info.name.clone(),
            state: if running.is_some() { "running" } else { "idle" },
            experiment: running.map(|running| running.experiment.clone()),
            attempt: running.map(|running| running.attempt),
            phase,
            progress,
            last_claim_at: now.last_claim.map(|(at, _)| at),
            last_claim_ok: now.last_claim.map(|(_, answered)| answered),
            clips,
        }
    }
}

pub(crate) fn router(status: Arc<Status>) -> Router {
    Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(status)
}

async fn health(State(status): State<Arc<Status>>) -> Response {
    let clips = status.clips().await;
    ([(header::CACHE_CONTROL, "no-store")], Json(status.health(clips))).into_response()
}

async fn metrics(State(status): State<Arc<Status>>) -> Response {
    match status.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
