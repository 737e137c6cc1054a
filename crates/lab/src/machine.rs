//! Puts the lab together on this machine; and the child processes that the running program becomes.
//!
//! A program that uses this starts its `main` with [`run_as_child`]: compilers and untrusted modules run in children that
//! are this very program under another first argument, so that there is nothing else to install.

use crate::{Builder, Error, Home, Lab, Toolchain, toolchain};
use aiv1_confine::Helper;
use aiv1_decoder::ModuleCompiler;
use aiv1_video::Ffmpeg;
use std::num::NonZeroUsize;
use std::process::ExitCode;

/// First argument that makes a program the confined child's first half.
const CONFINE: &str = "__confine";
/// First argument that makes it compile one module to machine code.
const COMPILE: &str = "__compile-module";

/// Does a child's work if that is what this process was started for.
#[must_use]
pub fn run_as_child() -> Option<ExitCode> {
    match std::env::args_os().nth(1)?.to_str()? {
        CONFINE => Some(aiv1_confine::child_main()),
        COMPILE => Some(aiv1_decoder::compile_child_main()),
        _ => None,
    }
}

/// How this program confines another.
#[must_use]
pub fn confine_helper() -> Helper {
    Helper::this_program([CONFINE])
}

/// How this program compiles modules in a child of its own.
pub fn module_compiler(home: &Home) -> Result<ModuleCompiler, aiv1_decoder::Error> {
    ModuleCompiler::in_child(confine_helper(), [COMPILE], Some(home.machine_code()))
}

/// The compiler for codecs, as the environment names it.
pub fn find_toolchain(home: &Home) -> Result<Toolchain, Error> {
    Ok(Toolchain::find(&toolchain::Config::from_environment(home.root()))?)
}

/// Everything an experiment needs, or the error that names what is missing.
pub fn lab(threads: NonZeroUsize) -> Result<Lab, Error> {
    let home = Home::from_environment()?;
    let toolchain = find_toolchain(&home)?;
    let builder = Builder::new(toolchain, confine_helper(), home.modules());
    Ok(Lab { ffmpeg: Ffmpeg::find()?, compiler: module_compiler(&home)?, builder, home, threads })
}
