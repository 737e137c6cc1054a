//! Where a decoder becomes machine code.

use aiv1_decoder::{Error, Module, Role};
use aiv1_model::Limits;
use std::fmt::Debug;

/// Checks and compiles an untrusted decoder.
pub trait Compiler: Debug + Send + Sync {
    /// The module, ready to run under `limits`.
    fn compile(&self, wasm: &[u8], limits: &Limits) -> Result<Module, Error>;
}

/// Compiles in this process; for where the process itself is the sandbox.
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcess;

impl Compiler for InProcess {
    fn compile(&self, wasm: &[u8], limits: &Limits) -> Result<Module, Error> {
        Module::compile_in_process(Role::Decoder, wasm, limits)
    }
}

/// Compiles in a confined child, and keeps what it compiled.
#[cfg(feature = "child")]
impl Compiler for aiv1_decoder::ModuleCompiler {
    fn compile(&self, wasm: &[u8], limits: &Limits) -> Result<Module, Error> {
        Self::compile(self, Role::Decoder, wasm, limits)
    }
}
