//! Figures a record claims, and which of them stood in for a measurement that was never made.

use super::nested::{Fields, number};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a record of the earlier system claimed. Nothing of it was measured by this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegacyClaims {
    /// Rate, in Mbit/s.
    pub bitrate_mbps: Option<f64>,
    /// PSNR over colour frames, in dB.
    pub psnr_db: Option<f64>,
    /// SSIM.
    pub ssim: Option<f64>,
    /// Percent below a nominal HEVC rate that was never measured; negative where it was above.
    pub reduction_percent: Option<f64>,
    /// That nominal rate, in Mbit/s.
    pub baseline_mbps: Option<f64>,
    /// How many times smaller than its source.
    pub compression: Option<LegacyCompression>,
    /// Size of the source, in bytes.
    pub original_bytes: Option<u64>,
    /// Size of what was encoded, in bytes.
    pub compressed_bytes: Option<u64>,
    /// Under 1 Mbit/s, or what that version of it took for the target: one flag of two meanings.
    pub target_achieved: Option<bool>,
    /// It said that it had verified its quality.
    pub quality_verified: Option<bool>,
    /// A badge of its own.
    pub tier: Option<String>,
}

/// A compression ratio, which the earlier system wrote in two units under one name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegacyCompression {
    /// Source by result: 2 is half the size. Absent where the unit is not known.
    pub ratio: Option<f64>,
    /// As it was written.
    pub written: f64,
    /// In this unit.
    pub unit: CompressionUnit,
}

/// A unit of [`LegacyCompression::written`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompressionUnit {
    /// Source by result.
    Times,
    /// Percent of the source that was saved.
    PercentSaved,
    /// Its writer did not say.
    Unknown,
}

impl LegacyClaims {
    /// Nothing was claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many figures there are.
    #[must_use]
    pub(super) fn count(&self) -> usize {
        let numbers =
            [self.bitrate_mbps, self.psnr_db, self.ssim, self.reduction_percent, self.baseline_mbps];
        numbers.iter().filter(|figure| figure.is_some()).count()
            + [self.original_bytes, self.compressed_bytes].iter().filter(|size| size.is_some()).count()
            + [self.target_achieved, self.quality_verified].iter().filter(|flag| flag.is_some()).count()
            + usize::from(self.compression.is_some())
            + usize::from(self.tier.is_some())
    }

    /// Reads metrics, and the comparison that stands beside them.
    pub(super) fn read(
        metrics: Fields<'_>,
        comparison: Fields<'_>,
        unit: CompressionUnit,
        notes: &mut Vec<String>,
    ) -> Self {
        let mut figure = |name: &str, low: f64, high: f64| {
            let value = metrics.get(name).or_else(|| comparison.get(name))?;
            checked(name, value, low, high, notes)
        };
        let mut claims = Self {
            bitrate_mbps: figure("bitrate_mbps", 0.0, 1e6),
            psnr_db: figure("psnr_db", 0.0, 200.0),
            ssim: figure("ssim", -1.0, 1.0),
            reduction_percent: figure("reduction_percent", -1e9, 100.0),
            baseline_mbps: figure("hevc_baseline_mbps", 0.0, 1e6),
            compression: figure("compression_ratio", -1e9, 1e12)
                .and_then(|written| LegacyCompression::new(written, unit)),
            original_bytes: figure("original_size_bytes", 0.0, 1e15).map(whole),
            compressed_bytes: figure("compressed_size_bytes", 0.0, 1e15).map(whole),
            ..Self::default()
        };
        if claims.compressed_bytes.is_none() {
            claims.compressed_bytes = metrics
                .get("file_size_bytes")
                .and_then(|value| checked("file_size_bytes", value, 0.0, 1e15, notes))
                .map(whole);
        }
        let flag = |name: &str| comparison.get(name).or_else(|| metrics.get(name))?.as_bool();
        claims.target_achieved = flag("target_achieved");
        claims.quality_verified = flag("quality_verified");
        claims.tier = comparison.get("achievement_tier").and_then(super::text::word);
        claims.without_placeholders(notes);
        claims
    }

    /// Drops what is known to have stood in for a measurement.
    fn without_placeholders(&mut self, notes: &mut Vec<String>) {
        let mut zeros = Vec::new();
        for (name, figure) in [
            ("bitrate", &mut self.bitrate_mbps),
            ("PSNR", &mut self.psnr_db),
            ("SSIM", &mut self.ssim),
            ("baseline", &mut self.baseline_mbps),
        ] {
            if figure.take_if(|value| *value == 0.0).is_some() {
                zeros.push(name);
            }
        }
        if self.compression.take_if(|compression| compression.written == 0.0).is_some() {
            zeros.push("compression ratio");
        }
        for (name, size) in
            [("original size", &mut self.original_bytes), ("compressed size", &mut self.compressed_bytes)]
        {
            if size.take_if(|size| *size == 0).is_some() {
                zeros.push(name);
            }
        }
        if !zeros.is_empty() {
            notes.push(format!("written as 0, which stood for not measured: {}", zeros.join(", ")));
        }
        if self.bitrate_mbps == Some(0.5)
            && (self.psnr_db == Some(45.0) || self.reduction_percent == Some(90.0))
        {
            (self.bitrate_mbps, self.psnr_db, self.reduction_percent) = (None, None, None);
            notes.push("0.5 Mbit/s at 45 dB, 90 % saved: placeholders, dropped".to_owned());
        }
        if self.psnr_db == Some(30.0) && self.ssim == Some(0.85) {
            (self.psnr_db, self.ssim) = (None, None);
            notes.push(
                "PSNR of exactly 30 dB and SSIM of exactly 0.85 were written where nothing was measured: dropped"
                    .to_owned(),
            );
        }
        // Computed from a bitrate; where that is missing, from one that was made up.
        if self.bitrate_mbps.is_none() {
            self.target_achieved = None;
            self.baseline_mbps = None;
        }
        if self.psnr_db.is_none() && self.ssim.is_none() && self.quality_verified.take() == Some(true) {
            notes.push("its quality is said to be verified, but there is none: dropped".to_owned());
        }
        if self.bitrate_mbps.is_none()
            && let Some(reduction) = self.reduction_percent.take()
        {
            notes.push(format!(
                "a reduction of {reduction} % without a bitrate it could follow from: dropped"
            ));
        }
    }
}

impl LegacyCompression {
    fn new(written: f64, unit: CompressionUnit) -> Option<Self> {
        let ratio = match unit {
            CompressionUnit::Times => (written >= 0.0).then_some(written),
            CompressionUnit::PercentSaved => (written < 100.0).then(|| 100.0 / (100.0 - written)),
            CompressionUnit::Unknown => None,
        };
        (ratio.is_some() || unit == CompressionUnit::Unknown).then_some(Self { ratio, written, unit })
    }
}

/// A number within what the figure can be.
fn checked(name: &str, value: &Value, low: f64, high: f64, notes: &mut Vec<String>) -> Option<f64> {
    if value.is_null() {
        return None;
    }
    match number(value) {
        Some(figure) if (low..=high).contains(&figure) => Some(figure),
        Some(figure) => {
            notes.push(format!("{name} is {figure}, which is not within {low} to {high}: dropped"));
            None
        }
        None => {
            notes.push(format!("{name} is not a number: dropped"));
            None
        }
    }
}

fn whole(figure: f64) -> u64 {
    figure as u64
}
