//! The log: JSON lines on standard output, each with the ids of invocation and request.

use crate::config::LOG;
use std::io;
use std::panic::PanicHookInfo;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Begins to log, panics included.
pub(crate) fn begin() {
    let asked = std::env::var_os(LOG).unwrap_or_default().to_string_lossy().into_owned();
    // Targets and levels are all that a function needs; filters by span and field bring a regex engine along.
    let targets = if asked.is_empty() { Ok(info()) } else { asked.parse::<Targets>() };
    let filter = targets.as_ref().cloned().unwrap_or_else(|_| info()).and(filter_fn(may_be_logged));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(io::stdout);
    // Set once a process; a second call changes nothing.
    let _ = registry().with(lines.with_filter(filter)).try_init();
    std::panic::set_hook(Box::new(log_panic));
    if let Err(error) = targets {
        tracing::error!(%error, asked, "{LOG} is no list of TARGET=LEVEL: info is logged");
    }
}

fn info() -> Targets {
    Targets::new().with_default(LevelFilter::INFO)
}

/// Below `info` the SDK and the runtime write requests down, tokens and links included: whatever is asked for, that is not
/// logged.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || metadata.target().starts_with("aiv1")
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(target: "aiv1::panic", place, message = panic.payload_as_str().unwrap_or("no text"), "a panic");
}
