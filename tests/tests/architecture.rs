//! Who may depend on whom, held against `cargo metadata`.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Every package of the workspace with the packages of the workspace that it may use. A new package, or a new arrow,
/// is a decision: it is written down here and in docs/ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("aiv1-kit", &[]),
    ("aiv1-model", &[]),
    ("aiv1-video", &["aiv1-model"]),
    ("aiv1-quality", &["aiv1-model", "aiv1-video"]),
    ("aiv1-confine", &[]),
    ("aiv1-decoder", &["aiv1-confine", "aiv1-model", "aiv1-video"]),
    ("aiv1-playback", &["aiv1-model", "aiv1-video"]),
    ("aiv1-lab", &["aiv1-confine", "aiv1-decoder", "aiv1-model", "aiv1-quality", "aiv1-video"]),
    (
        "aiv1-cli",
        &[
            "aiv1-confine",
            "aiv1-decoder",
            "aiv1-lab",
            "aiv1-model",
            "aiv1-playback",
            "aiv1-quality",
            "aiv1-video",
        ],
    ),
    ("aiv1-fuzz", &["aiv1-decoder", "aiv1-model", "aiv1-video"]),
    ("aiv1-tests", &["aiv1-confine", "aiv1-decoder", "aiv1-kit", "aiv1-lab", "aiv1-model", "aiv1-video"]),
];

/// Outside packages that only one package may name.
const KEPT: &[(&str, &str)] = &[
    ("wasmtime", "aiv1-decoder"),
    ("wasmparser", "aiv1-decoder"),
    ("landlock", "aiv1-confine"),
    ("openh264", "aiv1-playback"),
    ("mp4-atom", "aiv1-playback"),
    ("proc-macro2", "aiv1-lab"),
    ("plotters", "aiv1-cli"),
    ("indicatif", "aiv1-cli"),
    ("clap", "aiv1-cli"),
];

/// What pure packages must not reach, at any distance.
const NOT_IN_PURE: &[&str] = &["tokio", "async-std", "wasmtime", "reqwest", "hyper", "rusqlite"];
const PURE: &[&str] = &["aiv1-kit", "aiv1-model", "aiv1-video", "aiv1-quality"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(aiv1_tests::workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", aiv1_tests::said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Names of the packages that each package of the workspace declares, tests and benches included.
fn declared(metadata: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().map(text).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| members.contains(text(&package["id"])));
    ours.map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        (text(&package["name"]), dependencies.map(|dependency| text(&dependency["name"])).collect())
    })
    .collect()
}

#[test]
fn the_arrows_between_our_packages_are_the_ones_drawn() {
    let metadata = metadata();
    let declared = declared(&metadata);
    let drawn: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    assert_eq!(declared.keys().collect::<Vec<_>>(), drawn.keys().collect::<Vec<_>>());
    for (package, dependencies) in &declared {
        for dependency in dependencies.iter().filter(|name| name.starts_with("aiv1-")) {
            assert!(drawn[package].contains(dependency), "{package} may not use {dependency}");
        }
    }
}

#[test]
fn some_outside_packages_are_named_in_one_place_only() {
    let metadata = metadata();
    for (package, dependencies) in declared(&metadata) {
        for (kept, by) in KEPT {
            assert!(package == *by || !dependencies.contains(kept), "{package} names {kept}, only {by} may");
        }
        let aws = dependencies.iter().find(|name| name.starts_with("aws-"));
        assert!(aws.is_none(), "{package} names {}: only store-aws and mains may", aws.unwrap());
    }
}

#[test]
fn pure_packages_reach_no_async_no_sandbox_no_network() {
    let metadata = metadata();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let by_id: BTreeMap<&str, &Value> = nodes.iter().map(|node| (text(&node["id"]), node)).collect();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    for pure in PURE {
        let start = names.iter().find(|(_, name)| *name == pure).map(|(id, _)| *id).unwrap();
        let mut reached = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            if !reached.insert(id) {
                continue;
            }
            let normal = |dependency: &&Value| {
                dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null())
            };
            let dependencies = by_id[id]["deps"].as_array().unwrap().iter();
            open.extend(dependencies.filter(normal).map(|dependency| text(&dependency["pkg"])));
        }
        for id in reached {
            assert!(!NOT_IN_PURE.contains(&names[id]), "{pure} reaches {}", names[id]);
        }
    }
}
