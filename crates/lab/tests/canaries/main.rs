//! The cascade and the canaries against the real evaluator, on tiny clips. A test with a `main` of its own, because
//! compilers and untrusted modules run in children that are this very program.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests report by panicking; what was seen is printed"
)]

mod bench;
mod candidates;
mod cascade;
mod forged;

use aiv1_lab::machine;
use aiv1_model::{CANARIES, Canary, CaughtBy, Fault, Findings, Phase, Status};
use bench::{Bench, Heard, repository};
use std::process::ExitCode;
use std::time::Instant;

/// A cheat must be at least so many percentage points behind the honest codec that it is made of.
const FAR_BEHIND: f64 = 50.0;

fn main() -> ExitCode {
    if let Some(code) = machine::run_as_child() {
        return code;
    }
    // `cargo test -- --list` and the like want no run.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    let bench = Bench::open();
    cascade::a_codec_that_breaks_on_the_first_frames_costs_no_clip(&bench);
    cascade::below_the_bar_nothing_but_the_first_clip_is_encoded(&bench);
    cascade::a_codec_that_was_measured_before_is_named(&bench);
    every_canary_is_caught_with_its_reason(&bench);
    eprintln!("canaries: all passed in {:.1?}", began.elapsed());
    ExitCode::SUCCESS
}

fn every_canary_is_caught_with_its_reason(bench: &Bench) {
    let honest =
        headline(bench, "honest").expect("the codec that the cheats are made of has a saving to lose");
    eprintln!("honest: {honest:+.1} %");
    for canary in &CANARIES {
        let began = Instant::now();
        match canary.caught_by {
            CaughtBy::Policy | CaughtBy::ModuleCheck | CaughtBy::ContractCheck => fails(bench, canary),
            CaughtBy::Comparison => {
                let saved = headline(bench, canary.name);
                eprintln!("{}: {saved:+.1?} %", canary.name);
                assert_eq!(canary.expected, Canary::NO_SAVING, "{}", canary.name);
                assert!(saved.is_none_or(|saved| saved > honest + FAR_BEHIND), "{}: {saved:?}", canary.name);
            }
            CaughtBy::Rederivation => forged::differs(bench, canary),
            CaughtBy::Verification => is_tested_in("crates/lab/src/cascade.rs", canary),
            CaughtBy::Report => is_tested_in("functions/experiment-api/tests/api/canaries.rs", canary),
            CaughtBy::Display => {
                is_tested_in("functions/dashboard-ssr/tests/pages/hostile.rs", canary);
                is_tested_in("cli/src/exit.rs", canary);
            }
        }
        eprintln!("{}: caught in {:.1?}", canary.name, began.elapsed());
    }
}

/// It ends in a failed record, before a clip is encoded.
fn fails(bench: &Bench, canary: &Canary) {
    let heard = Heard::default();
    let record = bench.run(&bench.request(canary.name, candidates::source(canary.name)), &heard);
    let failure = record.failure.unwrap_or_else(|| panic!("{} came through", canary.name));
    eprintln!("{}: {}: {}", canary.name, failure.kind, failure.message);
    assert_eq!(
        (failure.kind.as_str(), failure.fault),
        (canary.expected, Fault::Candidate),
        "{}",
        canary.name
    );
    assert_eq!((failure.phase, heard.frames()), (Phase::Validation, 0), "{}", canary.name);
}

/// The saving that it would be ranked by.
fn headline(bench: &Bench, name: &str) -> Option<f64> {
    let record = bench.run(&bench.request(name, candidates::source(name)), &Heard::default());
    assert_eq!(record.status, Status::Successful, "{name}: {:?}", record.failure);
    Findings::of(&record).headline.map(|saving| saving.bd_rate)
}

/// What is caught elsewhere is tested there, by name.
fn is_tested_in(file: &str, canary: &Canary) {
    let text = std::fs::read_to_string(repository().join(file)).unwrap();
    assert!(text.contains(&format!("\"{}\"", canary.name)), "{} has no test in {file}", canary.name);
}
