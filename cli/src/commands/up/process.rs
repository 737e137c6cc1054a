//! What the process around a lab does: a log on standard error, and stopping by signal.

use super::UpError;
use crate::exit;
use std::io::{self, IsTerminal as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Logs go to standard error; `AIV1_LOG` takes the filters of the `tracing` crate, `warn` by default.
pub(super) fn logging() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_env_var("AIV1_LOG")
        .with_default_directive(tracing::level_filters::LevelFilter::WARN.into())
        .from_env_lossy();
    let color = io::stderr().is_terminal();
    // Set once a process; a second call changes nothing.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(color).with_writer(io::stderr).try_init();
}

/// Cancelled by the first Ctrl-C or SIGTERM; the second ends the process at once.
pub(super) fn stop_on_signals() -> Result<CancellationToken, UpError> {
    let listen =
        |kind| signal(kind).map_err(|source| UpError::System { action: "listen to signals", source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(i32::from(exit::INTERRUPTED));
            }
            token.cancel();
        }
    });
    Ok(shutdown)
}
