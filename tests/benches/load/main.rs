//! Mixed pages and API under load: the real routers over a real store, driven by `wrk` for ten seconds each.
//! `scripts/load.sh [embedded|aws] [RECORDS…]`
//!
//! The store is filled with whole experiments and their records; three more are submitted and two of them claimed as a
//! worker does. While `wrk` runs, those two send a heartbeat each second, so that no page can be answered from one
//! rendering for the whole run. Lab, generator and the store's servers share the machine. Every mix is run as programs
//! ask (identity) and as browsers do (gzip).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot run"
)]

mod experiments;
mod lab;
mod machine;
mod traffic;

use aiv1_model::Arm;
use aiv1_store::contract::fixtures;
use aiv1_store::{Catalog, ClaimedWork};
use aiv1_test_servers::{Dynamo, S3};
use lab::Lab;
use machine::{Used, children, cores, resident_megabytes};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use traffic::{ALONE, Alone, mix, one_by_one};

const RECORDS: [usize; 3] = [10, 1_000, 100_000];
/// What is wanted of every line.
const PER_SECOND: u64 = 1_000;
const P99: Duration = Duration::from_millis(50);
const BUCKET: &str = "objects";
const SECONDS: u64 = 10;
const CONNECTIONS: usize = 32;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let given: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let records = || if given.is_empty() { RECORDS.to_vec() } else { given.clone() };
    let asked = |name: &str| {
        !arguments.iter().any(|argument| ["embedded", "aws"].contains(&&**argument) && argument != name)
    };
    if let Some(servers) = arguments.iter().find_map(|argument| argument.strip_prefix("--servers=")) {
        let servers: Vec<u32> = servers.split(',').map(|id| id.parse().unwrap()).collect();
        return measure(&records(), &servers).await;
    }
    println!("{CONNECTIONS} connections, {SECONDS} s each, on {} cores shared with the generator;", cores());
    println!("CPU in microseconds a request: of the lab, of the generator, of the store's servers");
    if asked("embedded") {
        measure(&records(), &[]).await;
    }
    if asked("aws") {
        on_aws(&given);
    }
}

/// Starts the servers, and this program again with the environment in which the SDK finds them.
fn on_aws(records: &[usize]) {
    let (dynamo, s3) = (Dynamo::start(), S3::start(&[BUCKET]));
    let servers: Vec<String> = children().iter().map(ToString::to_string).collect();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .arg(format!("--servers={}", servers.join(",")))
        .args(records.iter().map(ToString::to_string))
        .envs(dynamo.environment())
        .envs(s3.environment())
        .status()
        .unwrap();
    assert!(status.success(), "the lab on AWS: {status}");
}

/// Fills, loads and prints; `servers` are those of the store.
async fn measure(counts: &[usize], servers: &[u32]) {
    println!(
        "\nstore     records  encoding  requests/s      p50      p99  errors     bytes/s     RSS    lab  wrk  servers"
    );
    println!("{:<29}{:>10}  {:>15.1} ms", "wanted", PER_SECOND, P99.as_secs_f64() * 1e3);
    let (mut alone, mut errors) = (Vec::new(), 0);
    for records in counts {
        let lab = if servers.is_empty() {
            Lab::embedded()
        } else {
            Lab::aws(format!("lab-{records}"), BUCKET).await
        };
        let (kinds, failed) = run(&lab, *records, servers).await;
        alone.push((lab.name(), *records, kinds));
        errors += failed;
    }
    say_alone(&alone);
    assert_eq!(errors, 0, "requests that were not answered with 2xx or 3xx");
}

/// Each kind of page alone, and how many requests under load failed.
async fn run(lab: &Lab, records: usize, servers: &[u32]) -> (Vec<Alone>, u64) {
    let started = Instant::now();
    let looked_at = lab.fill(records).await;
    let held = hold(&*lab.catalog()).await;
    say_filled(lab.name(), records, started.elapsed());
    let client = reqwest::Client::new();
    let url = lab.serve().await;
    let alone = one_by_one(lab, &looked_at, &held[0], &client, &url).await;
    let mix = mix(lab, &looked_at, &client, &url).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mix");
    std::fs::write(&file, mix.concat()).unwrap();
    let mut errors = 0;
    for encoding in ["identity", "gzip"] {
        let beats = tokio::spawn(beat(lab.catalog(), held.clone()));
        let (target, file) = (url.clone(), file.clone());
        let before = Used::now(servers);
        let figures = tokio::task::spawn_blocking(move || wrk(&target, &file, encoding)).await.unwrap();
        let used = Used::now(servers).since(before);
        beats.abort();
        errors += figures.errors;
        say_figures(lab.name(), records, encoding, &figures, used);
    }
    (alone, errors)
}

/// Three that wait, of which two are claimed.
async fn hold(catalog: &dyn Catalog) -> Vec<ClaimedWork> {
    for number in 0..3 {
        let new = fixtures::experiment_of("transform", 1 << 30 | number, Arm::Search);
        catalog.submit(&new).await.unwrap();
    }
    let mut held = Vec::new();
    for name in ["one", "two"] {
        held.push(catalog.claim(&fixtures::worker(name)).await.unwrap().unwrap());
    }
    held
}

async fn beat(catalog: Arc<dyn Catalog>, held: Vec<ClaimedWork>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        for work in &held {
            catalog.heartbeat(&work.experiment.id, &fixtures::beat(&work.holder)).await.unwrap();
        }
    }
}

/// What the generator measured; times in microseconds.
struct Figures {
    requests: u64,
    micros: u64,
    errors: u64,
    p50: u64,
    p99: u64,
    bytes: u64,
}

fn wrk(url: &str, mix: &Path, encoding: &str) -> Figures {
    let script = aiv1_tests::workspace().join("scripts/load.lua");
    let output = std::process::Command::new("wrk")
        .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{SECONDS}s"), "--timeout", "10s", "-s"])
        .args([script.as_os_str(), url.as_ref(), "--".as_ref(), mix.as_os_str(), encoding.as_ref()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("figures "));
    let line = line
        .unwrap_or_else(|| panic!("wrk gave no figures: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let figures: Vec<u64> = line.split(' ').map(|figure| figure.parse().unwrap()).collect();
    let [requests, micros, status, failed, p50, p99, bytes] = figures[..] else { panic!("{line}") };
    Figures { requests, micros, errors: status + failed, p50, p99, bytes }
}

fn say_filled(store: &str, records: usize, took: Duration) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "load: {store}: {records} records made in {:.1} s", took.as_secs_f64());
}

fn say_figures(store: &str, records: usize, encoding: &str, figures: &Figures, used: Used) {
    let per_second = |number: u64| number as f64 * 1e6 / figures.micros as f64;
    let per_request = |time: Duration| time.as_secs_f64() * 1e6 / figures.requests as f64;
    println!(
        "{store:<8} {records:>8}  {encoding:<8}  {:>10.0}  {:>5.1} ms  {:>5.1} ms  {:>6}  {:>5.1} MB/s  {:>4} MB  {:>5.0}  {:>3.0}  {:>7.0}",
        per_second(figures.requests),
        figures.p50 as f64 / 1e3,
        figures.p99 as f64 / 1e3,
        figures.errors,
        per_second(figures.bytes) / 1e6,
        resident_megabytes(),
        per_request(used.lab),
        per_request(used.generator),
        per_request(used.servers),
    );
}

fn say_alone(alone: &[(&str, usize, Vec<Alone>)]) {
    println!(
        "\nOne request at a time, nothing made before (median of {ALONE}), in milliseconds, and reads of the store:"
    );
    print!("store     records");
    for one in &alone[0].2 {
        print!("{:>15}", one.kind);
    }
    for (store, records, kinds) in alone {
        print!("\n{store:<8} {records:>8}");
        for one in kinds {
            print!("{:>15}", format!("{:.2} ({})", one.time.as_secs_f64() * 1e3, one.reads));
        }
    }
    println!();
}
