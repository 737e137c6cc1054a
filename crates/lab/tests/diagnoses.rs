//! Every kind of failure that the sources can produce has its diagnosis.

#![allow(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod support;

use aiv1_model::Diagnosis;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use support::repository;

/// Where failures are made.
const PLACES: &[&str] = &[
    "crates/lab/src",
    "crates/decoder/src",
    "crates/store/src",
    "functions/experiment-api/src",
    "worker/src",
];

/// What comes right before the word of a kind, blanks aside.
const BEFORE: &[&str] = &[
    "Failed::new(Fault::Candidate,",
    "Failed::new(Fault::Infrastructure,",
    "Failed::new(Fault::Evaluator,",
    "self.infrastructure(",
    "missing(",
    "kind:",
    "CANCELLED:&str=",
    "Self::new(Fault::Evaluator,",
    "Self::new(Fault::Infrastructure,",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            found.push(path);
        }
    }
}

/// The words after every `before`, and those that a method `kind` answers with.
fn kinds(text: &str) -> BTreeSet<String> {
    let plain: String = text.split_whitespace().collect();
    let word = |text: &str| {
        let word = text.strip_prefix('"')?.split('"').next()?;
        word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then(|| word.to_owned())
    };
    let after = BEFORE.iter().flat_map(|before| plain.split(before).skip(1).filter_map(word));
    let methods = plain.split("fnkind(").skip(1).map(|rest| rest.split("fn").next().unwrap_or(rest));
    let arms = methods.flat_map(|body| body.split("=>").skip(1).filter_map(word).collect::<Vec<_>>());
    after.chain(arms).collect()
}

#[test]
fn every_kind_of_failure_has_its_diagnosis() {
    let mut all = BTreeSet::new();
    for place in PLACES {
        let mut files = Vec::new();
        sources(&repository().join(place), &mut files);
        for file in files {
            all.extend(kinds(&fs::read_to_string(file).unwrap()));
        }
    }
    for known in [
        "trap",
        "stream_checksum",
        "source_refused",
        "worker_lost",
        "clip_missing",
        "report_refused",
        "panic",
        "measuring",
    ] {
        assert!(all.contains(known), "{known} was not found: the search is out of date; found {all:?}");
    }
    let without: Vec<_> = all.iter().filter(|kind| !Diagnosis::knows(kind)).collect();
    assert!(without.is_empty(), "without a diagnosis: {without:?}");
}
