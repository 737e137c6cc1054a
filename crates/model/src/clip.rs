//! Clips: what was measured on, and what was done to the file before it could be.

use crate::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Frames a second as an exact fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameRate {
    /// Numerator, at least 1.
    pub numerator: u32,
    /// Denominator, at least 1.
    pub denominator: u32,
}

impl FrameRate {
    /// Frames a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// How long `frames` frames last, in seconds.
    #[must_use]
    pub fn seconds(&self, frames: u64) -> f64 {
        frames as f64 * f64::from(self.denominator) / f64::from(self.numerator)
    }
}

impl std::fmt::Display for FrameRate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.denominator == 1 {
            write!(formatter, "{}", self.numerator)
        } else {
            write!(formatter, "{}/{}", self.numerator, self.denominator)
        }
    }
}

/// How samples become colour: the code points of ITU-T H.273, 2 where unspecified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColorInfo {
    /// `ColourPrimaries`.
    pub primaries: u8,
    /// `TransferCharacteristics`.
    pub transfer: u8,
    /// `MatrixCoefficients`.
    pub matrix: u8,
    /// Luma spans 0..=255 rather than 16..=235.
    pub full_range: bool,
}

impl ColorInfo {
    /// Unspecified, limited range.
    pub const UNSPECIFIED: Self = Self { primaries: 2, transfer: 2, matrix: 2, full_range: false };
}

/// Size, rate and colour of a video; samples are always 8-bit planar YUV 4:2:0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VideoFormat {
    /// Luma width in pixels.
    pub width: u32,
    /// Luma height in pixels.
    pub height: u32,
    /// Frames a second.
    pub frame_rate: FrameRate,
    /// Colour description.
    pub color: ColorInfo,
}

impl VideoFormat {
    /// Luma samples of one frame.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes of one packed I420 frame; chroma is rounded up.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        self.pixels() + 2 * u64::from(self.width.div_ceil(2)) * u64::from(self.height.div_ceil(2))
    }
}

impl std::fmt::Display for VideoFormat {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}x{} at {} fps", self.width, self.height, self.frame_rate)
    }
}

/// Whether the source had been through a lossy codec before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClipClass {
    /// Never lossily coded.
    Pristine,
    /// Already lossy; the default, since most files are.
    Nonpristine,
}

/// The file a clip was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// File name, without its folder.
    pub name: String,
    /// Digest of the file as it lies on disk.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// The path inside the bundle, where the bundle carries the file.
    pub bundled: Option<String>,
}

/// Something done to the decoded frames so that they could be measured, said in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conversion {
    /// `bit_depth`, `chroma`, `rotation`, `odd_size`, `frame_rate`, …
    pub what: String,
    /// As it was.
    pub from: String,
    /// As it is measured.
    pub to: String,
    /// The ffmpeg filter or option that did it.
    pub how: String,
}

/// A clip as an experiment used it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClipInfo {
    /// SHA-256 of the decoded frames, packed I420 in order: `ffmpeg … -f rawvideo - | sha256sum` prints it.
    pub id: Digest,
    /// Name for people.
    pub name: String,
    /// Size, rate, colour.
    pub format: VideoFormat,
    /// Frames measured.
    pub frames: u64,
    /// Only the first so many frames of the file were asked for, where that was said.
    pub frame_limit: Option<u64>,
    /// Already lossy or not.
    pub class: ClipClass,
    /// The file.
    pub source: SourceFile,
    /// What was done to it.
    pub conversions: Vec<Conversion>,
}

impl ClipInfo {
    /// Duration in seconds: frames over frame rate.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.format.frame_rate.seconds(self.frames)
    }

    /// `fuel` over the clip's luma pixels.
    #[must_use]
    pub fn per_pixel(&self, fuel: u64) -> f64 {
        fuel as f64 / (self.format.pixels() * self.frames) as f64
    }

    /// Rate of `bytes` over this clip, in bits a second.
    #[must_use]
    pub fn bitrate(&self, bytes: u64) -> f64 {
        bytes as f64 * 8.0 / self.seconds()
    }
}
