//! `aiv1`: the lab on one machine, and the researcher's commands.

mod arguments;
mod commands;
mod exit;
mod plot;
mod progress;
mod setup;
mod table;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = setup::run_as_child() {
        return code;
    }
    let arguments = arguments::Arguments::parse();
    match commands::dispatch(arguments) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
