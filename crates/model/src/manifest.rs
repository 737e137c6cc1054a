//! The manifest of a bundle: every file with its size and digest, and nothing else, so that any change shows.

use crate::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry {
    /// Path below the bundle, `/` between parts.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// Digest of the content.
    pub sha256: Digest,
}

/// All files of a bundle but the manifest itself, sorted by path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`Manifest::FORMAT`].
    pub format: String,
    /// The files.
    pub files: Vec<ManifestEntry>,
}

impl Manifest {
    /// Name and version of this format.
    pub const FORMAT: &str = "aiv1-bundle/1";
    /// Name of the manifest's own file.
    pub const FILE: &str = "manifest.json";
}
