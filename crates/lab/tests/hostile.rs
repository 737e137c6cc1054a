//! Hostile sources, as far as the build stage stops them; what passes it is the sandbox's to stop.

mod support;

use aiv1_model::Fault;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use support::{builder, repository, source, told};

/// Sources that the build stage stops, and the words for it.
const STOPPED: &[(&str, &[&str])] = &[
    ("include_secret", &["source_refused"]),
    ("include_by_macro", &["source_refused"]),
    ("environment", &["source_refused"]),
    ("unsafe_code", &["source_refused"]),
    ("imports", &["source_refused"]),
    ("module_escape", &["compile_error"]),
    ("macro_recursion", &["compile_limit", "compile_error"]),
    ("const_loop", &["compile_limit"]),
    ("macro_bomb", &["compile_limit", "compile_error"]),
    ("giant_static", &["compile_limit", "compile_error"]),
    ("giant_generics", &["compile_limit", "compile_error"]),
];

/// Sources that compile to modules like any other.
const BUILT: &[&str] = &[
    "abort_decode",
    "allocation_bomb",
    "black",
    "carries_video",
    "clock",
    "declares_nonsense",
    "deep_recursion",
    "empty_output",
    "garbage",
    "heap_address",
    "huge_output",
    "loop_decode",
    "loop_encode",
    "panic_decode",
    "panic_encode",
    "remembers",
    "wrong_lengths",
];

fn hostile(name: &str) -> String {
    source(&format!("hostile/{name}.rs"))
}

#[test]
fn every_hostile_source_has_its_expectation() {
    let folder = repository().join("codecs/hostile");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort_unstable();
    let mut expected: Vec<_> = STOPPED.iter().map(|(name, _)| *name).chain(BUILT.iter().copied()).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for name in names {
        let text = hostile(&name);
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("//! ") && first.contains(": "), "{name}: {first}");
        for (_, kinds) in STOPPED.iter().filter(|(stopped, _)| *stopped == name) {
            assert!(kinds.iter().all(|kind| first.contains(kind)), "{name} says {first}");
        }
    }
}

#[test]
fn what_the_build_stage_must_stop_it_stops_by_the_right_word() {
    let cache = tempfile::tempdir().unwrap();
    let builder = builder(cache.path());
    let mut wrong = String::new();
    for (name, kinds) in STOPPED {
        let began = Instant::now();
        match builder.build(name, &hostile(name)) {
            Ok(built) => {
                let _ = writeln!(wrong, "{name} was built: {} bytes", built.encoder.len());
            }
            Err(error) => {
                eprintln!("{name}: {} after {:.1?}: {error}", error.kind(), began.elapsed());
                if !kinds.contains(&error.kind()) || error.fault() != Fault::Candidate {
                    let _ = writeln!(wrong, "{name}: {}", told(&error));
                }
            }
        }
        assert!(began.elapsed() < Duration::from_mins(3), "{name} held the lab up");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_the_sandbox_must_stop_is_a_module_first() {
    let cache = tempfile::tempdir().unwrap();
    let builder = builder(cache.path());
    let mut wrong = String::new();
    for name in BUILT {
        match builder.build(name, &hostile(name)) {
            Ok(built) => {
                eprintln!(
                    "{name}: encoder {} bytes, decoder {} bytes",
                    built.encoder.len(),
                    built.decoder.len()
                );
                if *name == "carries_video" {
                    assert!(built.decoder.len() > 1 << 20, "the video is in the module");
                }
            }
            Err(error) => {
                let _ = writeln!(wrong, "{name}: {}", told(&error));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn an_expression_without_a_floor_is_the_candidates_failure() {
    // Brackets are counted before compiling, signs are not: the compiler is on its own there.
    let cache = tempfile::tempdir().unwrap();
    for sign in ["!", "-", "&", "*", "1+"] {
        let text = format!("const DEEP: i64 = {}1;\n{}", sign.repeat(100_000 / sign.len()), source("raw.rs"));
        let Err(error) = builder(cache.path()).build("deep", &text) else { continue };
        eprintln!("{sign}: {}: {error}", error.kind());
        assert_eq!(error.fault(), Fault::Candidate, "{}", told(&error));
    }
}
