//! `aiv1 loop`: the loop alone, on the store that is chosen; workers, site and API run elsewhere.
//!
//! One is enough, and two do no harm: whoever asks, a question is queued once, and each looks at the same queue before it
//! proposes. They may use a day's budget twice, since each counts its own. Nothing is locked for it.

use super::operate::{self, OperateError};
use super::{Context, anchor_names, clips, model, question};
use crate::arguments::{Loop, Measuring};
use crate::store::{self, Aws, OpenStore};
use aiv1_lab::{Error, machine};
use aiv1_model::Settings;
use aiv1_orchestrator::{Config, Orchestrator, Stopped};
use aiv1_store_aws::Parameters;
use aiv1_worker::process;
use std::path::Path;
use tracing_subscriber::filter::LevelFilter;

/// What every experiment is asked with, below the prefix: JSON of [`Settings`].
const SETTINGS: &str = "settings";

/// Proposes until it is told to stop, or as many as it may are proposed.
pub(crate) fn run(context: &Context, arguments: &Loop) -> Result<(), OperateError> {
    process::log(LevelFilter::INFO);
    let runtime = operate::runtime()?;
    // Codecs are compiled only once there is a store to propose to.
    let (shutdown, store, settings, model) = runtime.block_on(async {
        let shutdown = process::shutdown();
        let shutdown = shutdown.map_err(Error::file("listen to signals for", Path::new("the loop")))?;
        let store = store::open(arguments.data.as_deref()).await?;
        let settings = settings(&arguments.measuring, &store).await?;
        let parameters = store.aws.as_ref().and_then(|Aws { clients, config }| {
            Some(Parameters::new(clients, config.parameters.as_deref()?))
        });
        let model = model::designer(&arguments.designing, parameters.as_ref()).await?;
        Ok::<_, OperateError>((shutdown, store, settings, model))
    })?;
    let lab = machine::lab(context.threads)?;
    let codecs = question::starting_codecs(&lab, &arguments.designing.codecs)?;
    let ended = runtime.block_on(async {
        let config = Config { ahead: arguments.ahead, ..question::designing(&arguments.designing, settings) };
        let OpenStore { catalog, blobs, clock, place, .. } = store;
        let the_loop = Orchestrator::new(catalog, blobs, clock, codecs, config)?.with_model(model);
        tracing::info!(place, "the loop runs");
        if the_loop.run(shutdown).await == Stopped::BudgetUsed {
            tracing::info!("as many experiments as were asked for are proposed");
        }
        Ok(())
    });
    runtime.shutdown_background();
    ended
}

/// What SSM says when the loop starts, so that it asks as the API does, or else the lab's own; what the command line says
/// goes before either.
async fn settings(measuring: &Measuring, store: &OpenStore) -> Result<Settings, OperateError> {
    let anchors = anchor_names(measuring.anchors.as_deref())?;
    if let Some(Aws { clients, config }) = &store.aws
        && let Some(prefix) = config.parameters.as_deref()
    {
        let settings = overlaid(told(&Parameters::new(clients, prefix), prefix).await?, measuring, anchors);
        settings.check().map_err(Error::from)?;
        return Ok(settings);
    }
    // Clips may come later; until then nothing is proposed.
    let clips = match clips::open_set::<OperateError>(&*store.catalog).await {
        Err(OperateError::Lab(Error::Request { .. })) => Vec::new(),
        clips => clips?,
    };
    Ok(question::settings(measuring, anchors, &clips)?)
}

/// The settings, with what was given on the command line in their stead; `anchors` are those if any were given.
fn overlaid(told: Settings, measuring: &Measuring, anchors: Vec<String>) -> Settings {
    Settings {
        gop_frames: measuring.gop.unwrap_or(told.gop_frames),
        quality_indices: measuring.quality.clone().unwrap_or(told.quality_indices),
        anchors: if measuring.anchors.is_some() { anchors } else { told.anchors },
        limits: told.limits,
    }
}

async fn told(parameters: &Parameters, prefix: &str) -> Result<Settings, OperateError> {
    let name = format!("the parameter {prefix}/{SETTINGS}");
    let failed = |source| OperateError::Aws { what: format!("{name} cannot be read"), source };
    let text = parameters.get(SETTINGS).await.map_err(|error| failed(error.into()))?;
    let wrong = |value: String| OperateError::Configured {
        what: name.clone(),
        value,
        bound: "settings as JSON, with gop_frames, quality_indices, anchors and limits".to_owned(),
    };
    let text = text.ok_or_else(|| wrong("not there".to_owned()))?;
    let settings: Settings = serde_json::from_str(text.expose()).map_err(|error| wrong(error.to_string()))?;
    settings.check().map_err(|error| wrong(error.to_string()))?;
    for anchor in &settings.anchors {
        aiv1_lab::find_anchor(anchor).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::Limits;

    #[test]
    fn what_the_command_line_says_goes_before_ssm_and_the_rest_stays() {
        let anchors = vec!["x265-medium".to_owned()];
        let told = Settings {
            gop_frames: 64,
            quality_indices: vec![10, 20, 30, 40],
            anchors,
            limits: Limits::default(),
        };
        let said = |gop, anchors: Option<&str>| Measuring {
            anchors: anchors.map(|name| vec![name.to_owned()]),
            quality: None,
            gop,
        };
        let usual = anchor_names(None).unwrap();
        assert_eq!(overlaid(told.clone(), &said(None, None), usual.clone()), told);
        let expected = Settings { gop_frames: 32, ..told.clone() };
        assert_eq!(overlaid(told.clone(), &said(Some(32), None), usual), expected);
        let none = Settings { anchors: Vec::new(), ..told.clone() };
        assert_eq!(overlaid(told, &said(None, Some("none")), Vec::new()), none);
    }
}
