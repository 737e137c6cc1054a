//! One instance, for one call: memory, fuel and time are bounded, and whatever goes wrong is told apart.

use super::{FUEL_ALLOWANCE, Module, YIELD_INTERVAL};
use crate::{Error, PanicText, Result};
use aiv1_model::Limits;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use wasmtime::{
    Instance, Memory, ResourceLimiter, Store, Trap, TypedFunc, WasmBacktrace, WasmParams, WasmResults,
};

const MAX_PANIC_TEXT: u32 = 4096;
const PANIC_FUEL: u64 = 10_000_000;
const PANIC_TIME: Duration = Duration::from_secs(1);

/// What one instance may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) fuel: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) deadline_ms: u64,
}

impl Budget {
    /// For a call on `pixels` luma samples.
    pub(crate) const fn for_pixels(limits: &Limits, fuel_per_pixel: u64, pixels: u64) -> Self {
        let fuel = FUEL_ALLOWANCE.saturating_add(fuel_per_pixel.saturating_mul(pixels));
        Self { fuel, memory_bytes: limits.memory_bytes, deadline_ms: limits.deadline_ms }
    }
}

/// What the store knows beside the instance: its memory.
#[derive(Debug)]
pub(crate) struct State {
    bound: usize,
    peak: usize,
    refused: Option<usize>,
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.bound.min(maximum.unwrap_or(usize::MAX));
        if allowed {
            self.peak = self.peak.max(desired);
        } else {
            self.refused = Some(desired);
        }
        Ok(allowed)
    }

    /// Either the guest asked for more than an address can reach, which never comes to `memory_growing` (wasmtime 48
    /// says so in these words, and a test holds it to them), or the host had no memory to give: that is not the guest's
    /// doing, and no result may depend on it.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.to_string().contains("exceeds memory type's limits") {
            self.refused = Some(1 << 32);
            return Ok(());
        }
        Err(error.context(HostMemory))
    }

    /// Tables were bounded when the module was checked, and without reference types they cannot grow.
    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the host could not provide memory that the guest may have")]
struct HostMemory;

/// A fresh instance.
pub(crate) struct Guest {
    store: Store<State>,
    instance: Instance,
    memory: Memory,
    budget: Budget,
    started: Instant,
}

impl Guest {
    /// Instantiates a module; its budget begins to run.
    pub(crate) fn start(module: &Module, budget: Budget) -> Result<Self> {
        let started = Instant::now();
        let host = |what| move |error| Error::Host { what, reason: format!("{error:#}") };
        let bound = usize::try_from(budget.memory_bytes).unwrap_or(usize::MAX);
        let state = State { bound, peak: 0, refused: None };
        let mut store = Store::new(module.ready.module().engine(), state);
        store.limiter(|state| state);
        store.set_fuel(budget.fuel).map_err(host("setting fuel"))?;
        store.fuel_async_yield_interval(Some(YIELD_INTERVAL)).map_err(host("setting the yield interval"))?;
        let deadline = started + Duration::from_millis(budget.deadline_ms);
        let call = "instantiation";
        let instance = match drive(module.ready.instantiate_async(&mut store), deadline) {
            Some(Ok(instance)) => instance,
            Some(Err(error)) => return Err(failure(call, &error, store.data(), budget, None)),
            None => return Err(Error::Deadline { call, bound_ms: budget.deadline_ms }),
        };
        let memory = instance.get_memory(&mut store, "memory");
        let memory =
            memory.ok_or_else(|| host("finding the memory")(wasmtime::Error::msg("it is not exported")))?;
        Ok(Self { store, instance, memory, budget, started })
    }

    /// Calls an export.
    pub(crate) fn call<P, R>(&mut self, call: &'static str, params: P) -> Result<R>
    where
        P: WasmParams + Sync,
        R: WasmResults + Sync,
    {
        let host = |error| Error::Host { what: "finding an export", reason: format!("{error:#}") };
        let function: TypedFunc<P, R> = self.instance.get_typed_func(&mut self.store, call).map_err(host)?;
        let deadline = self.started + Duration::from_millis(self.budget.deadline_ms);
        match drive(function.call_async(&mut self.store, params), deadline) {
            Some(Ok(results)) => Ok(results),
            Some(Err(error)) => {
                let said = matches!(error.downcast_ref(), Some(Trap::UnreachableCodeReached))
                    .then(|| self.panic_text());
                Err(failure(call, &error, self.store.data(), self.budget, said.flatten()))
            }
            None => Err(Error::Deadline { call, bound_ms: self.budget.deadline_ms }),
        }
    }

    /// Calls an export that returns a packed pointer, and checks that the bytes are there.
    pub(crate) fn call_for_bytes<P>(&mut self, call: &'static str, params: P) -> Result<(u32, u32)>
    where
        P: WasmParams + Sync,
    {
        let packed = self.call::<P, i64>(call, params)? as u64;
        if packed == 0 {
            return Err(self.out_of_memory(call).unwrap_or_else(|| {
                let panic = self.panic_text();
                Error::ReturnedNothing { call, panic }
            }));
        }
        let (pointer, length) = ((packed >> 32) as u32, packed as u32);
        self.check_range(call, pointer, length)?;
        Ok((pointer, length))
    }

    /// Copies bytes into memory that the guest allocates for them.
    pub(crate) fn give(&mut self, bytes: &[u8]) -> Result<(i32, i32)> {
        let call = "alloc";
        let length = u32::try_from(bytes.len())
            .map_err(|_| Error::Request { reason: format!("{} bytes do not fit a guest", bytes.len()) })?;
        let pointer = self.call::<_, i32>(call, length as i32)? as u32;
        if pointer == 0 {
            return Err(self.out_of_memory(call).unwrap_or(Error::ReturnedNothing { call, panic: None }));
        }
        self.check_range(call, pointer, length)?;
        let start = pointer as usize;
        self.memory.data_mut(&mut self.store)[start..start + bytes.len()].copy_from_slice(bytes);
        Ok((pointer as i32, length as i32))
    }

    /// Bytes of the guest's memory that were checked to be there; memory never shrinks.
    pub(crate) fn view(&self, (pointer, length): (u32, u32)) -> &[u8] {
        &self.memory.data(&self.store)[pointer as usize..][..length as usize]
    }

    /// Fuel used since the start.
    pub(crate) fn fuel_used(&self) -> u64 {
        self.budget.fuel - self.store.get_fuel().unwrap_or(self.budget.fuel).min(self.budget.fuel)
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Most memory the instance had.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.store.data().peak as u64
    }

    fn check_range(&self, call: &'static str, pointer: u32, length: u32) -> Result<()> {
        let memory = self.memory.data_size(&self.store) as u64;
        if u64::from(pointer) + u64::from(length) > memory {
            return Err(Error::BadPointer { call, pointer, length, memory });
        }
        Ok(())
    }

    fn out_of_memory(&self, call: &'static str) -> Option<Error> {
        out_of_memory(call, self.store.data(), self.budget)
    }

    /// What the guest said when it panicked. It runs the guest once more, so it is bounded and may fail in silence.
    fn panic_text(&mut self) -> PanicText {
        self.store.set_fuel(PANIC_FUEL).ok()?;
        let function: TypedFunc<(), i64> =
            self.instance.get_typed_func(&mut self.store, "last_panic").ok()?;
        let packed =
            drive(function.call_async(&mut self.store, ()), Instant::now() + PANIC_TIME)?.ok()? as u64;
        let (pointer, length) = ((packed >> 32) as usize, (packed as u32).min(MAX_PANIC_TEXT) as usize);
        let text = self.memory.data(&self.store).get(pointer..)?.get(..length)?;
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }
}

/// Polls a call to its end, looking at the clock whenever the guest yields; `None` if the deadline came first.
fn drive<F: Future>(call: F, deadline: Instant) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = call.as_mut().poll(&mut context) {
            return Some(output);
        }
        if Instant::now() >= deadline {
            return None;
        }
    }
}

fn out_of_memory(call: &'static str, state: &State, budget: Budget) -> Option<Error> {
    let requested = state.refused? as u64;
    Some(Error::Memory { call, requested, bound: budget.memory_bytes })
}

/// Why a call failed. A guest that was refused memory and then gave up ran out of memory, whatever trap it chose.
fn failure(
    call: &'static str,
    error: &wasmtime::Error,
    state: &State,
    budget: Budget,
    panic: PanicText,
) -> Error {
    let Some(trap) = error.downcast_ref::<Trap>() else {
        let host = || Error::Host { what: "running a guest", reason: format!("{error:#}") };
        let is_the_hosts = error.downcast_ref::<HostMemory>().is_some();
        return out_of_memory(call, state, budget).filter(|_| !is_the_hosts).unwrap_or_else(host);
    };
    match trap {
        Trap::OutOfFuel => Error::Fuel { call, bound: budget.fuel },
        Trap::UnreachableCodeReached if state.refused.is_some() => {
            out_of_memory(call, state, budget).unwrap_or(Error::Memory { call, requested: 0, bound: 0 })
        }
        trap => {
            let backtrace = error.downcast_ref::<WasmBacktrace>().map(backtrace).unwrap_or_default();
            Error::Trap { call, trap: trap.to_string(), backtrace, panic }
        }
    }
}

fn backtrace(trace: &WasmBacktrace) -> String {
    let line = |frame: &wasmtime::FrameInfo| {
        let name: String = frame.func_name().unwrap_or("?").chars().take(200).collect();
        format!(
            "{name} (function {}, offset {:#x})",
            frame.func_index(),
            frame.module_offset().unwrap_or_default()
        )
    };
    trace.frames().iter().map(line).collect::<Vec<_>>().join("\n")
}
