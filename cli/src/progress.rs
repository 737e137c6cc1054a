//! Progress on the terminal: one bar for the phase at hand, one line of what is done.

use aiv1_lab::{Event, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Draws a run on standard error, or nothing where that is no terminal; stops it on Ctrl-C.
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    interrupted: Arc<AtomicBool>,
}

impl Progress {
    /// `quiet` draws nothing.
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, quiet, interrupted: interrupts() }
    }

    /// Prints a line of progress above the bar, on standard error; nothing when quiet.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            self.tell(line);
        }
    }

    /// Prints a line above the bar, on standard error, quiet or not.
    pub(crate) fn tell(&self, line: &str) {
        // Nobody is there to be told that standard error is gone.
        self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{line}")));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::PhaseStarted { phase, frames } => {
                let template = if frames.is_some() {
                    "{prefix:>12} [{bar:30}] {pos}/{len} frames {per_sec} {eta} {wide_msg}"
                } else {
                    "{prefix:>12} {spinner} {wide_msg}"
                };
                let style =
                    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
                self.bar.set_style(style.progress_chars("=> "));
                self.bar.reset();
                self.bar.set_length(frames.unwrap_or(0));
                self.bar.set_prefix(phase.to_string());
            }
            Event::Advanced { frames } => self.bar.inc(*frames),
            Event::Working(what) => self.bar.set_message((*what).to_owned()),
            _ => {}
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// The flag that Ctrl-C and SIGTERM set; the second of them ends the process at once.
fn interrupts() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let code = i32::from(crate::exit::INTERRUPTED);
        // Registering fails only for signals that may not be caught, which these are not.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&flag));
        let _ = signal_hook::flag::register(signal, Arc::clone(&flag));
    }
    flag
}
