//! What an operator tells a lab over HTTP, as types.

use aiv1_model::ExperimentId;
use clap::Args;
use std::path::PathBuf;

/// The lab that an operator tells what to do, over HTTP.
#[derive(Debug, Args)]
pub(crate) struct Told {
    /// Address of the lab; in its stead the variable `AIV1_URL`.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Folder of the lab, if it is on this machine, for its token; in its stead the variable `AIV1_TOKEN`.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct OnExperiment {
    /// The experiment's id.
    #[arg(value_name = "EXPERIMENT", value_parser = experiment)]
    pub(crate) experiment: ExperimentId,
    #[command(flatten)]
    pub(crate) lab: Told,
}

#[derive(Debug, Args)]
pub(crate) struct Saying {
    #[command(flatten)]
    pub(crate) on: OnExperiment,
    /// Why, or what was done about it: everyone can read it in the journal.
    #[arg(value_name = "TEXT")]
    pub(crate) text: String,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    pub(crate) saying: Saying,
    /// Yes, for good.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Journal {
    #[command(flatten)]
    pub(crate) lab: Told,
    /// Lines to print, at most 200.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) lines: u32,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

fn experiment(text: &str) -> Result<ExperimentId, String> {
    ExperimentId::try_from(text.to_owned()).map_err(|error| error.to_string())
}
