//! The measurements as their definitions read, slowly: what the fast paths are held to, bit by bit.

use crate::luma::{C1, C2, LANES, fold_lanes};
use aiv1_model::FrameQuality;
use aiv1_video::{FrameRef, PlaneRef};

/// Σ (source − decoded)² over the samples of two planes of equal size.
#[must_use]
pub fn squared_error(source: PlaneRef<'_>, decoded: PlaneRef<'_>) -> u64 {
    source
        .data
        .iter()
        .zip(decoded.data)
        .map(|(&source, &decoded)| u64::from(source.abs_diff(decoded)).pow(2))
        .sum()
}

/// SSIM of the 8×8 window whose upper left sample is (`x`, `y`), at most 1.
///
/// With s₁, s₂ the sums of the samples, s₁₁ + s₂₂ the sum of their squares and s₁₂ that of their products, all exact
/// integers: (2·s₁·s₂ + C₁)(2·cov + C₂) / ((s₁² + s₂² + C₁)(var + C₂)) with cov = 64·s₁₂ − s₁·s₂ and
/// var = 64·(s₁₁ + s₂₂) − s₁² − s₂². The four factors are rounded to `f32` and so is every operation on them, as in
/// ffmpeg's `vf_ssim.c` (`ssim_end1`). Z. Wang et al., "Image quality assessment: from error visibility to structural
/// similarity", IEEE Trans. Image Processing 13(4), 2004, with a flat window in place of their Gaussian.
#[must_use]
pub fn window(source: PlaneRef<'_>, decoded: PlaneRef<'_>, x: usize, y: usize) -> f32 {
    let [mut sum_source, mut sum_decoded, mut squares, mut product] = [0_i64; 4];
    for row in y..y + 8 {
        for column in x..x + 8 {
            let source = i64::from(source.data[row * source.width + column]);
            let decoded = i64::from(decoded.data[row * decoded.width + column]);
            sum_source += source;
            sum_decoded += decoded;
            squares += source * source + decoded * decoded;
            product += source * decoded;
        }
    }
    let covariance = 64 * product - sum_source * sum_decoded;
    let variances = 64 * squares - sum_source * sum_source - sum_decoded * sum_decoded;
    let (c1, c2) = (i64::from(C1), i64::from(C2));
    let numerator = (2 * sum_source * sum_decoded + c1) as f32 * (2 * covariance + c2) as f32;
    let denominator =
        (sum_source * sum_source + sum_decoded * sum_decoded + c1) as f32 * (variances + c2) as f32;
    numerator / denominator
}

/// Mean SSIM of two planes of equal size, each side at least 8, at most 1.
///
/// Windows begin at every multiple of 4 for which a whole number of 4×4 blocks is left: samples past the last multiple
/// of 4 enter no window, as in ffmpeg. Window `i` of a row is added to the `i mod 8`th of eight `f64` sums; the eight are
/// added pairwise, rows from top to bottom.
#[must_use]
pub fn ssim(source: PlaneRef<'_>, decoded: PlaneRef<'_>) -> f64 {
    let (columns, rows) = (source.width / 4 - 1, source.height / 4 - 1);
    let mut total = 0.0;
    for row in 0..rows {
        let mut lanes = [0.0; LANES];
        for column in 0..columns {
            lanes[column % LANES] += f64::from(window(source, decoded, 4 * column, 4 * row));
        }
        total += fold_lanes(lanes);
    }
    total / (columns * rows) as f64
}

/// Squared errors of the three planes and SSIM of luma, of two frames of equal size.
#[must_use]
pub fn frame(source: FrameRef<'_>, decoded: FrameRef<'_>) -> FrameQuality {
    let (source, decoded) = (source.planes(), decoded.planes());
    FrameQuality {
        squared_error: std::array::from_fn(|plane| squared_error(source[plane], decoded[plane])),
        ssim_y: ssim(source[0], decoded[0]),
    }
}
