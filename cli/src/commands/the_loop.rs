//! `aiv1 loop`: the loop alone, on the store that is chosen; workers, site and API run elsewhere.
//!
//! One is enough, and two do no harm: whoever asks, a question is queued once, and each looks at the same queue before it
//! proposes. They may use a day's budget twice, since each counts its own. Nothing is locked for it.

use super::operate::{self, OperateError};
use super::{Context, anchor_names, clips, question};
use crate::arguments::Loop;
use crate::store::{self, Aws, OpenStore};
use aiv1_lab::{Error, machine};
use aiv1_model::Settings;
use aiv1_orchestrator::{Budget, Config, Orchestrator, Stopped};
use aiv1_store_aws::Parameters;
use aiv1_worker::process;
use std::path::Path;
use tracing_subscriber::filter::LevelFilter;

/// What every experiment is asked with, below the prefix: JSON of [`Settings`].
const SETTINGS: &str = "settings";

/// Proposes until it is told to stop, or as many as it may are proposed.
pub(crate) fn run(context: &Context, arguments: &Loop) -> Result<(), OperateError> {
    process::log(LevelFilter::INFO);
    let lab = machine::lab(context.threads)?;
    let anchors = anchor_names(arguments.measuring.anchors.as_deref())?;
    let codecs = question::starting_codecs(&lab, &arguments.codecs)?;
    let runtime = operate::runtime()?;
    let ended = runtime.block_on(async {
        let shutdown = process::shutdown();
        let shutdown = shutdown.map_err(Error::file("listen to signals for", Path::new("the loop")))?;
        let store = store::open(arguments.data.as_deref()).await?;
        let settings = settings(arguments, anchors, &store).await?;
        let budget = Budget { per_run: arguments.experiments, per_day: arguments.per_day };
        let config = Config { seed: arguments.seed, ahead: arguments.ahead, budget, ..Config::new(settings) };
        let OpenStore { catalog, blobs, clock, place, .. } = store;
        let the_loop = Orchestrator::new(catalog, blobs, clock, codecs, config)?;
        tracing::info!(place, "the loop runs");
        if the_loop.run(shutdown).await == Stopped::BudgetUsed {
            tracing::info!("as many experiments as were asked for are proposed");
        }
        Ok(())
    });
    runtime.shutdown_background();
    ended
}

/// What the command line says; or else what SSM says, so that the loop asks as the API does; or else the lab's own.
async fn settings(
    arguments: &Loop,
    anchors: Vec<String>,
    store: &OpenStore,
) -> Result<Settings, OperateError> {
    if let Some(Aws { clients, config }) = &store.aws
        && let Some(prefix) = config.parameters.as_deref().filter(|_| arguments.measuring.is_unsaid())
    {
        return told(&Parameters::new(clients, prefix), prefix).await;
    }
    // Clips may come later; until then nothing is proposed.
    let clips = match clips::open_set::<OperateError>(&*store.catalog).await {
        Err(OperateError::Lab(Error::Request { .. })) => Vec::new(),
        clips => clips?,
    };
    Ok(question::settings(&arguments.measuring, anchors, &clips)?)
}

async fn told(parameters: &Parameters, prefix: &str) -> Result<Settings, OperateError> {
    let name = format!("the parameter {prefix}/{SETTINGS}");
    let failed = |source| OperateError::Aws { what: format!("{name} cannot be read"), source };
    let text = parameters.get(SETTINGS).await.map_err(|error| failed(error.into()))?;
    let wrong = |value: String| OperateError::Configured {
        what: name.clone(),
        value,
        bound: "settings as JSON, with gop_frames, quality_indices, anchors and limits",
    };
    let text = text.ok_or_else(|| wrong("not there".to_owned()))?;
    let settings: Settings = serde_json::from_str(text.expose()).map_err(|error| wrong(error.to_string()))?;
    settings.check().map_err(|error| wrong(error.to_string()))?;
    Ok(settings)
}
