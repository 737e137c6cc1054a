//! What the process around the worker does: a log on standard error, and stopping by signal.

use std::io::{self, IsTerminal as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Exit code of a process that a second signal ends.
const INTERRUPTED: i32 = 130;

/// Logs go to standard error; `AIV1_LOG` takes the filters of the `tracing` crate, `info` by default.
pub(crate) fn log() {
    let filter =
        EnvFilter::builder().with_env_var("AIV1_LOG").with_default_directive(LevelFilter::INFO.into());
    let log = tracing_subscriber::fmt().with_env_filter(filter.from_env_lossy()).with_writer(io::stderr);
    log.with_ansi(io::stderr().is_terminal()).init();
}

/// Cancelled by the first SIGTERM or SIGINT; the second ends the process at once.
pub(crate) fn shutdown() -> io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(INTERRUPTED);
            }
            tracing::info!("stopping: running work is given back");
            token.cancel();
        }
    });
    Ok(shutdown)
}
