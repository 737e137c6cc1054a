//! Bjøntegaard-delta rates as they are published: never without their certificate, or refused with the reason.

use crate::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What quality axis a BD-rate is integrated over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Luma PSNR in dB.
    PsnrY,
    /// (4·Y + U + V) / 6 in dB.
    PsnrYuv,
    /// Luma SSIM, integrated over −10·log10(1 − SSIM).
    SsimY,
}

impl Metric {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 3] = [Self::PsnrY, Self::PsnrYuv, Self::SsimY];

    /// Whether a saving at it counts: of those that do the less favourable is what ranks a codec. Luma alone would let it
    /// forsake chroma; SSIM is shown beside.
    #[must_use]
    pub const fn counts(self) -> bool {
        matches!(self, Self::PsnrY | Self::PsnrYuv)
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::PsnrY => "PSNR-Y",
            Self::PsnrYuv => "PSNR-YUV",
            Self::SsimY => "SSIM-Y",
        })
    }
}

/// What a BD-rate rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Points of the tested curve that entered.
    pub test_points: usize,
    /// Points of the anchor's curve that entered.
    pub anchor_points: usize,
    /// Whether the tested curve's quality rises with its rate throughout.
    pub test_monotone: bool,
    /// Whether the anchor's does.
    pub anchor_monotone: bool,
    /// Lower end of the common quality interval, where there is one.
    pub overlap_low: Option<f64>,
    /// Upper end of it.
    pub overlap_high: Option<f64>,
    /// Its length over the length of the shorter curve's quality interval, 0 to 1.
    pub overlap: f64,
    /// |PCHIP − Akima| in percentage points, where both exist.
    pub interpolation_gap: Option<f64>,
}

/// Why a BD-rate was not stated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Refusal {
    /// Fewer than four points on a curve.
    TooFewPoints {
        /// Points of the tested curve.
        test: usize,
        /// Points of the anchor.
        anchor: usize,
    },
    /// A point with a rate of 0, or a quality that is not finite (a lossless point has none).
    NotFinite {
        /// Which curve.
        curve: String,
    },
    /// Quality does not rise with rate.
    NotMonotone {
        /// Which curve.
        curve: String,
    },
    /// The curves share too little quality.
    LittleOverlap {
        /// The share there is.
        overlap: f64,
        /// The least that is accepted.
        least: f64,
    },
    /// The two interpolations disagree.
    InterpolationGap {
        /// Percentage points between them.
        gap: f64,
        /// The most that is accepted.
        most: f64,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooFewPoints { test, anchor } => {
                write!(formatter, "{test} and {anchor} points, 4 each are needed")
            }
            Self::NotFinite { curve } => {
                write!(formatter, "a point of {curve} has no finite rate or quality")
            }
            Self::NotMonotone { curve } => {
                write!(formatter, "quality of {curve} does not rise with its rate")
            }
            Self::LittleOverlap { overlap, least } => {
                write!(
                    formatter,
                    "the curves share {:.0} % of their quality range, {:.0} % is needed",
                    overlap * 100.0,
                    least * 100.0
                )
            }
            Self::InterpolationGap { gap, most } => {
                write!(formatter, "PCHIP and Akima differ by {gap:.2} points, at most {most:.1} is accepted")
            }
        }
    }
}

/// Difference in rate at equal quality, in percent; negative means that the tested codec needs less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BdRate {
    /// By PCHIP interpolation: the figure that is quoted. Absent where refused.
    pub pchip: Option<f64>,
    /// By Akima interpolation. Absent where refused.
    pub akima: Option<f64>,
    /// What it rests on.
    pub certificate: Certificate,
    /// Why it is not stated.
    pub refusal: Option<Refusal>,
}

/// One codec against one anchor on one clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The clip.
    pub clip: Digest,
    /// Name of the anchor.
    pub anchor: String,
    /// Quality axis.
    pub metric: Metric,
    /// The result.
    pub bd_rate: BdRate,
}

/// Spread of one number over the clips of a set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
    /// Clips that entered.
    pub clips: usize,
}

/// One codec against one anchor over the clip set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetComparison {
    /// Name of the anchor.
    pub anchor: String,
    /// Quality axis.
    pub metric: Metric,
    /// BD-rate by PCHIP over the clips; absent if it was refused for any of them, since a mean over the rest would flatter.
    pub bd_rate: Option<Spread>,
    /// Clips for which it was refused.
    pub refused: usize,
}
