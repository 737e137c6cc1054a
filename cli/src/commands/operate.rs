//! What the operators' commands share: how they fail, and where they run.

use super::up::DirectoryError;
use crate::exit;
use crate::store::StoreError;
use aiv1_lab::Error;
use std::process::ExitCode;
use tokio::runtime::Runtime;

/// Why a command on a lab's store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperateError {
    #[error(transparent)]
    Lab(#[from] Error),
    #[error(transparent)]
    Choice(#[from] StoreError),
    #[error(transparent)]
    Store(#[from] aiv1_store::Error),
    #[error(transparent)]
    Client(#[from] aiv1_client::Error),
    #[error(transparent)]
    Tokens(#[from] DirectoryError),
    #[error("the loop cannot start")]
    Loop(#[from] aiv1_orchestrator::Error),
    /// AWS did not answer as wanted.
    #[error("{what}")]
    Aws { what: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// What is configured makes no sense.
    #[error("{what} is {value}, but must be {bound}")]
    Configured { what: String, value: String, bound: String },
}

/// Tells how a command ended.
pub(crate) fn code(ended: Result<(), OperateError>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(OperateError::Lab(error)) => exit::report(&error),
        Err(OperateError::Choice(error)) => error.report(),
        Err(OperateError::Client(error)) => exit::report_client(&error),
        Err(error @ (OperateError::Configured { .. } | OperateError::Loop(_))) => {
            exit::report_other(&error);
            ExitCode::from(exit::USAGE)
        }
        Err(error) => exit::report_other(&error),
    }
}

/// Threads to wait on the network with.
pub(crate) fn runtime() -> Result<Runtime, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(Error::file("start threads for", std::path::Path::new("this command")))
}

/// What a variable of the environment says; one that is empty counts as one that is not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}
