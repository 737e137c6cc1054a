//! Exit codes and how an error is told.

use aiv1_decoder::stream::StreamError;
use aiv1_lab::Error;
use aiv1_model::{Evidence, Failure};
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

/// A codec failed, or a figure did not come out again.
pub(crate) const FAILED: u8 = 1;
/// The command line or an input is wrong (clap's own errors use the same code).
pub(crate) const USAGE: u8 = 2;
/// Something is missing or stopped working: a program, a toolchain, the disk, a service elsewhere.
pub(crate) const MACHINE: u8 = 3;
/// Nothing differed, but not everything could be checked, salvaged or imported.
pub(crate) const INCOMPLETE: u8 = 4;
/// Stopped by Ctrl-C.
pub(crate) use aiv1_worker::process::INTERRUPTED;

/// Lines that are shown of each piece of evidence.
const EVIDENCE_LINES: usize = 12;

/// The table of exit codes for `--help` and the man page.
pub(crate) const HELP: &str = "\
Exit codes:
  0    all went well
  1    a codec failed, or a figure of a bundle did not come out again
  2    the command line or an input is wrong
  3    something is missing or broken on this machine (`aiv1 doctor` says what), or a service does not answer
  4    nothing differed, but not everything could be checked, salvaged or imported
  130  stopped by Ctrl-C";

/// Tells an error with everything below it, and picks its exit code.
pub(crate) fn report(error: &Error) -> ExitCode {
    let mut text = format!("aiv1: {}\n", aiv1_lab::chain(error));
    if let Error::Infrastructure { failure } = error {
        for line in evidence(failure) {
            text.extend([line.as_str(), "\n"]);
        }
    }
    // Nobody is there to be told that standard error is gone; the exit code still tells.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(code(error))
}

/// Tells an error that is none of the lab's own: something on this machine, or a service that it needs.
pub(crate) fn report_other(error: &dyn std::error::Error) -> ExitCode {
    // As above.
    let _ = writeln!(std::io::stderr(), "aiv1: {}", printable(&aiv1_lab::chain(error)));
    ExitCode::from(MACHINE)
}

/// Tells that another lab could not be asked: what it refused is the caller's doing, the rest the network's.
pub(crate) fn report_client(error: &aiv1_client::Error) -> ExitCode {
    let refused = matches!(
        error,
        aiv1_client::Error::Problem { status: 400..=499, .. } | aiv1_client::Error::Address { .. }
    );
    let code = report_other(error);
    if refused { ExitCode::from(USAGE) } else { code }
}

/// Text of another's making, on one line, with nothing that a terminal obeys or that turns the direction of reading.
pub(crate) fn printable(line: &str) -> String {
    let turns = |letter: char| matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    line.chars().map(|letter| if letter.is_control() || turns(letter) { ' ' } else { letter }).collect()
}

/// What shows a failure, as lines to be printed below it.
pub(crate) fn evidence(failure: &Failure) -> Vec<String> {
    let mut lines = Vec::new();
    for Evidence { name, text } in &failure.evidence {
        lines.push(format!("  {}:", printable(name)));
        let shown = text.lines().take(EVIDENCE_LINES);
        lines.extend(shown.map(|line| format!("    {}", printable(line))));
        let more = text.lines().count().saturating_sub(EVIDENCE_LINES);
        if more > 0 {
            lines.push(format!("    … {more} lines more"));
        }
    }
    lines
}

fn code(error: &Error) -> u8 {
    match error {
        Error::Cancelled => INTERRUPTED,
        Error::File { source, .. }
        | Error::Video(aiv1_video::Error::Io { source, .. })
        | Error::Decoder(aiv1_decoder::Error::Stream(StreamError::Io { source, .. })) => by_kind(source),
        Error::Anchor { .. }
        | Error::Infrastructure { .. }
        | Error::Home(_)
        | Error::Toolchain(_)
        | Error::Video(aiv1_video::Error::Tool { .. }) => MACHINE,
        Error::Build(error) => by_fault(error.fault()),
        Error::Decoder(aiv1_decoder::Error::Stream(_)) => USAGE,
        Error::Decoder(error) => by_fault(error.fault()),
        _ => USAGE,
    }
}

/// A path that is not what it should be is the caller's doing; everything else is the machine's.
fn by_kind(error: &std::io::Error) -> u8 {
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory => USAGE,
        _ => MACHINE,
    }
}

fn by_fault(fault: aiv1_model::Fault) -> u8 {
    match fault {
        aiv1_model::Fault::Candidate => FAILED,
        _ => MACHINE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::{CANARIES, Canary, CaughtBy, Fault, Phase};

    #[test]
    fn a_canary_in_a_failure_steers_no_terminal() {
        let hostile = "<b>red</b>\u{1b}[2J\u{1b}]0;title\u{7}\r\u{9b}31m\u{202e}";
        for canary in CANARIES.iter().filter(|canary| canary.caught_by == CaughtBy::Display) {
            assert!(
                matches!(canary.name, "markup_in_reply" | "escapes_in_reply"),
                "{} has no test",
                canary.name
            );
            assert_eq!(canary.expected, Canary::ESCAPED);
            let failure = Failure {
                fault: Fault::Candidate,
                phase: Phase::Validation,
                kind: "trap".to_owned(),
                message: hostile.to_owned(),
                clip: None,
                quality_index: None,
                evidence: vec![Evidence { name: hostile.to_owned(), text: format!("{hostile}\n{hostile}") }],
            };
            let lines = evidence(&failure);
            assert_eq!(lines.len(), 3);
            for line in lines.into_iter().chain([printable(&failure.message)]) {
                assert!(line.contains("<b>red</b> [2J"), "{line:?}");
                assert!(!line.contains(['\u{1b}', '\u{7}', '\r', '\u{9b}', '\u{202e}']), "{line:?}");
            }
        }
    }
}
