//! The rate that one codec needs against another at equal quality, with what the figure rests on.

use crate::interpolate::{Method, integral};
use aiv1_model::{BdRate, Certificate, Metric, Quality, Refusal};

/// Points that each curve must have: the four of VCEG-M33.
pub const LEAST_POINTS: usize = 4;
/// Share of the shorter curve's quality interval that both must cover. With four points evenly apart half an interval
/// still has one measured point inside; much below, a single interpolated piece would speak for the curve.
pub const LEAST_OVERLAP: f64 = 0.5;
/// Most percentage points by which PCHIP and Akima may differ: beyond, the figure is the interpolation's choice and not
/// the measurement's. `docs/METHOD.md` has the gaps of real encoders that it was set by.
pub const GREATEST_GAP: f64 = 2.0;
/// Least step in quality from point to point; anything less is a duplicate.
pub const LEAST_QUALITY_STEP: f64 = 1e-6;
/// Least rate of a point.
pub const LEAST_RATE: f64 = 1e-3;
/// Greatest rate of a point; with [`GREATEST_QUALITY`] it keeps all arithmetic finite.
pub const GREATEST_RATE: f64 = 1e18;
/// Greatest quality of a point, either sign.
pub const GREATEST_QUALITY: f64 = 1e6;

/// One point of a rate-quality curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Bytes, or bits a second: any unit, the same on both curves; greater than 0.
    pub rate: f64,
    /// Quality, higher is better; its unit the same on both curves.
    pub quality: f64,
}

/// The point of a stream of `bytes` on the quality axis of `metric`. Of one clip, bytes are a rate.
///
/// A lossless point has infinite quality, and [`bd_rate`] refuses it.
#[must_use]
pub fn point(metric: Metric, bytes: u64, quality: &Quality) -> Point {
    Point { rate: bytes as f64, quality: quality_of(metric, quality) }
}

/// Quality on the axis that a BD-rate is integrated over, in dB: PSNR, or −10·log₁₀(1 − SSIM). Infinite if lossless.
#[must_use]
pub fn quality_of(metric: Metric, quality: &Quality) -> f64 {
    match metric {
        Metric::PsnrY => quality.psnr_y.finite().unwrap_or(f64::INFINITY),
        Metric::PsnrYuv => quality.psnr_yuv.finite().unwrap_or(f64::INFINITY),
        Metric::SsimY => -10.0 * (1.0 - quality.ssim_y).log10(),
    }
}

/// Mean difference in rate of `test` against `anchor` at equal quality, in percent; negative if `test` needs less.
///
/// log₁₀ of the rate is interpolated as a function of quality; the mean distance of the two curves over the quality
/// that both cover, d, gives 100·(10^d − 1). G. Bjøntegaard, "Calculation of average PSNR differences between
/// RD-curves", VCEG-M33, 2001, with piecewise cubics (JCTVC-L1100; Herglotz et al., arXiv 2202.12565) in place of one
/// polynomial. The order of the points does not matter.
///
/// Refused, in this order: fewer than [`LEAST_POINTS`] points; a rate outside [`LEAST_RATE`]`..=`[`GREATEST_RATE`] or a
/// quality that is not finite or beyond ±[`GREATEST_QUALITY`]; quality that does not rise by [`LEAST_QUALITY_STEP`] from
/// every rate to the next (duplicates therefore); an overlap below [`LEAST_OVERLAP`]; a gap above [`GREATEST_GAP`].
#[must_use]
pub fn bd_rate(test: &[Point], anchor: &[Point]) -> BdRate {
    let (test, anchor) = (Curve::new(test), Curve::new(anchor));
    let mut certificate = Certificate {
        test_points: test.points,
        anchor_points: anchor.points,
        test_monotone: test.monotone,
        anchor_monotone: anchor.monotone,
        overlap_low: None,
        overlap_high: None,
        overlap: 0.0,
        interpolation_gap: None,
    };
    match state(&test, &anchor, &mut certificate) {
        Ok((pchip, akima)) => BdRate { pchip: Some(pchip), akima: Some(akima), certificate, refusal: None },
        Err(refusal) => BdRate { pchip: None, akima: None, certificate, refusal: Some(refusal) },
    }
}

/// BD-rate by both interpolations, in percent; what is found on the way enters the certificate.
fn state(test: &Curve, anchor: &Curve, certificate: &mut Certificate) -> Result<(f64, f64), Refusal> {
    let (low, high) = (test.low().max(anchor.low()), test.high().min(anchor.high()));
    if low < high {
        (certificate.overlap_low, certificate.overlap_high) = (Some(low), Some(high));
        let shorter = (test.high() - test.low()).min(anchor.high() - anchor.low());
        certificate.overlap = (high - low) / shorter;
    }
    if test.points.min(anchor.points) < LEAST_POINTS {
        return Err(Refusal::TooFewPoints { test: test.points, anchor: anchor.points });
    }
    for (name, curve) in [("test", test), ("anchor", anchor)] {
        if !curve.finite {
            return Err(Refusal::NotFinite { curve: name.to_owned() });
        }
    }
    for (name, curve) in [("test", test), ("anchor", anchor)] {
        if !curve.monotone {
            return Err(Refusal::NotMonotone { curve: name.to_owned() });
        }
    }
    if certificate.overlap < LEAST_OVERLAP {
        return Err(Refusal::LittleOverlap { overlap: certificate.overlap, least: LEAST_OVERLAP });
    }
    let percent = |method| {
        let [test, anchor] =
            [test, anchor].map(|curve| integral(method, &curve.quality, &curve.log_rate, low, high));
        100.0 * (10_f64.powf((test - anchor) / (high - low)) - 1.0)
    };
    let (pchip, akima) = (percent(Method::Pchip), percent(Method::Akima));
    // Akima may overshoot beyond every number; a gap must stay one to be published.
    let gap = (pchip - akima).abs().min(f64::MAX);
    certificate.interpolation_gap = Some(gap);
    if gap > GREATEST_GAP {
        Err(Refusal::InterpolationGap { gap, most: GREATEST_GAP })
    } else {
        Ok((pchip, akima))
    }
}

/// A curve by rising rate, checked.
struct Curve {
    points: usize,
    /// Every rate and quality is within bounds.
    finite: bool,
    /// Quality and rate rise strictly together. `false` if they are not finite.
    monotone: bool,
    /// Empty if not finite.
    quality: Vec<f64>,
    log_rate: Vec<f64>,
}

impl Curve {
    fn new(points: &[Point]) -> Self {
        let finite = points.iter().all(|point| {
            (LEAST_RATE..=GREATEST_RATE).contains(&point.rate) && point.quality.abs() <= GREATEST_QUALITY
        });
        let mut sorted = if finite { points.to_vec() } else { Vec::new() };
        sorted.sort_by(|one, other| {
            one.rate.total_cmp(&other.rate).then(one.quality.total_cmp(&other.quality))
        });
        let rises = |pair: &[Point]| {
            pair[1].rate > pair[0].rate && pair[1].quality - pair[0].quality >= LEAST_QUALITY_STEP
        };
        Self {
            points: points.len(),
            finite,
            monotone: finite && sorted.windows(2).all(rises),
            quality: sorted.iter().map(|point| point.quality).collect(),
            log_rate: sorted.iter().map(|point| point.rate.log10()).collect(),
        }
    }

    /// Least quality; infinite if there is none.
    fn low(&self) -> f64 {
        self.quality.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Greatest quality.
    fn high(&self) -> f64 {
        self.quality.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}
