//! `aiv1 completions` and `aiv1 man`.

use crate::arguments::Arguments;
use aiv1_lab::Error;
use clap::CommandFactory as _;
use std::path::Path;
use std::process::ExitCode;

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "aiv1", &mut script);
    super::print(&script)?;
    Ok(super::OK)
}

/// Writes `aiv1.1` and a page for each command.
pub(crate) fn man(folder: &Path) -> Result<ExitCode, Error> {
    std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(Error::file("write man pages into", folder))?;
    Ok(super::OK)
}
