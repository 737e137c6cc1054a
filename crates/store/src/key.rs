//! [`BlobKey`]: path, content type, cache policy and attachment name of every kind of object. No path is made elsewhere.
//!
//! ```text
//! sources/SHA256.rs          modules/SHA256.wasm      streams/SHA256.aiv1     anchors/SHA256
//! clips/SHA256               records/SHA256.json      manifests/SHA256.json   (kept for ever, never change)
//! reconstructed/ID/CLIP-qNN.mp4   reconstructed/ID/bundle.tar                  (made again when asked for; expire)
//! ```

use crate::Error;
use aiv1_model::{Digest, ExperimentId, Manifest};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How long what lies below [`BlobKey::EXPIRING`] is kept after it was put. The lifecycle rule of the bucket in
/// `template.yaml` says the same number of days.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Kinds of objects that are kept for ever, under the SHA-256 of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A codec's source.
    Source,
    /// An encoder or decoder.
    Module,
    /// A `.aiv1` stream.
    Stream,
    /// What an anchor's encoder wrote.
    Anchor,
    /// A clip's file.
    Clip,
    /// A `record.json`.
    Record,
    /// A `manifest.json`.
    Manifest,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Source, Self::Module, Self::Stream, Self::Anchor, Self::Clip, Self::Record, Self::Manifest];

    /// The kind of a file of a bundle, by its path inside it; `None` for a path that no bundle has.
    #[must_use]
    pub fn of_bundle_path(path: &str) -> Option<Self> {
        match path.split_once('/') {
            None if path == "record.json" => Some(Self::Record),
            None if path == Manifest::FILE => Some(Self::Manifest),
            Some(("codec", name)) if name.strip_suffix(".rs").is_some() => Some(Self::Source),
            Some(("codec", "encoder.wasm" | "decoder.wasm")) => Some(Self::Module),
            Some(("streams", name)) if name.strip_suffix(".aiv1").is_some() => Some(Self::Stream),
            Some(("anchors", _)) => Some(Self::Anchor),
            Some(("clips", _)) => Some(Self::Clip),
            _ => None,
        }
    }

    /// Most bytes of one object of this kind.
    #[must_use]
    pub const fn max_bytes(self) -> u64 {
        match self {
            Self::Source => aiv1_model::Submission::MAX_SOURCE_BYTES,
            Self::Module => 1 << 20,
            Self::Manifest => 16 << 20,
            Self::Record => 256 << 20,
            Self::Stream | Self::Anchor | Self::Clip => 5 << 30,
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::Module => "modules",
            Self::Stream => "streams",
            Self::Anchor => "anchors",
            Self::Clip => "clips",
            Self::Record => "records",
            Self::Manifest => "manifests",
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Source => ".rs",
            Self::Module => ".wasm",
            Self::Stream => ".aiv1",
            Self::Anchor | Self::Clip => "",
            Self::Record | Self::Manifest => ".json",
        }
    }
}

/// Something that is made from what is kept, on demand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Rebuild {
    /// The preview of one stream.
    Video {
        /// The experiment.
        experiment: ExperimentId,
        /// The clip.
        clip: Digest,
        /// The quality index, 0 to 63.
        quality_index: u8,
    },
    /// The whole bundle as one `.tar`.
    Bundle {
        /// The experiment.
        experiment: ExperimentId,
    },
}

impl Rebuild {
    /// The experiment it belongs to.
    #[must_use]
    pub const fn experiment(&self) -> &ExperimentId {
        match self {
            Self::Video { experiment, .. } | Self::Bundle { experiment } => experiment,
        }
    }

    /// Where the result is put.
    #[must_use]
    pub fn key(&self) -> BlobKey {
        BlobKey::Reconstructed(self.clone())
    }
}

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobKey {
    /// Kept for ever, under the SHA-256 of its bytes.
    Object {
        /// What it is.
        kind: ObjectKind,
        /// SHA-256 of its bytes.
        sha256: Digest,
    },
    /// Made from what is kept; expires.
    Reconstructed(Rebuild),
}

/// Text that is no key's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the path of a stored object")]
pub struct KeyError(String);

impl BlobKey {
    /// Objects below this prefix expire.
    pub const EXPIRING: &str = "reconstructed/";

    /// An object that is kept.
    #[must_use]
    pub const fn object(kind: ObjectKind, sha256: Digest) -> Self {
        Self::Object { kind, sha256 }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Object { kind, sha256 } => format!("{}/{sha256}{}", kind.folder(), kind.suffix()),
            Self::Reconstructed(Rebuild::Video { experiment, clip, quality_index }) => {
                format!("{}{experiment}/{clip}-q{quality_index:02}.mp4", Self::EXPIRING)
            }
            Self::Reconstructed(Rebuild::Bundle { experiment }) => {
                format!("{}{experiment}/bundle.tar", Self::EXPIRING)
            }
        }
    }

    /// The key whose path this is; every other text is refused, so that a path from outside reaches nothing else.
    pub fn parse(path: &str) -> Result<Self, KeyError> {
        let key = Self::read(path).ok_or_else(|| KeyError(path.chars().take(200).collect()))?;
        // One object, one path: what reads but is not written the same way is not a path of ours.
        if key.path() == path { Ok(key) } else { Err(KeyError(path.chars().take(200).collect())) }
    }

    fn read(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix(Self::EXPIRING) {
            let (experiment, name) = rest.split_once('/')?;
            let experiment = ExperimentId::try_from(experiment.to_owned()).ok()?;
            if name == "bundle.tar" {
                return Some(Self::Reconstructed(Rebuild::Bundle { experiment }));
            }
            let (clip, quality) = name.strip_suffix(".mp4")?.split_once("-q")?;
            let quality_index: u8 = quality.parse().ok().filter(|index| *index <= 63)?;
            return Some(Self::Reconstructed(Rebuild::Video {
                experiment,
                clip: clip.parse().ok()?,
                quality_index,
            }));
        }
        let (folder, name) = path.split_once('/')?;
        let kind = ObjectKind::ALL.into_iter().find(|kind| kind.folder() == folder)?;
        Some(Self::Object { kind, sha256: name.strip_suffix(kind.suffix())?.parse().ok()? })
    }

    /// Refuses bytes with this digest under a key that names another ([`Error::Damaged`]).
    pub fn check_digest(&self, digest: &Digest) -> Result<(), Error> {
        match self {
            Self::Object { sha256, .. } if sha256 != digest => Err(Error::Damaged {
                what: self.path(),
                reason: format!("the bytes have the digest {digest}"),
            }),
            _ => Ok(()),
        }
    }

    /// Whether the object's lifecycle ends.
    #[must_use]
    pub const fn expires(&self) -> bool {
        matches!(self, Self::Reconstructed(_))
    }

    /// Content type it is served with.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Object { kind: ObjectKind::Source, .. } => "text/plain; charset=utf-8",
            Self::Object { kind: ObjectKind::Module, .. } => "application/wasm",
            Self::Object { kind: ObjectKind::Record | ObjectKind::Manifest, .. } => "application/json",
            Self::Object { .. } => "application/octet-stream",
            Self::Reconstructed(Rebuild::Video { .. }) => "video/mp4",
            Self::Reconstructed(Rebuild::Bundle { .. }) => "application/x-tar",
        }
    }

    /// `Cache-Control` it is served with.
    #[must_use]
    pub const fn cache_control(&self) -> &'static str {
        match self {
            Self::Object { .. } => "public, max-age=31536000, immutable",
            Self::Reconstructed(_) => "private, max-age=3600",
        }
    }

    /// Name a browser saves it under.
    #[must_use]
    pub fn attachment(&self, experiment: &ExperimentId) -> String {
        match self {
            Self::Object { kind, sha256 } => match kind {
                ObjectKind::Source => format!("{experiment}_codec.rs"),
                ObjectKind::Module => format!("{experiment}_decoder.wasm"),
                ObjectKind::Stream => format!("{experiment}_{}.aiv1", sha256.abbreviated()),
                ObjectKind::Anchor => format!("{experiment}_anchor_{}", sha256.abbreviated()),
                ObjectKind::Clip => format!("{experiment}_clip_{}", sha256.abbreviated()),
                ObjectKind::Record => format!("{experiment}_record.json"),
                ObjectKind::Manifest => format!("{experiment}_manifest.json"),
            },
            Self::Reconstructed(Rebuild::Video { quality_index, .. }) => {
                format!("{experiment}_q{quality_index:02}_video.mp4")
            }
            Self::Reconstructed(Rebuild::Bundle { .. }) => format!("{experiment}_bundle.tar"),
        }
    }
}

impl std::fmt::Display for BlobKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&self.path())
    }
}
