//! Anchors: real encoders at named presets, measured by the very same code.

use crate::{Digest, Quality};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one anchor stream came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnchorEncode {
    /// `x265-medium`, `svt-av1-8`, …
    pub anchor: String,
    /// Encoder, preset and tuning in words.
    pub tuning: String,
    /// Version line of the program that encoded.
    pub encoder: String,
    /// The ffmpeg arguments, input and output files left as `{input}` and `{output}`.
    pub command: Vec<String>,
}

impl AnchorEncode {
    /// Names of all anchors that the lab can measure against.
    pub const NAMES: [&str; 7] = [
        "x264-medium",
        "x265-medium",
        "x265-slow",
        "svt-av1-8",
        "x264-ultrafast",
        "x264-veryfast",
        "svt-av1-5",
    ];
}

/// One measured point of an anchor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnchorPoint {
    /// The clip.
    pub clip: Digest,
    /// How it was encoded.
    pub encode: AnchorEncode,
    /// The elementary stream, container none.
    pub stream_sha256: Digest,
    /// Its size, the rate.
    pub stream_bytes: u64,
    /// Path inside the bundle.
    pub path: String,
    /// Bits a second over the source duration.
    pub bitrate: f64,
    /// Quality of its decoded frames.
    pub quality: Quality,
}
