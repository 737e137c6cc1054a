//! Objects of the earlier system's buckets, by their keys.

use super::{LegacyExperiment, LegacyId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest key of an object store.
const MAX_KEY_BYTES: usize = 1024;

/// An object that a record of the earlier system names, or that lay in its bucket under the record's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegacyArtefact {
    /// What it is.
    pub kind: ArtefactKind,
    /// Its key.
    pub key: String,
    /// Its size, in bytes, where a listing of the bucket had it.
    pub bytes: Option<u64>,
}

/// What an object of the earlier system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArtefactKind {
    /// A reconstructed video.
    Video,
    /// A decoder, in Python.
    Decoder,
    /// An encoder, in Python.
    Encoder,
}

/// An object of a listing of the earlier system's buckets, with the ids that its key may be of, the likeliest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyObject {
    /// The object.
    pub artefact: LegacyArtefact,
    /// Whose it may be.
    pub ids: Vec<LegacyId>,
}

impl LegacyObject {
    /// What a key says; `None` for an object that is no record's: a reference clip, a deploy package.
    #[must_use]
    pub fn of(key: &str, bytes: Option<u64>) -> Option<Self> {
        let (kind, name) = match key.split('/').collect::<Vec<_>>()[..] {
            ["videos", id, "reconstructed.mp4"] => (ArtefactKind::Video, id),
            ["decoders", id, "decoder.py"] => (ArtefactKind::Decoder, id),
            ["encoders", id, "encoder.py"] => (ArtefactKind::Encoder, id),
            ["reconstructed", file] => (ArtefactKind::Video, file.strip_suffix(".mp4")?),
            ["decoders", file] => (ArtefactKind::Decoder, file.strip_suffix("_decoder.py")?),
            _ => return None,
        };
        // Some writers put the time behind the id.
        let timed = name.rsplit_once('_').filter(|(_, time)| time.bytes().all(|byte| byte.is_ascii_digit()));
        let names = [Some(name), timed.map(|(id, _)| id)];
        let ids = names.into_iter().flatten().filter_map(|name| name.parse().ok()).collect::<Vec<_>>();
        let artefact = LegacyArtefact { kind, key: key_of(key)?, bytes };
        (!ids.is_empty()).then_some(Self { artefact, ids })
    }
}

/// The key that a key, a link or an `s3:` address names, without host, bucket, signature.
pub(super) fn key_of(text: &str) -> Option<String> {
    let text = text.trim();
    let path = text.split(['?', '#']).next().unwrap_or(text);
    let key = match path.split_once("://") {
        None => path,
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/')?;
            // Where the host is the service's alone, the bucket is the first part of the path.
            let host = host.to_ascii_lowercase();
            let shared = scheme != "s3" && (host.starts_with("s3.") || host.starts_with("s3-"));
            if shared { path.split_once('/')?.1 } else { path }
        }
    };
    let key = key.trim_start_matches('/');
    let sound = !key.is_empty() && key.len() <= MAX_KEY_BYTES && !key.chars().any(char::is_control);
    sound.then(|| key.to_owned())
}

/// Puts artefacts in order, each once, and only as many as are kept. Of two that differ in size alone, the one with a size
/// stays.
pub(super) fn tidy(artefacts: &mut Vec<LegacyArtefact>) {
    artefacts.sort_by(|one, other| {
        (one.kind, &one.key).cmp(&(other.kind, &other.key)).then(other.bytes.cmp(&one.bytes))
    });
    artefacts.dedup_by(|later, earlier| (later.kind, &later.key) == (earlier.kind, &earlier.key));
    artefacts.truncate(LegacyExperiment::MAX_ARTEFACTS);
}
