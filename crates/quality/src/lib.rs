//! How good decoded frames are, as numbers anyone can recompute, and how two codecs compare.
//!
//! Decisions, and what was rejected:
//!
//! - **ffmpeg's definitions, so that one ffmpeg command confirms each number.** PSNR of a series is that of its mean
//!   squared error, not a mean of decibels; SSIM is ffmpeg's 8×8 windows every 4 samples with its integer constants.
//!   `av-metrics` agrees on neither. `docs/METHOD.md` has the formulas and the commands.
//! - **Squared errors are integers.** They add up the same in every order, so [`mod@reference`], the portable path and the
//!   AVX2 path agree to the last bit, and property tests hold them to it. SSIM's sums fix their order for the same
//!   reason.
//! - **One pass over luma.** A block's squared error and product give SSIM its sums and PSNR its error.
//! - **One `unsafe` expression** (`kernel.rs`): the call into code compiled for AVX2, behind a token that only detection
//!   hands out. Rejected: the portable path alone, which has 1.5 times the speed of ffmpeg's filters where 2 is asked for;
//!   with AVX2 it is more than 3.
//! - **A BD-rate comes with its certificate or is refused** with the reason; nothing is extrapolated.
//! - **No VMAF.** The binding is a C library behind raw FFI that wants meson, ninja, nasm and xxd to build; the record
//!   says that VMAF is absent.

mod bdrate;
mod compare;
mod error;
mod interpolate;
mod kernel;
mod luma;
mod measurer;
pub mod reference;
mod tools;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use bdrate::{
    GREATEST_GAP, GREATEST_QUALITY, GREATEST_RATE, LEAST_OVERLAP, LEAST_POINTS, LEAST_QUALITY_STEP,
    LEAST_RATE, Point, bd_rate, point, quality_of,
};
pub use compare::{compare_set, comparisons, spread};
pub use error::Error;
pub use measurer::{GREATEST_SIDE, LEAST_SIDE, Measurer, measure, psnr_yuv, summarise};
pub use tools::tools;
