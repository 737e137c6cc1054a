//! Puts the lab together on this machine; and the child processes that the running program becomes.
//!
//! A program that uses this starts its `main` with [`run_as_child`]: compilers and untrusted modules run in children that
//! are this very program under another first argument, so that there is nothing else to install.

use crate::{Builder, Error, Home, Lab, Toolchain, toolchain};
use aiv1_decoder::ModuleCompiler;
use aiv1_video::Ffmpeg;
use std::num::NonZeroUsize;

pub use aiv1_decoder::{confine_helper, run_as_child};

/// How this program compiles modules in a child of its own.
pub fn module_compiler(home: &Home) -> Result<ModuleCompiler, aiv1_decoder::Error> {
    ModuleCompiler::this_program(Some(home.machine_code()))
}

/// The compiler for codecs, as the environment names it.
pub fn find_toolchain(home: &Home) -> Result<Toolchain, Error> {
    Ok(Toolchain::find(&toolchain::Config::from_environment(home.root()))?)
}

/// What compiles codecs to modules.
pub fn builder(home: &Home) -> Result<Builder, Error> {
    Ok(Builder::new(find_toolchain(home)?, confine_helper(), home.modules()))
}

/// Everything an experiment needs, or the error that names what is missing.
pub fn lab(threads: NonZeroUsize) -> Result<Lab, Error> {
    let home = Home::from_environment()?;
    let builder = builder(&home)?;
    Ok(Lab { ffmpeg: Ffmpeg::find()?, compiler: module_compiler(&home)?, builder, home, threads })
}
