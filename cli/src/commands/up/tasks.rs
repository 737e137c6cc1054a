//! What runs beside the site: the sweep, the consumer of rebuilds, the workers, the loop.

use super::directory::{DataDirectory, TokenFile};
use super::{UpError, say};
use crate::arguments::Up;
use aiv1_lab::Lab;
use aiv1_model::Settings;
use aiv1_orchestrator::{Budget, Config, Orchestrator, StartingCodec, Stopped};
use aiv1_regenerate_video::Rebuilder;
use aiv1_store::Catalog;
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::Services;
use aiv1_worker::{Bounds, ClipCache, Worker};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Clips that the workers here keep at most, in bytes.
const CLIP_BYTES: u64 = 20 << 30;
/// What they leave free of the disk.
const KEEP_FREE: u64 = 1 << 30;
/// How often it is looked whether everything that was proposed has ended.
const LOOK: Duration = Duration::from_millis(500);

/// How often objects whose lifecycle has ended are swept.
const SWEEP: Duration = Duration::from_mins(10);

/// Sweeps what has expired, at the start and every so often.
pub(super) async fn sweep(store: EmbeddedStore, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match store.sweep().await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "objects whose lifecycle had ended are gone"),
            Err(error) => {
                tracing::warn!(error = aiv1_lab::chain(&error), "expired objects could not be swept");
            }
        }
    }
}

/// Makes again what expired, whenever somebody asks.
pub(super) fn rebuild(
    tasks: &mut JoinSet<()>,
    services: &Services,
    lab: &Lab,
    directory: &DataDirectory,
    shutdown: &CancellationToken,
) {
    let (catalog, blobs) = (services.catalog.clone(), services.blobs.clone());
    let rebuilder =
        Rebuilder::new(catalog, blobs, lab.compiler.clone(), directory.join("scratch"), lab.threads);
    tasks.spawn(aiv1_regenerate_video::serve(rebuilder, shutdown.clone()));
}

/// Makes the workers. Their names stay the same from start to start, so that what one held when the plug was pulled is
/// taken over at once.
pub(super) fn workers(
    count: u16,
    lab: &Arc<Lab>,
    directory: &DataDirectory,
    (url, tokens): (&str, &TokenFile),
) -> Result<Vec<(String, Worker)>, UpError> {
    let bounds = Bounds { bytes: CLIP_BYTES, keep_free: KEEP_FREE };
    let clips =
        ClipCache::open(&directory.join("clips"), bounds).map_err(|error| UpError::Worker(error.into()))?;
    let named = |number| {
        let name = format!("local-{number}");
        let config = aiv1_worker::Config {
            url: url.to_owned(),
            token: aiv1_model::api::tokens(&tokens.worker).next().map(str::to_owned),
            token_source: None,
            folder: directory.join("worker").join(&name),
            name: name.clone(),
            listen: None,
        };
        let worker = Worker::new(config, lab.clone(), clips.clone()).map_err(UpError::Worker)?;
        Ok((name, worker))
    };
    (1..=count).map(named).collect()
}

/// Starts them.
pub(super) fn work(tasks: &mut JoinSet<()>, workers: Vec<(String, Worker)>, shutdown: &CancellationToken) {
    for (name, worker) in workers {
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            if let Err(error) = worker.run(shutdown).await {
                say(&format!("worker {name} ended: {}", aiv1_lab::chain(&error)));
            }
        });
    }
}

/// Starts the loop; with `--exit-when-done` it also ends everything once what it proposed is measured.
pub(super) fn search(
    tasks: &mut JoinSet<()>,
    services: &Services,
    codecs: Vec<StartingCodec>,
    settings: Settings,
    arguments: &Up,
    shutdown: &CancellationToken,
) -> Result<(), UpError> {
    let budget = Budget { per_run: arguments.experiments, per_day: None };
    let config = Config { seed: arguments.seed, budget, ..Config::new(settings) };
    let (catalog, blobs, clock) = (services.catalog.clone(), services.blobs.clone(), services.clock.clone());
    let the_loop = Orchestrator::new(catalog.clone(), blobs, clock, codecs, config).map_err(UpError::Loop)?;
    let (shutdown, exit_when_done) = (shutdown.clone(), arguments.exit_when_done);
    tasks.spawn(async move {
        let stopped = the_loop.run(shutdown.clone()).await;
        if stopped == Stopped::Operator {
            say("an operator has ended the search; what is queued is still measured");
        }
        if stopped == Stopped::BudgetUsed {
            say("as many experiments as were asked for are proposed");
            if exit_when_done {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = all_ended(&*catalog) => shutdown.cancel(),
                }
            }
        }
    });
    Ok(())
}

/// Returns once nothing is queued or in progress.
async fn all_ended(catalog: &dyn Catalog) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        match catalog.counts().await {
            Ok(counts) if counts.queued + counts.in_progress == 0 => return,
            Ok(_) => {}
            Err(error) => tracing::warn!(error = aiv1_lab::chain(&error), "the catalog does not answer"),
        }
    }
}
