//! The fast path, in portable Rust: sums of 4×4 blocks, row by row of blocks, and the SSIM windows over them.
//!
//! Everything here is inlined into its caller, so that it is compiled once for the baseline and once for AVX2
//! (`kernel.rs`).
#![expect(
    clippy::inline_always,
    reason = "a function that is not inlined is compiled without its caller's features"
)]

use aiv1_model::FrameQuality;
use aiv1_video::{FrameRef, PlaneRef};

/// (0.01 · 255)² · 64, rounded as ffmpeg does: its integer constant C₁ for windows of 64 samples.
pub(crate) const C1: i32 = 416;
/// (0.03 · 255)² · 64 · 63, rounded: C₂.
pub(crate) const C2: i32 = 235_963;
/// Interleaved partial sums of a row of windows: eight, so that the order of addition suits vectors of any width.
pub(crate) const LANES: usize = 8;

/// Blocks summed together by the portable path.
const BATCH: usize = 16;

/// Sums over the 4×4 blocks of four rows of samples, one entry a block.
#[derive(Clone, Debug)]
pub(crate) struct Strip {
    /// Σ source, at most 16 · 255.
    pub(crate) source: Vec<i32>,
    /// Σ decoded.
    pub(crate) decoded: Vec<i32>,
    /// Σ (source − decoded)², at most 16 · 255².
    pub(crate) squared_error: Vec<i32>,
    /// Σ source · decoded.
    pub(crate) product: Vec<i32>,
}

/// What is kept from frame to frame: no allocation while measuring.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    above: Strip,
    below: Strip,
    windows: Vec<f32>,
}

/// Four rows of samples, equally long.
pub(crate) type Rows<'a> = [&'a [u8]; 4];

impl Scratch {
    /// For luma of `width` samples, at least 8.
    pub(crate) fn new(width: usize) -> Self {
        let blocks = width / 4;
        let sums = || vec![0; blocks];
        let strip = || Strip { source: sums(), decoded: sums(), squared_error: sums(), product: sums() };
        Self { above: strip(), below: strip(), windows: vec![0.0; blocks - 1] }
    }
}

/// Measures one pair of frames of equal size, each side at least 8, with `sum_strip` for the sums of blocks.
#[inline(always)]
pub(crate) fn frame(
    source: FrameRef<'_>,
    decoded: FrameRef<'_>,
    scratch: &mut Scratch,
    sum_strip: impl Fn(Rows<'_>, Rows<'_>, &mut Strip),
) -> FrameQuality {
    let ([source_y, source_u, source_v], [decoded_y, decoded_u, decoded_v]) =
        (source.planes(), decoded.planes());
    let (error_y, ssim_y) = luma(source_y, decoded_y, scratch, sum_strip);
    let error_u = squared_error(source_u.data, decoded_u.data);
    let error_v = squared_error(source_v.data, decoded_v.data);
    FrameQuality { squared_error: [error_y, error_u, error_v], ssim_y }
}

/// Squared error and mean SSIM in one pass.
#[inline(always)]
fn luma(
    source: PlaneRef<'_>,
    decoded: PlaneRef<'_>,
    scratch: &mut Scratch,
    sum_strip: impl Fn(Rows<'_>, Rows<'_>, &mut Strip),
) -> (u64, f64) {
    let Scratch { above, below, windows } = scratch;
    let (mut above, mut below) = (above, below);
    let width = source.width;
    let covered = width / 4 * 4;
    let (mut error, mut ssim) = (0, 0.0);
    let strips = source.data.chunks_exact(4 * width).zip(decoded.data.chunks_exact(4 * width));
    for (index, (source, decoded)) in strips.enumerate() {
        let (source, decoded) = (rows_of(source, width), rows_of(decoded, width));
        sum_strip(source, decoded, below);
        error += below.squared_error.iter().map(|&error| u64::from(error.cast_unsigned())).sum::<u64>();
        for (source, decoded) in source.into_iter().zip(decoded) {
            error += squared_error(&source[covered..], &decoded[covered..]);
        }
        if index > 0 {
            ssim += row_of_windows(above, below, windows);
        }
        std::mem::swap(&mut above, &mut below);
    }
    let rest = source.height / 4 * 4 * width;
    error += squared_error(&source.data[rest..], &decoded.data[rest..]);
    (error, ssim / ((width / 4 - 1) * (source.height / 4 - 1)) as f64)
}

/// The four rows of a strip.
#[inline(always)]
fn rows_of(strip: &[u8], width: usize) -> Rows<'_> {
    std::array::from_fn(|row| &strip[row * width..][..width])
}

/// Σ (source − decoded)² of two equally long runs of samples.
#[inline(always)]
fn squared_error(source: &[u8], decoded: &[u8]) -> u64 {
    // 2^15 · 255² is less than 2^32.
    let chunks = source.chunks(1 << 15).zip(decoded.chunks(1 << 15));
    chunks
        .map(|(source, decoded)| {
            let errors = source.iter().zip(decoded).map(|(&source, &decoded)| {
                let difference = i32::from(i16::from(source) - i16::from(decoded));
                (difference * difference).cast_unsigned()
            });
            u64::from(errors.sum::<u32>())
        })
        .sum()
}

/// Sums the blocks of four rows from block `first` on.
#[inline(always)]
pub(crate) fn sum_blocks(source: Rows<'_>, decoded: Rows<'_>, first: usize, strip: &mut Strip) {
    let blocks = strip.source.len();
    let mut at = first;
    while at + BATCH <= blocks {
        sum_batch::<{ 4 * BATCH }>(source, decoded, at, strip);
        at += BATCH;
    }
    while at < blocks {
        sum_batch::<4>(source, decoded, at, strip);
        at += 1;
    }
}

/// Sums `COLUMNS / 4` blocks: first down the columns, which vectorises without a shuffle, then across.
#[inline(always)]
fn sum_batch<const COLUMNS: usize>(source: Rows<'_>, decoded: Rows<'_>, at: usize, strip: &mut Strip) {
    let ([mut sum_source, mut sum_decoded], [mut error, mut product]) =
        ([[0_u16; COLUMNS]; 2], [[0_u32; COLUMNS]; 2]);
    for (source, decoded) in source.into_iter().zip(decoded) {
        let (source, decoded) = (&source[4 * at..][..COLUMNS], &decoded[4 * at..][..COLUMNS]);
        for column in 0..COLUMNS {
            let (source, decoded) = (u16::from(source[column]), u16::from(decoded[column]));
            let difference = source.abs_diff(decoded);
            sum_source[column] += source;
            sum_decoded[column] += decoded;
            error[column] += u32::from(difference * difference);
            product[column] += u32::from(source * decoded);
        }
    }
    let across16 = |sums: &[u16]| sums.iter().map(|&sum| i32::from(sum)).sum::<i32>();
    let across32 = |sums: &[u32]| sums.iter().sum::<u32>().cast_signed();
    for block in 0..COLUMNS / 4 {
        let columns = 4 * block..4 * block + 4;
        strip.source[at + block] = across16(&sum_source[columns.clone()]);
        strip.decoded[at + block] = across16(&sum_decoded[columns.clone()]);
        strip.squared_error[at + block] = across32(&error[columns.clone()]);
        strip.product[at + block] = across32(&product[columns]);
    }
}

/// Sum of the SSIM of the windows over two strips: window `i` covers blocks `i` and `i + 1` of both.
#[inline(always)]
fn row_of_windows(above: &Strip, below: &Strip, windows: &mut [f32]) -> f64 {
    let blocks = windows.len() + 1;
    let strips = [above, below].map(|strip| {
        [&strip.source, &strip.decoded, &strip.squared_error, &strip.product].map(|sums| &sums[..blocks])
    });
    for (at, window) in windows.iter_mut().enumerate() {
        let sum = |which: usize| {
            strips[0][which][at] + strips[0][which][at + 1] + strips[1][which][at] + strips[1][which][at + 1]
        };
        // At most 64 · 255: as i16 the compiler knows that a product of two fits.
        let (source, decoded) = (i32::from(sum(0) as i16), i32::from(sum(1) as i16));
        let (error, product) = (sum(2), sum(3));
        let mixed = 2 * source * decoded;
        let squares = source * source + decoded * decoded;
        let covariance = 128 * product - mixed;
        // Σ source² + Σ decoded² = Σ (source − decoded)² + 2 · Σ source · decoded.
        let variances = 64 * (error + 2 * product) - squares;
        *window = ((mixed + C1) as f32 * (covariance + C2) as f32)
            / ((squares + C1) as f32 * (variances + C2) as f32);
    }
    let mut lanes = [0.0; LANES];
    let (eights, rest) = windows.as_chunks::<LANES>();
    for windows in eights {
        for (lane, &window) in lanes.iter_mut().zip(windows) {
            *lane += f64::from(window);
        }
    }
    for (lane, &window) in lanes.iter_mut().zip(rest) {
        *lane += f64::from(window);
    }
    fold_lanes(lanes)
}

/// Adds eight sums pairwise.
#[inline(always)]
pub(crate) fn fold_lanes(lanes: [f64; LANES]) -> f64 {
    let pair = |at: usize| lanes[at] + lanes[at + 1];
    (pair(0) + pair(2)) + (pair(4) + pair(6))
}
