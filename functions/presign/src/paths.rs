//! What stands in the addresses.

use aiv1_model::{Digest, ExperimentId};
use schemars::JsonSchema;
use serde::Deserialize;

/// An experiment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct ExperimentPath {
    /// Id of the experiment.
    pub id: ExperimentId,
}

/// A clip.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct ClipPath {
    /// SHA-256 of the clip's frames.
    pub id: Digest,
}

/// One stream of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct StreamPath {
    /// Id of the experiment.
    pub id: ExperimentId,
    /// SHA-256 of the clip's frames.
    pub clip: Digest,
    /// Quality index, 0 to 63.
    pub q: u8,
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct FilePath {
    /// Id of the experiment.
    pub id: ExperimentId,
    /// Path inside the bundle.
    pub path: String,
}

/// Which preview.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VideoQuery {
    /// SHA-256 of the clip's frames; the first measured clip when absent.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    pub clip: Option<Digest>,
    /// Quality index, 0 to 63; the middle one of those measured when absent.
    #[serde(default, deserialize_with = "aiv1_web::blank_or_number")]
    pub q: Option<u8>,
    /// Save it instead of playing it.
    #[serde(default, deserialize_with = "aiv1_web::blank_or_number")]
    pub download: Option<bool>,
}
