//! Exit codes and how an error is told.

use aiv1_decoder::stream::StreamError;
use aiv1_lab::Error;
use std::process::ExitCode;

/// A codec failed, or a figure did not come out again.
pub(crate) const FAILED: u8 = 1;
/// The command line or an input is wrong (clap's own errors use the same code).
pub(crate) const USAGE: u8 = 2;
/// Something is missing on this machine or stopped working: a program, a toolchain, the disk.
pub(crate) const MACHINE: u8 = 3;
/// Nothing differed, but not everything could be checked.
pub(crate) const INCOMPLETE: u8 = 4;
/// Stopped by Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// The table of exit codes for `--help` and the man page.
pub(crate) const HELP: &str = "\
Exit codes:
  0    all went well
  1    a codec failed, or a figure of a bundle did not come out again
  2    the command line or an input is wrong
  3    something is missing or broken on this machine; `aiv1 doctor` says what
  4    nothing differed, but not everything could be checked
  130  stopped by Ctrl-C";

/// Tells an error with everything below it, and picks its exit code.
#[expect(clippy::print_stderr, reason = "the one place where errors reach the terminal")]
pub(crate) fn report(error: &Error) -> ExitCode {
    eprintln!("aiv1: {}", aiv1_lab::chain(error));
    ExitCode::from(code(error))
}

fn code(error: &Error) -> u8 {
    match error {
        Error::Cancelled => INTERRUPTED,
        Error::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => USAGE,
        Error::File { .. }
        | Error::Anchor { .. }
        | Error::Infrastructure { .. }
        | Error::Home(_)
        | Error::Toolchain(_)
        | Error::Video(aiv1_video::Error::Tool { .. }) => MACHINE,
        Error::Build(error) => by_fault(error.fault()),
        Error::Decoder(aiv1_decoder::Error::Stream(error)) if !matches!(error, StreamError::Io { .. }) => {
            USAGE
        }
        Error::Decoder(error) => by_fault(error.fault()),
        _ => USAGE,
    }
}

fn by_fault(fault: aiv1_model::Fault) -> u8 {
    match fault {
        aiv1_model::Fault::Candidate => FAILED,
        _ => MACHINE,
    }
}
