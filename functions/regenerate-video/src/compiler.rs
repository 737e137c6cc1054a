//! Where a decoder becomes machine code.
//!
//! In a function of the cloud too it is a child: a flaw of Cranelift, used by a hostile module, would otherwise read the
//! role's credentials out of this process. The machine of a function runs nothing else and may have no Landlock, so the
//! child is confined at best effort there: always without environment, descriptors, privileges, with limits on CPU time,
//! memory and files; without files and network where the kernel can. What is left to such a flaw without Landlock: the
//! files of this function, streams in its scratch folder; the runtime's own port on the loopback, by which it could disturb
//! the invocation; and whatever Lambda's own first process shows of itself below `/proc/1` to the same user, which may be
//! credentials: this process can only hide its own. The machine code itself runs in the sandbox, whoever compiled it.

use aiv1_decoder::{Error, Module, ModuleCompiler, Role};
use aiv1_model::Limits;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use std::fmt::Debug;

/// Checks and compiles an untrusted decoder.
pub trait Compiler: Debug + Send + Sync {
    /// The module, ready to run under `limits`.
    fn compile(&self, wasm: &[u8], limits: &Limits) -> Result<Module, Error>;
}

/// Compiles in a confined child.
impl Compiler for ModuleCompiler {
    fn compile(&self, wasm: &[u8], limits: &Limits) -> Result<Module, Error> {
        Self::compile(self, Role::Decoder, wasm, limits)
    }
}

/// The compiler of a function, whose `main` starts with [`aiv1_decoder::run_as_child`]. Nothing is kept between modules, so
/// that a child can leave nothing for the next. From here on this process is not dumpable: its environment, where the
/// credentials are, cannot be read by another process of the same user below `/proc`.
pub fn function_compiler() -> Result<ModuleCompiler, Error> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| Error::Io { what: "hiding the environment from children", source: error.into() })?;
    Ok(ModuleCompiler::this_program(None)?.best_effort())
}
