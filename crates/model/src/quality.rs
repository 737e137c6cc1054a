//! Quality of decoded frames against their source, as numbers anyone can recompute.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// Peak signal-to-noise ratio: a finite number of decibels, or no error at all.
///
/// Higher is better. JSON: a number, or the text `"lossless"` (an infinite ratio is no JSON number).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Decibels {
    /// A finite ratio.
    Finite(f64),
    /// The frames are equal.
    Lossless,
}

impl Decibels {
    /// PSNR of 8-bit samples: 10·log10(255² · samples / squared error).
    #[must_use]
    pub fn from_squared_error(squared_error: u64, samples: u64) -> Self {
        if squared_error == 0 {
            return Self::Lossless;
        }
        Self::Finite(10.0 * (255.0 * 255.0 * samples as f64 / squared_error as f64).log10())
    }

    /// The finite value, if there is one.
    #[must_use]
    pub const fn finite(self) -> Option<f64> {
        match self {
            Self::Finite(value) => Some(value),
            Self::Lossless => None,
        }
    }
}

impl std::fmt::Display for Decibels {
    /// To two decimals, or as many as asked for.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (width, precision) = (formatter.width().unwrap_or(0), formatter.precision().unwrap_or(2));
        match self {
            Self::Finite(value) => write!(formatter, "{value:>width$.precision$}"),
            Self::Lossless => write!(formatter, "{:>width$}", "lossless"),
        }
    }
}

impl Serialize for Decibels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Finite(value) => serializer.serialize_f64(*value),
            Self::Lossless => serializer.serialize_str("lossless"),
        }
    }
}

impl<'de> Deserialize<'de> for Decibels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text<'a> {
            Number(f64),
            Word(Cow<'a, str>),
        }
        match Text::deserialize(deserializer)? {
            Text::Number(value) if value.is_finite() => Ok(Self::Finite(value)),
            Text::Word(word) if word == "lossless" => Ok(Self::Lossless),
            _ => Err(serde::de::Error::custom("a PSNR is a finite number or \"lossless\"")),
        }
    }
}

impl JsonSchema for Decibels {
    fn schema_name() -> Cow<'static, str> {
        "Decibels".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "number" }, { "const": "lossless" }], "description": "PSNR in dB" })
    }
}

/// Summed squared error of one plane, kept as integers so that anyone can recompute the PSNR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaneError {
    /// Σ (source − decoded)² over all samples.
    pub squared_error: u64,
    /// Number of samples.
    pub samples: u64,
}

impl PlaneError {
    /// PSNR of this plane.
    #[must_use]
    pub fn psnr(&self) -> Decibels {
        Decibels::from_squared_error(self.squared_error, self.samples)
    }
}

/// One frame of the per-frame series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameQuality {
    /// Σ (source − decoded)² of Y, U and V.
    pub squared_error: [u64; 3],
    /// SSIM of luma, at most 1.
    pub ssim_y: f64,
}

/// Quality of a whole rate point.
///
/// PSNR of the series is that of the mean squared error, not the mean of decibels: what ffmpeg's `psnr` filter prints
/// as its summary. SSIM of the series is the mean over frames: what its `ssim` filter prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Y, U and V summed over all frames.
    pub planes: [PlaneError; 3],
    /// PSNR of luma.
    pub psnr_y: Decibels,
    /// PSNR of U.
    pub psnr_u: Decibels,
    /// PSNR of V.
    pub psnr_v: Decibels,
    /// (4·Y + U + V) / 6 of the three above.
    pub psnr_yuv: Decibels,
    /// Mean SSIM of luma.
    pub ssim_y: f64,
    /// Least luma PSNR of any frame.
    pub worst_psnr_y: Decibels,
    /// Index of that frame.
    pub worst_psnr_frame: u64,
    /// Least luma SSIM of any frame.
    pub worst_ssim_y: f64,
    /// Index of that frame.
    pub worst_ssim_frame: u64,
    /// Mean VMAF, where it was measured.
    pub vmaf: Option<f64>,
    /// Frame by frame, in order.
    pub frames: Vec<FrameQuality>,
}

/// Which implementations measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QualityTools {
    /// PSNR, name and version.
    pub psnr: String,
    /// SSIM, name and version.
    pub ssim: String,
    /// VMAF, name and version, where it was measured.
    pub vmaf: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_frames_are_lossless_and_survive_json() {
        assert_eq!(Decibels::from_squared_error(0, 10), Decibels::Lossless);
        let json = serde_json::to_string(&[Decibels::Lossless, Decibels::Finite(30.5)]).unwrap();
        assert_eq!(json, r#"["lossless",30.5]"#);
        assert_eq!(serde_json::from_str::<Vec<Decibels>>(&json).unwrap()[0], Decibels::Lossless);
        assert!(serde_json::from_str::<Decibels>("null").is_err());
    }

    #[test]
    fn people_read_two_decimals_or_the_word() {
        assert_eq!(
            format!(
                "{:.2}|{:7.1}|{}",
                Decibels::Finite(30.128),
                Decibels::Finite(30.128),
                Decibels::Lossless
            ),
            "30.13|   30.1|lossless"
        );
        assert_eq!(format!("{:.2}", Decibels::Lossless), "lossless");
    }

    #[test]
    fn one_off_everywhere_is_48_13_decibels() {
        // 20·log10(255)
        let psnr = Decibels::from_squared_error(1000, 1000).finite().unwrap();
        assert!((psnr - 48.130_803_608_679_1).abs() < 1e-9);
    }
}
