//! What a process around workers or a lab does: a log on standard error, and stopping by signal.

use std::io::{self, IsTerminal as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What is logged, in the filters of the `tracing` crate: `warn,aiv1_worker=debug`.
pub const LOG: &str = "AIV1_LOG";

/// Exit code of a process that a second signal ends.
pub const INTERRUPTED: u8 = 130;

/// Logs to standard error what [`LOG`] asks for, or else `default`.
pub fn log(default: LevelFilter) {
    let filter = EnvFilter::builder().with_env_var(LOG).with_default_directive(default.into());
    let log = tracing_subscriber::fmt().with_env_filter(filter.from_env_lossy()).with_writer(io::stderr);
    // Set once a process; a second call changes nothing.
    let _ = log.with_ansi(io::stderr().is_terminal()).try_init();
}

/// Cancelled by the first SIGTERM or Ctrl-C; the second ends the process at once. Called inside a runtime.
pub fn shutdown() -> io::Result<CancellationToken> {
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
                std::process::exit(i32::from(INTERRUPTED));
            }
            tracing::info!("stopping; the next signal ends this at once");
            token.cancel();
        }
    });
    Ok(shutdown)
}
