//! A module that was checked and compiled.

use super::guest::State;
use super::{ModuleSummary, Role, check_module, engine};
use crate::{Error, Result};
use aiv1_model::{Digest, Limits};
use wasmtime::{InstancePre, Linker};

/// A codec module, ready to run; cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(super) ready: InstancePre<State>,
    role: Role,
    digest: Digest,
    summary: ModuleSummary,
}

impl Module {
    /// Checks a module and compiles it in this process.
    ///
    /// This is for Lambdas, which have nothing to lose but one invocation, and for tests. The caps on module, body and
    /// locals hold, but compile time and memory are bounded by nothing else: at the default limits a hostile module can
    /// keep Cranelift busy for minutes and take more than a gigabyte. Where that matters, a `ModuleCompiler` compiles
    /// in a child.
    pub fn compile_in_process(role: Role, bytes: &[u8], limits: &Limits) -> Result<Self> {
        let summary = check_module(role, bytes, limits)?;
        let compiled = wasmtime::Module::from_binary(engine()?, bytes)
            .map_err(|error| Error::InvalidModule { reason: format!("{error:#}") })?;
        Self::ready(&compiled, role, Digest::of(bytes), summary)
    }

    /// A module out of what [`wasmtime::Engine::precompile_module`] made of checked bytes.
    ///
    /// # Safety
    /// `artefact` is, byte for byte, what this very binary's compiler made.
    #[cfg(feature = "encode")]
    #[expect(unsafe_code, reason = "loading machine code is what a compiled module is")]
    pub(crate) unsafe fn from_artefact(
        artefact: &[u8],
        role: Role,
        digest: Digest,
        summary: ModuleSummary,
    ) -> Result<Self> {
        // SAFETY: passed on to the caller. wasmtime itself checks its version, configuration and the processor's features.
        let compiled = unsafe { wasmtime::Module::deserialize(engine()?, artefact) };
        let failed = |error| Error::Host { what: "loading a compiled module", reason: format!("{error:#}") };
        Self::ready(&compiled.map_err(failed)?, role, digest, summary)
    }

    fn ready(
        compiled: &wasmtime::Module,
        role: Role,
        digest: Digest,
        summary: ModuleSummary,
    ) -> Result<Self> {
        let ready = Linker::new(compiled.engine()).instantiate_pre(compiled);
        let failed = |error| Error::Host { what: "preparing a module", reason: format!("{error:#}") };
        Ok(Self { ready: ready.map_err(failed)?, role, digest, summary })
    }

    /// Which half of a codec it is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// SHA-256 of its WebAssembly file.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// It in numbers.
    #[must_use]
    pub const fn summary(&self) -> &ModuleSummary {
        &self.summary
    }

    pub(crate) fn expect_role(&self, role: Role) -> Result<()> {
        if self.role == role {
            return Ok(());
        }
        Err(Error::Request { reason: format!("the module is the {:?}, not the {role:?}", self.role) })
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut module = formatter.debug_struct("Module");
        module.field("role", &self.role).field("digest", &self.digest).finish_non_exhaustive()
    }
}
