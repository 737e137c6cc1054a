//! From a codec's source to its two modules.
//!
//! The source is read by [`policy`], then compiled twice by a `rustc` that runs confined: it sees the
//! source, the kit, its own files and the system's libraries, and no network, no environment and no other file; and it
//! is stopped when it takes more than a source may. Modules depend on nothing but what is in their cache key: source,
//! kit, harness, flags and toolchain. Paths of the machine are mapped away, so they are bit-identical wherever and
//! whenever they are built.

mod compile;
mod error;
mod harness;
mod kit;
mod store;

#[cfg(test)]
mod tests;

pub use compile::{BuildLimits, FLAGS};
pub use error::BuildError;
pub use harness::Side;

use crate::policy;
use crate::toolchain::Toolchain;
use aiv1_confine::Helper;
use aiv1_model::{Digest, Hasher};
use compile::{Compiler, Job};
use std::path::PathBuf;
use store::Store;

const KIT_FILE: &str = "libaiv1_kit.rlib";

/// A codec, compiled.
#[derive(Clone, Debug)]
pub struct BuiltCodec {
    /// Its name.
    pub name: String,
    /// Its source.
    pub source: String,
    /// Digest of the source: the codec's identity.
    pub source_sha256: Digest,
    /// Digest of the kit it was compiled with.
    pub kit_sha256: Digest,
    /// Version line of the compiler.
    pub toolchain: String,
    /// The module that encodes.
    pub encoder: Vec<u8>,
    /// The module that decodes.
    pub decoder: Vec<u8>,
}

/// Compiles codecs, and remembers what it compiled.
#[derive(Clone, Debug)]
pub struct Builder {
    toolchain: Toolchain,
    helper: Helper,
    store: Store,
    limits: BuildLimits,
    kit_sha256: Digest,
}

impl Builder {
    /// With this compiler, confined by this helper, remembering in `cache`.
    #[must_use]
    pub fn new(toolchain: Toolchain, helper: Helper, cache: impl Into<PathBuf>) -> Self {
        let (store, limits) = (Store::at(cache.into()), BuildLimits::default());
        Self { toolchain, helper, store, limits, kit_sha256: kit::digest() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn limits(mut self, limits: BuildLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Digest of the guest kit.
    #[must_use]
    pub const fn kit_sha256(&self) -> Digest {
        self.kit_sha256
    }

    /// The compiler.
    #[must_use]
    pub const fn toolchain(&self) -> &Toolchain {
        &self.toolchain
    }

    /// The two modules of a source, compiled now or remembered.
    pub fn build(&self, name: &str, source: &str) -> Result<BuiltCodec, BuildError> {
        policy::check(source)?;
        let (encoder, decoder) = self.modules(source)?;
        Ok(BuiltCodec {
            name: name.to_owned(),
            source: source.to_owned(),
            source_sha256: Digest::of(source.as_bytes()),
            kit_sha256: self.kit_sha256,
            toolchain: self.toolchain.version.clone(),
            encoder,
            decoder,
        })
    }

    fn modules(&self, source: &str) -> Result<(Vec<u8>, Vec<u8>), BuildError> {
        let names = Side::BOTH.map(|side| format!("{}.wasm", side.name()));
        let names = [names[0].as_str(), names[1].as_str()];
        let key = format!("codec-{}", self.key(&[harness::HARNESS, source]));
        if let Some([encoder, decoder]) = self.store.get(&key, names)? {
            return Ok((encoder, decoder));
        }
        let kit = self.kit()?;
        let compile = |side| self.compiler().module(&self.store, &kit, source, side);
        let (encoder, decoder) = std::thread::scope(|scope| {
            let encoder = scope.spawn(|| compile(Side::Encoder));
            let decoder = compile(Side::Decoder);
            (encoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), decoder)
        });
        let (encoder, decoder) = (encoder?, decoder?);
        self.store.put(&key, [(names[0], &encoder), (names[1], &decoder)])?;
        Ok((encoder, decoder))
    }

    /// The compiled kit's file. A toolchain that cannot make it, or that cannot make an empty codec with it, is broken:
    /// no candidate is blamed for that.
    fn kit(&self) -> Result<PathBuf, BuildError> {
        let key = format!("kit-{}", self.key(&[harness::HARNESS, harness::PROBE]));
        if self.store.get(&key, [KIT_FILE])?.is_none() {
            let broken = |error: BuildError| match error {
                BuildError::Compile { stderr: reason, .. }
                | BuildError::CompileLimit { stderr: reason, .. } => {
                    BuildError::Broken { version: self.toolchain.version.clone(), reason }
                }
                other => other,
            };
            let kit = self.compiler().run(&self.store, &Job::Kit).map_err(broken)?;
            let unproven = self.store.scratch()?;
            let path = unproven.path().join(KIT_FILE);
            std::fs::write(&path, &kit).map_err(BuildError::host("write", &path))?;
            for side in Side::BOTH {
                self.compiler().module(&self.store, &path, harness::PROBE, side).map_err(broken)?;
            }
            self.store.put(&key, [(KIT_FILE, &kit)])?;
        }
        Ok(self.store.path(&key).join(KIT_FILE))
    }

    const fn compiler(&self) -> Compiler<'_> {
        Compiler { toolchain: &self.toolchain, helper: &self.helper, limits: self.limits }
    }

    /// Digest of everything that has a part in what comes out.
    fn key(&self, texts: &[&str]) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(self.toolchain.id.as_bytes());
        hasher.update(self.kit_sha256.as_bytes());
        for text in FLAGS.iter().chain(texts) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finish()
    }
}
