//! A codec as it was built: source, modules, declaration, toolchain.

use crate::{Declaration, Digest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One compiled module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModuleInfo {
    /// Digest of the WebAssembly file.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// Its size as gzip level 9 leaves it: what a decoder costs to send.
    pub gzip_bytes: u64,
}

/// A codec and its two modules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodecInfo {
    /// Name: the source file's, without extension.
    pub name: String,
    /// Digest of the source text: the codec's identity.
    pub source_sha256: Digest,
    /// Size of the source text.
    pub source_bytes: u64,
    /// Digest of the guest kit it was compiled with.
    pub kit_sha256: Digest,
    /// Version line of the compiler. Absent if none was reached.
    pub toolchain: Option<String>,
    /// Digest of everything known to change what it makes: version, linker, standard library.
    pub toolchain_sha256: Option<Digest>,
    /// The encoder. Absent if it was not built.
    pub encoder: Option<ModuleInfo>,
    /// The decoder. Absent if it was not built.
    pub decoder: Option<ModuleInfo>,
    /// What the encoder declares. Absent if it was not built.
    pub declaration: Option<Declaration>,
}
