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
    ("aiv1-video", &["model"]),
    ("aiv1-quality", &["model", "video"]),
    ("aiv1-confine", &[]),
    ("aiv1-archive", &[]),
    ("aiv1-charts", &["model"]),
    ("aiv1-decoder", &["confine", "model", "video"]),
    ("aiv1-playback", &["model", "video"]),
    ("aiv1-lab", &["archive", "confine", "decoder", "model", "quality", "video"]),
    ("aiv1-store", &["model"]),
    ("aiv1-store-embedded", &["model", "store"]),
    ("aiv1-web", &["model", "store"]),
    ("aiv1-client", &["model"]),
    ("aiv1-dashboard-ssr", &["charts", "model", "store", "web"]),
    ("aiv1-presign", &["model", "store", "web"]),
    ("aiv1-experiment-api", &["model", "presign", "quality", "store", "web"]),
    ("aiv1-regenerate-video", &["archive", "decoder", "model", "playback", "store", "video"]),
    ("aiv1-worker", &["client", "lab", "model", "store", "video"]),
    ("aiv1-orchestrator", &["model", "store"]),
    (
        "aiv1-cli",
        &[
            "charts",
            "client",
            "confine",
            "dashboard-ssr",
            "decoder",
            "experiment-api",
            "lab",
            "model",
            "orchestrator",
            "playback",
            "presign",
            "regenerate-video",
            "store",
            "store-embedded",
            "video",
            "web",
            "worker",
        ],
    ),
    ("aiv1-fuzz", &["decoder", "model", "video"]),
    ("aiv1-tests", &["confine"]),
];

/// Packages of the workspace that anyone may use in tests and benchmarks, where the real part runs instead of a mock.
const FOR_TESTS: &[&str] = &[
    "confine",
    "dashboard-ssr",
    "decoder",
    "experiment-api",
    "kit",
    "lab",
    "model",
    "presign",
    "quality",
    "store",
    "store-embedded",
    "video",
    "web",
];

/// Outside packages that only these packages may name.
const KEPT: &[(&str, &[&str])] = &[
    ("wasmtime", &["aiv1-decoder"]),
    ("wasmparser", &["aiv1-decoder"]),
    ("landlock", &["aiv1-confine"]),
    ("openh264", &["aiv1-playback"]),
    ("mp4-atom", &["aiv1-playback"]),
    ("proc-macro2", &["aiv1-lab"]),
    ("tar", &["aiv1-archive", "aiv1-lab"]),
    ("rusqlite", &["aiv1-store-embedded"]),
    ("optimizer", &["aiv1-orchestrator"]),
    ("plotters", &["aiv1-charts"]),
    ("maud", &["aiv1-dashboard-ssr"]),
    ("reqwest", &["aiv1-client", "aiv1-tests"]),
    ("chromiumoxide", &["aiv1-tests"]),
    ("indicatif", &["aiv1-cli"]),
    ("clap", &["aiv1-cli", "aiv1-worker"]),
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

/// Names of the packages that each package of the workspace declares, and whether for tests and benchmarks only.
fn declared(metadata: &Value) -> BTreeMap<&str, BTreeSet<(&str, bool)>> {
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().map(text).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| members.contains(text(&package["id"])));
    ours.map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let named = dependencies.map(|dependency| (text(&dependency["name"]), dependency["kind"] == "dev"));
        (text(&package["name"]), named.collect())
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
        for (dependency, for_tests) in dependencies {
            let Some(ours) = dependency.strip_prefix("aiv1-") else { continue };
            let allowed = drawn[package].contains(&ours) || (*for_tests && FOR_TESTS.contains(&ours));
            assert!(allowed, "{package} may not use {dependency}");
        }
    }
}

#[test]
fn some_outside_packages_are_named_in_one_place_only() {
    let metadata = metadata();
    for (package, dependencies) in declared(&metadata) {
        for (kept, by) in KEPT {
            let names = dependencies.contains(&(*kept, false));
            assert!(by.contains(&package) || !names, "{package} names {kept}, only {by:?} may");
        }
        let aws = dependencies.iter().find(|(name, _)| name.starts_with("aws-"));
        assert!(aws.is_none(), "{package} names {}: only store-aws and mains may", aws.unwrap().0);
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
