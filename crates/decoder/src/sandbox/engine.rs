//! The one configuration of wasmtime: what is deterministic is on, what is not is off.

use crate::{Error, Result};
use aiv1_model::Limits;
use std::sync::OnceLock;
use wasmtime::{Config, Engine, OptLevel};

/// Fuel every call has on top of what its pixels earn it: tables are built and memory is zeroed however small a picture
/// is.
pub const FUEL_ALLOWANCE: u64 = 100_000_000;

/// Fuel between two looks at the clock: a few milliseconds of running.
pub const YIELD_INTERVAL: u64 = 50_000_000;

const WASM_STACK: usize = 512 << 10;
/// The guest's stack and as much again for the host's functions on it.
const FIBER_STACK: usize = 2 * WASM_STACK;
const BACKTRACE_FRAMES: usize = 32;

/// Most bytes an encoder may return for a group of pictures of `raw` bytes.
#[must_use]
pub fn output_bound(limits: &Limits, raw: u64) -> u64 {
    limits.output_bytes.min(raw.saturating_add(64 << 10))
}

/// The engine that every module of this process shares.
pub(crate) fn engine() -> Result<&'static Engine> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    let built = ENGINE.get_or_init(|| Engine::new(&config()).map_err(|error| format!("{error:#}")));
    built.as_ref().map_err(|reason| Error::Host { what: "setting up", reason: reason.clone() })
}

fn config() -> Config {
    let mut config = Config::new();
    config.consume_fuel(true);
    config.cranelift_nan_canonicalization(true);
    config.cranelift_opt_level(OptLevel::Speed);
    config.max_wasm_stack(WASM_STACK);
    config.async_stack_size(FIBER_STACK);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES));
    config.wasm_relaxed_simd(false);
    config.wasm_multi_memory(false);
    config.wasm_memory64(false);
    config.wasm_tail_call(false);
    config.wasm_wide_arithmetic(false);
    config.wasm_custom_page_sizes(false);
    config
}
