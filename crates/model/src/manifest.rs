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

    /// The text of `manifest.json`: of one manifest there is one, and another text is no manifest of ours.
    #[must_use]
    pub fn canonical_text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Size of all files together, the manifest's own not counted.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes))
    }
}

impl ManifestEntry {
    /// Whether the path may stand in a bundle: relative, `/` between parts, nothing that means something to a shell.
    #[must_use]
    pub fn has_plain_path(&self) -> bool {
        let plain = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
        };
        self.path.len() <= 100 && self.path.split('/').all(plain)
    }
}
