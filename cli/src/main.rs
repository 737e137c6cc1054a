//! `aiv1`: the lab on one machine, and the researcher's commands.

mod arguments;
mod commands;
mod exit;
mod progress;
mod remote;
mod store;
mod table;

use aiv1_worker::FetchError;
use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = aiv1_lab::machine::run_as_child() {
        return code;
    }
    let arguments = arguments::Arguments::parse();
    match commands::dispatch(arguments) {
        Ok(code) => code,
        Err(FetchError::Lab(error)) => exit::report(&error),
        Err(FetchError::Client(error)) => exit::report_client(&error),
    }
}
