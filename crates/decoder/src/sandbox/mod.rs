//! Where codec modules run: what is let in, how it is compiled, and one call's instance.

mod check;
mod engine;
mod guest;
mod module;

pub use check::{ModuleSummary, Role, check_module};
pub(crate) use engine::engine;
pub use engine::{FUEL_ALLOWANCE, YIELD_INTERVAL, output_bound};
pub(crate) use guest::{Budget, Guest};
pub use module::Module;
