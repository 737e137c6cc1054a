//! The process of a function: a log, one thread, and how it ends.

use crate::{Error, config, logs};
use std::process::ExitCode;

/// Runs `work` to its end, which for a function is an error or a signal.
pub(crate) fn run<Work: Future<Output = Result<(), Error>>>(work: impl FnOnce() -> Work) -> ExitCode {
    logs::begin();
    match block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = aiv1_model::chain(&error), "the function ends");
            ExitCode::FAILURE
        }
    }
}

fn block_on<Work: Future<Output = Result<(), Error>>>(work: impl FnOnce() -> Work) -> Result<(), Error> {
    config::check_runs_in_lambda()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::System { action: "start", source: error.into() })?;
    runtime.block_on(work())
}
