//! The sums of blocks with AVX2: intrinsics that are safe to call, since every function here names the feature.

use crate::luma::{self, Rows, Scratch, Strip};
use aiv1_model::FrameQuality;
use aiv1_video::FrameRef;
use std::arch::x86_64::{
    __m256i, _mm_set_epi64x, _mm256_add_epi16, _mm256_add_epi32, _mm256_cvtepu8_epi16, _mm256_extract_epi64,
    _mm256_hadd_epi32, _mm256_madd_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_setzero_si256,
    _mm256_sub_epi16,
};

/// [`luma::frame`], compiled for AVX2 throughout.
#[target_feature(enable = "avx2")]
pub(crate) fn frame(source: FrameRef<'_>, decoded: FrameRef<'_>, scratch: &mut Scratch) -> FrameQuality {
    luma::frame(source, decoded, scratch, |source, decoded, strip| sum_strip(source, decoded, strip))
}

/// Sums eight blocks, 32 columns, at a time, and what is left as the portable path does.
#[target_feature(enable = "avx2")]
fn sum_strip(source: Rows<'_>, decoded: Rows<'_>, strip: &mut Strip) {
    let eights = source[0].len() / 32;
    let [sources, decodeds] =
        [source, decoded].map(|rows| rows.map(|row| &row.as_chunks::<16>().0[..2 * eights]));
    let sums = [&mut strip.source, &mut strip.decoded, &mut strip.squared_error, &mut strip.product];
    let mut sums = sums.map(|sums| &mut sums.as_chunks_mut::<8>().0[..eights]);
    for at in 0..eights {
        let left = sum_columns(sources.map(|row| &row[2 * at]), decodeds.map(|row| &row[2 * at]));
        let right = sum_columns(sources.map(|row| &row[2 * at + 1]), decodeds.map(|row| &row[2 * at + 1]));
        for ((sums, left), right) in sums.iter_mut().zip(left).zip(right) {
            sums[at] = lanes(_mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(left, right)));
        }
    }
    luma::sum_blocks(source, decoded, 8 * eights, strip);
}

/// Sums of 16 columns of four rows, two columns to a lane: source, decoded, squared error, product.
#[target_feature(enable = "avx2")]
#[inline]
fn sum_columns(source: [&[u8; 16]; 4], decoded: [&[u8; 16]; 4]) -> [__m256i; 4] {
    let [mut sum_source, mut sum_decoded, mut error, mut product] = [_mm256_setzero_si256(); 4];
    for (source, decoded) in source.into_iter().zip(decoded) {
        let (source, decoded) = (widened(source), widened(decoded));
        let difference = _mm256_sub_epi16(source, decoded);
        sum_source = _mm256_add_epi16(sum_source, source);
        sum_decoded = _mm256_add_epi16(sum_decoded, decoded);
        error = _mm256_add_epi32(error, _mm256_madd_epi16(difference, difference));
        product = _mm256_add_epi32(product, _mm256_madd_epi16(source, decoded));
    }
    let ones = _mm256_set1_epi16(1);
    [_mm256_madd_epi16(sum_source, ones), _mm256_madd_epi16(sum_decoded, ones), error, product]
}

/// Sixteen samples as 16-bit lanes; the compiler makes one load of it.
#[target_feature(enable = "avx2")]
#[inline]
fn widened(samples: &[u8; 16]) -> __m256i {
    let bits = i128::from_le_bytes(*samples);
    _mm256_cvtepu8_epi16(_mm_set_epi64x((bits >> 64) as i64, bits as i64))
}

/// The eight lanes in order; the compiler makes one store of it.
#[target_feature(enable = "avx2")]
#[inline]
fn lanes(vector: __m256i) -> [i32; 8] {
    let [a, b, c, d] = [
        _mm256_extract_epi64::<0>(vector),
        _mm256_extract_epi64::<1>(vector),
        _mm256_extract_epi64::<2>(vector),
        _mm256_extract_epi64::<3>(vector),
    ];
    let high = |pair: i64| (pair >> 32) as i32;
    [a as i32, high(a), b as i32, high(b), c as i32, high(c), d as i32, high(d)]
}
