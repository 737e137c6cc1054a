//! What an experiment showed, in brief: savings at equal quality, costs, and the point under a megabit.

use crate::{Digest, Metric, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Saving against one anchor over all clips, at equal quality: BD-rate by PCHIP, in percent; negative needs fewer bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Saving {
    /// The anchor.
    pub anchor: String,
    /// Which quality is held equal.
    pub metric: Metric,
    /// Mean over the clips where a BD-rate is stated.
    pub bd_rate: f64,
    /// How many clips that are.
    pub clips: usize,
    /// Clips for which it was refused.
    pub refused: usize,
}

/// A rate point under 1 Mbit/s on its clip, with its quality: the earlier system's `target_achieved`, never without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnderMegabit {
    /// The clip.
    pub clip: Digest,
    /// The quality index.
    pub quality_index: u8,
    /// Bits a second.
    pub bitrate: f64,
    /// Luma PSNR there.
    pub psnr_y: crate::Decibels,
    /// Luma SSIM there.
    pub ssim_y: f64,
}

/// What an experiment showed, in brief; everything here is computed from its [`Record`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    /// The saving against the strongest anchor: the least favourable of those at equal PSNR-Y and at equal PSNR-YUV, since a
    /// codec that forsakes chroma saves bits that luma does not miss. Absent unless all are stated that were compared,
    /// against every anchor that was asked for, on every clip: leaving out a strong one would flatter.
    pub headline: Option<Saving>,
    /// Against every anchor, for every metric, where stated.
    pub savings: Vec<Saving>,
    /// Most decode fuel a luma pixel of any point.
    pub decode_fuel_per_pixel: Option<f64>,
    /// Most encode fuel a luma pixel of any point.
    pub encode_fuel_per_pixel: Option<f64>,
    /// Bits a luma pixel, the geometric mean over all points: which rates it was tried at.
    #[serde(default)]
    pub bits_per_pixel: Option<f64>,
    /// Compressed size of the decoder.
    pub decoder_gzip_bytes: Option<u64>,
    /// The best-looking point under 1 Mbit/s, if there is one.
    pub under_megabit: Option<UnderMegabit>,
}

impl Findings {
    /// What `record` shows.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let stated = record.set.iter().filter_map(|set| {
            let spread = set.bd_rate?;
            let (anchor, metric) = (set.anchor.clone(), set.metric);
            Some(Saving { anchor, metric, bd_rate: spread.mean, clips: spread.clips, refused: set.refused })
        });
        let savings: Vec<Saving> = stated.collect();
        // Of the savings that can be stated the least favourable is worth nothing while a stronger anchor's was refused.
        let counts =
            |anchor: &String, metric: Metric| metric.counts() && record.settings.anchors.contains(anchor);
        let whole: Vec<&Saving> = savings
            .iter()
            .filter(|saving| saving.refused == 0 && counts(&saving.anchor, saving.metric))
            .collect();
        let compared = record.set.iter().filter(|set| counts(&set.anchor, set.metric)).count();
        let on_luma = whole.iter().filter(|saving| saving.metric == Metric::PsnrY).count();
        let against_all = whole.len() == compared && on_luma == record.settings.anchors.len();
        // Of equals the first named: luma stands before chroma.
        let strongest = whole.into_iter().rev().max_by(|one, other| one.bd_rate.total_cmp(&other.bd_rate));
        let most = |cost: fn(&crate::Cost) -> f64| {
            record.points.iter().map(|point| cost(&point.cost)).reduce(f64::max)
        };
        let bits = |point: &crate::RatePoint| {
            let clip = record.clips.iter().find(|clip| clip.id == point.clip)?;
            let pixels = clip.frames.checked_mul(clip.format.pixels()).filter(|pixels| *pixels > 0)?;
            Some((point.stream.bytes as f64 * 8.0 / pixels as f64).ln())
        };
        let logarithms: Vec<f64> = record.points.iter().filter_map(bits).collect();
        let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
        let small = record.points.iter().filter(|point| point.bitrate < 1e6);
        let best = small.max_by(|one, other| one.quality.ssim_y.total_cmp(&other.quality.ssim_y));
        Self {
            headline: strongest.filter(|_| against_all).cloned(),
            decode_fuel_per_pixel: most(|cost| cost.decode_fuel_per_pixel),
            encode_fuel_per_pixel: most(|cost| cost.encode_fuel_per_pixel),
            bits_per_pixel: Some(mean.exp()).filter(|mean| mean.is_finite()),
            decoder_gzip_bytes: record.codec.decoder.as_ref().map(|module| module.gzip_bytes),
            under_megabit: best.map(|point| UnderMegabit {
                clip: point.clip,
                quality_index: point.quality_index,
                bitrate: point.bitrate,
                psnr_y: point.quality.psnr_y,
                ssim_y: point.quality.ssim_y,
            }),
            savings,
        }
    }

    /// The saving against one anchor that counts: of those at equal PSNR-Y and at equal PSNR-YUV the less favourable, as for
    /// the headline; one that was refused for a clip before any that was not. `None` where luma has none.
    #[must_use]
    pub fn against(&self, anchor: &str) -> Option<&Saving> {
        let stated =
            |metric| self.savings.iter().find(|saving| saving.anchor == anchor && saving.metric == metric);
        let luma = stated(Metric::PsnrY)?;
        let key = |saving: &Saving| (saving.refused > 0, saving.bd_rate);
        Some(stated(Metric::PsnrYuv).filter(|planes| key(planes) > key(luma)).unwrap_or(luma))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(savings: &[(Metric, f64, usize)]) -> Findings {
        let saving = |&(metric, bd_rate, refused): &(Metric, f64, usize)| Saving {
            anchor: "x265-medium".to_owned(),
            metric,
            bd_rate,
            clips: 2 - refused,
            refused,
        };
        Findings {
            headline: None,
            savings: savings.iter().map(saving).collect(),
            decode_fuel_per_pixel: None,
            encode_fuel_per_pixel: None,
            bits_per_pixel: None,
            decoder_gzip_bytes: None,
            under_megabit: None,
        }
    }

    #[test]
    fn what_counts_against_an_anchor_is_the_less_favourable_of_luma_and_all_planes() {
        let counts = |savings: &[(Metric, f64, usize)]| {
            let findings = findings(savings);
            assert_eq!(findings.against("x264-medium"), None);
            findings.against("x265-medium").map(|saving| (saving.metric, saving.bd_rate))
        };
        let (luma, planes, structure) = (Metric::PsnrY, Metric::PsnrYuv, Metric::SsimY);
        assert_eq!(counts(&[(luma, -3.0, 0), (planes, 4.0, 0), (structure, 90.0, 0)]), Some((planes, 4.0)));
        assert_eq!(counts(&[(planes, -9.0, 0), (luma, -3.0, 0)]), Some((luma, -3.0)));
        assert_eq!(counts(&[(planes, -3.0, 0), (luma, -3.0, 0)]), Some((luma, -3.0)), "of equals luma");
        assert_eq!(counts(&[(planes, -9.0, 1), (luma, -3.0, 0)]), Some((planes, -9.0)), "refused for a clip");
        assert_eq!(counts(&[(luma, -3.0, 0)]), Some((luma, -3.0)));
        assert_eq!(counts(&[(planes, -3.0, 0)]), None, "luma has none");
    }
}
