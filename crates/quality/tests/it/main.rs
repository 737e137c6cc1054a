//! One binary: absolute values against the real ffmpeg, the measurer's behaviour, BD-rates against published values.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests fail and say why like tests")]

mod bd_rates;
mod comparing;
mod ffmpeg;
mod measuring;
mod programs;
