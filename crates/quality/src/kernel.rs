//! Which code measures a frame: the portable one, or the same compiled for AVX2 where the processor has it.

use crate::luma::{self, Scratch};
use aiv1_model::FrameQuality;
use aiv1_video::FrameRef;

/// A way to measure a frame; all give the same numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kernel {
    /// What every processor runs.
    Portable,
    /// What most x86-64 processors run.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

/// Proof that this processor has AVX2: [`Avx2::detect`] alone makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Kernel {
    /// The fastest one that this processor runs.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return Self::Avx2(avx2);
        }
        Self::Portable
    }

    /// Measures two frames of the size that `scratch` was made for.
    pub(crate) fn frame(
        self,
        source: FrameRef<'_>,
        decoded: FrameRef<'_>,
        scratch: &mut Scratch,
    ) -> FrameQuality {
        match self {
            Self::Portable => luma::frame(source, decoded, scratch, |source, decoded, strip| {
                luma::sum_blocks(source, decoded, 0, strip);
            }),
            #[cfg(target_arch = "x86_64")]
            #[expect(
                unsafe_code,
                reason = "calling a function compiled for a feature needs the proof just matched"
            )]
            Self::Avx2(Avx2(())) => {
                // SAFETY: the function is safe but for needing AVX2, and an `Avx2` exists only where it was detected.
                unsafe { crate::x86::frame(source, decoded, scratch) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use proptest::prelude::*;

    /// Two frames of equal size: noise, near copies, flat black against flat white, equal.
    fn pairs() -> impl Strategy<Value = (usize, usize, Vec<u8>, Vec<u8>)> {
        (8_usize..150, 8_usize..40, any::<u64>(), 0_u8..5).prop_map(|(width, height, seed, kind)| {
            let length = width * height + 2 * width.div_ceil(2) * height.div_ceil(2);
            let mut state = seed | 1;
            let mut random = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            };
            let source: Vec<u8> = match kind {
                3 => vec![0; length],
                _ => (0..length).map(|_| random()).collect(),
            };
            let decoded = match kind {
                0 => (0..length).map(|_| random()).collect(),
                1 => source.iter().map(|&sample| sample.saturating_add(random() % 8)).collect(),
                2 => source.iter().map(|&sample| 255 - sample).collect(),
                3 => vec![255; length],
                _ => source.clone(),
            };
            (width, height, source, decoded)
        })
    }

    fn assert_equal_to_reference(width: usize, height: usize, source: &[u8], decoded: &[u8]) {
        let source = FrameRef::new(width, height, source).unwrap();
        let decoded = FrameRef::new(width, height, decoded).unwrap();
        let expected = reference::frame(source, decoded);
        for kernel in [Kernel::Portable, Kernel::detect()] {
            let measured = kernel.frame(source, decoded, &mut Scratch::new(width));
            assert_eq!(measured.squared_error, expected.squared_error, "{kernel:?}");
            assert_eq!(
                measured.ssim_y.to_bits(),
                expected.ssim_y.to_bits(),
                "{kernel:?} {measured:?} {expected:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_kernel_equals_the_reference_bit_by_bit((width, height, source, decoded) in pairs()) {
            assert_equal_to_reference(width, height, &source, &decoded);
        }
    }

    #[test]
    fn the_largest_sums_do_not_overflow() {
        // 24,579 columns of white against black: luma error of a strip far above 2^32.
        let (width, height) = (24_579_usize, 9);
        let length = width * height + 2 * width.div_ceil(2) * 5;
        assert_equal_to_reference(width, height, &vec![0; length], &vec![255; length]);
        assert_equal_to_reference(width, height, &vec![255; length], &vec![255; length]);
    }

    #[test]
    fn scratch_left_by_one_frame_does_not_show_in_the_next() {
        let (width, height) = (35, 27);
        let length = width * height + 2 * 18 * 14;
        let noise: Vec<u8> = (0..length).map(|at| (at * 97 % 251) as u8).collect();
        let frame = |data| FrameRef::new(width, height, data).unwrap();
        let mut scratch = Scratch::new(width);
        let grey = vec![128; length];
        let first = Kernel::detect().frame(frame(&noise), frame(&grey), &mut scratch);
        Kernel::detect().frame(frame(&grey), frame(&grey), &mut scratch);
        assert_eq!(Kernel::detect().frame(frame(&noise), frame(&grey), &mut scratch), first);
    }
}
