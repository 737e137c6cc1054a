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
    ("aiv1-store-aws", &["model", "store"]),
    ("aiv1-web", &["model", "store"]),
    ("aiv1-lambda", &["model", "store", "store-aws", "web"]),
    ("aiv1-client", &["model"]),
    ("aiv1-dashboard-ssr", &["charts", "lambda", "model", "store", "web"]),
    ("aiv1-presign", &["lambda", "model", "store", "web"]),
    ("aiv1-experiment-api", &["lambda", "model", "presign", "quality", "store", "web"]),
    ("aiv1-regenerate-video", &["archive", "decoder", "lambda", "model", "playback", "store", "video"]),
    ("aiv1-housekeeping", &["lambda", "model", "store"]),
    ("aiv1-worker", &["client", "lab", "model", "store", "store-aws", "video"]),
    ("aiv1-orchestrator", &["client", "model", "store"]),
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
            "store-aws",
            "store-embedded",
            "video",
            "web",
            "worker",
        ],
    ),
    ("aiv1-fuzz", &["decoder", "model", "orchestrator", "video"]),
    ("aiv1-tests", &["confine", "test-servers"]),
    ("aiv1-test-servers", &[]),
];

/// Packages of the workspace that anyone may use in tests and benchmarks, where the real part runs instead of a mock.
const FOR_TESTS: &[&str] = &[
    "confine",
    "dashboard-ssr",
    "decoder",
    "experiment-api",
    "housekeeping",
    "kit",
    "lab",
    "lambda",
    "model",
    "presign",
    "quality",
    "store",
    "store-aws",
    "store-embedded",
    "test-servers",
    "video",
    "web",
    "worker",
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
    ("lambda_runtime", &["aiv1-lambda"]),
    ("nalgebra", &["aiv1-orchestrator"]),
    ("plotters", &["aiv1-charts"]),
    ("maud", &["aiv1-dashboard-ssr"]),
    ("reqwest", &["aiv1-client", "aiv1-orchestrator", "aiv1-tests"]),
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
        let named = aws.filter(|_| package != "aiv1-store-aws");
        assert!(named.is_none(), "{package} names {}: only store-aws may", named.unwrap().0);
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

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = aiv1_tests::workspace();
    let document = std::fs::read_to_string(root.join("docs/SECURITY.md")).unwrap();
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let named: Vec<&str> =
        rows.flat_map(|row| row.split('`')).filter(|text| text.contains(".rs::")).collect();
    assert!(named.len() > 40, "{} tests are named", named.len());
    for test in named {
        let (file, function) = test.split_once("::").unwrap();
        let source = std::fs::read_to_string(root.join(file));
        let source = source.unwrap_or_else(|error| panic!("{test}: {error}"));
        assert!(source.contains(&format!("fn {function}(")), "{file} has no {function}");
    }
    // And no threat is without one.
    let threats = document.split("## Untrusted code").nth(1).unwrap().split("## Rotating").next().unwrap();
    let head_or_rule = |row: &&str| row.starts_with("| threat |") || row.starts_with("|---");
    for row in threats.lines().filter(|line| line.starts_with('|')).filter(|row| !head_or_rule(row)) {
        assert!(row.contains(".rs::"), "no test covers {row}");
    }
}
