//! Mixed pages and API under load at 10, 1,000 and 100,000 records: the real routers over the real store, driven by
//! `wrk` for ten seconds each. `scripts/load.sh [RECORDS…]`
//!
//! The store is filled through [`EmbeddedStore::import`], whole experiments with their records, two thousand a
//! transaction; three more are submitted and two of them claimed as a worker does. While `wrk` runs, those two send a
//! heartbeat each second, so that no page can be answered from one rendering for the whole run. Server and generator
//! share the machine. Every mix is run as programs ask (identity) and as browsers do (gzip).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot run"
)]

use aiv1_model::{
    Arm, Digest, Experiment, FailureSummary, Fault, Findings, FrameQuality, Origin, ParameterValue,
    Parameters, Record, Status, Submission,
};
use aiv1_store::contract::fixtures;
use aiv1_store::{BlobKey, Blobs, Catalog, ClaimedWork, Clock, ObjectKind, Query, SystemClock};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::{Defaults, Services, Site, Tokens};
use jiff::{SignedDuration, Timestamp};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RECORDS: [usize; 3] = [10, 1_000, 100_000];
const SECONDS: u64 = 10;
const CONNECTIONS: usize = 32;
const IN_ONE_TRANSACTION: usize = 2_000;
/// Experiments whose pages are asked for, spread over all ages.
const LOOKED_AT: usize = 50;
/// Frames of the series that their pages draw.
const FRAMES: usize = 150;
const ALONE: usize = 15;

#[tokio::main]
async fn main() {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let counts = if given.is_empty() { RECORDS.to_vec() } else { given };
    println!("{CONNECTIONS} connections, {SECONDS} s each, on {} cores shared with the generator", cores());
    println!("  records  encoding  requests/s      p50      p99  errors    bytes/s      RSS");
    let (mut alone, mut errors) = (Vec::new(), 0);
    for records in counts {
        let (kinds, failed) = run(records).await;
        alone.push((records, kinds));
        errors += failed;
    }
    println!("\nOne request at a time, nothing rendered before (median of {ALONE}), in milliseconds:");
    print!("  records");
    for (name, _) in &alone[0].1 {
        print!("{name:>13}");
    }
    for (records, kinds) in &alone {
        print!("\n{records:>9}");
        for (_, time) in kinds {
            print!("{:>13.2}", time.as_secs_f64() * 1e3);
        }
    }
    println!();
    assert_eq!(errors, 0, "requests that were not answered with 2xx or 3xx");
}

/// Each kind of page alone, and how many requests under load failed.
async fn run(records: usize) -> (Vec<(&'static str, Duration)>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    let started = Instant::now();
    fill(&store, records).await;
    let held = hold(&store).await;
    say_filled(records, started.elapsed());
    let url = serve(&store).await;
    let client = reqwest::Client::new();
    let alone = one_by_one(&store, &held, &client, &url).await;
    let mix = mix(&store, &client, &url).await;
    let file = folder.path().join("mix");
    std::fs::write(&file, mix.concat()).unwrap();
    let mut errors = 0;
    for encoding in ["identity", "gzip"] {
        let beats = tokio::spawn(beat(store.catalog(), held.clone()));
        let (target, file) = (url.clone(), file.clone());
        let figures = tokio::task::spawn_blocking(move || wrk(&target, &file, encoding)).await.unwrap();
        beats.abort();
        errors += figures.errors;
        let per_second = |number: u64| number as f64 * 1e6 / figures.micros as f64;
        println!(
            "{records:>9}  {encoding:<8}  {:>10.0}  {:>5.1} ms  {:>5.1} ms  {:>6}  {:>5.1} MB/s  {:>4} MB",
            per_second(figures.requests),
            figures.p50 as f64 / 1e3,
            figures.p99 as f64 / 1e3,
            figures.errors,
            per_second(figures.bytes) / 1e6,
            resident_megabytes(),
        );
    }
    (alone, errors)
}

fn say_filled(records: usize, took: Duration) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "load: {records} records made in {:.1} s", took.as_secs_f64());
}

/// Fills the store up to all but the three that [`hold`] adds.
async fn fill(store: &EmbeddedStore, records: usize) {
    let blobs = store.blobs("http://127.0.0.1");
    for number in 0..2 {
        store.catalog().put_clip(&fixtures::clip(number)).await.unwrap();
    }
    let records = records.saturating_sub(3);
    let looked_at = (records / LOOKED_AT).max(1);
    let now = SystemClock.now();
    let mut batch = Vec::new();
    for number in 0..records {
        let (mut experiment, mut record) = experiment(number, records, now);
        if number % looked_at == 0 {
            put_record(&*blobs, &mut experiment, &mut record).await;
        }
        batch.push((experiment, Some(record.without_series())));
        if batch.len() == IN_ONE_TRANSACTION || number + 1 == records {
            store.import(std::mem::take(&mut batch)).await.unwrap();
        }
    }
}

/// The record as its bundle has it, with every frame.
async fn put_record(blobs: &dyn Blobs, experiment: &mut Experiment, record: &mut Record) {
    for point in &mut record.points {
        let frame = FrameQuality { squared_error: [9_000, 2_000, 2_000], ssim_y: 0.97 };
        point.quality.frames = vec![frame; FRAMES];
    }
    let text = serde_json::to_vec(record).unwrap();
    let sha256 = Digest::of(&text);
    blobs.put(&BlobKey::object(ObjectKind::Record, sha256), text.into()).await.unwrap();
    let source = b"// the source".to_vec();
    blobs.put(&BlobKey::object(ObjectKind::Source, Digest::of(&source)), source.into()).await.unwrap();
    if let Some(bundle) = &mut experiment.bundle {
        bundle.record = sha256;
    }
}

/// Four of five succeeded; a tenth without a stated BD-rate.
fn experiment(number: usize, of: usize, now: Timestamp) -> (Experiment, Record) {
    let failed = number % 5 == 4;
    let arm = Arm::ALL[number % Arm::ALL.len()];
    let submission = submission(number);
    let headline = (number % 10 != 3).then(|| -5.0 - (number as f64 * 0.37).sin() * 8.0);
    let status = if failed { Status::Failed } else { Status::Successful };
    let mut record = fixtures::record_for(&submission, status, headline);
    let age = SignedDuration::from_secs(60 * (of - number) as i64);
    let at = |minute: i64| {
        now.saturating_sub(age).unwrap().saturating_add(SignedDuration::from_secs(20 * minute)).unwrap()
    };
    (record.started_at, record.ended_at) = (at(1), Some(at(2)));
    let experiment = Experiment {
        id: submission.id(),
        number: 0,
        status,
        origin: Origin { arm, rationale: "A finer step may cost less at the same quality. ".repeat(4) },
        submitted_at: at(0),
        started_at: Some(at(1)),
        ended_at: Some(at(2)),
        attempt: 1,
        lost_attempts: 0,
        work: None,
        phases: record.phases.clone(),
        failure: failed.then(|| FailureSummary::from(&fixtures::failure(Fault::Candidate))),
        findings: (!failed).then(|| Findings::of(&record)),
        bundle: Some(fixtures::bundle(number as u32)),
        earlier: Vec::new(),
        submission,
    };
    (experiment, record)
}

/// As many parameters as the transform codec has, of a few codecs.
fn submission(number: usize) -> Submission {
    let mut submission =
        fixtures::submission_of(["transform", "procedural", "template"][number % 3], number as u32);
    let others =
        (0..16).map(|index| (format!("parameter_{index}"), ParameterValue::Float(f64::from(index) / 8.0)));
    submission.parameters.extend(others.collect::<Parameters>());
    submission
}

/// Three that wait, of which two are claimed.
async fn hold(store: &EmbeddedStore) -> Vec<ClaimedWork> {
    let catalog = store.catalog();
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

async fn serve(store: &EmbeddedStore) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let services = Services {
        catalog: store.catalog(),
        blobs: store.blobs(&url),
        clock: Arc::new(SystemClock),
        tokens: Arc::new(Tokens::default()),
        site: Arc::new(Site {
            public_url: url.clone(),
            media_origin: None,
            version: "load".to_owned(),
            defaults: Defaults { settings: fixtures::submission(0).settings },
        }),
    };
    let router = aiv1_dashboard_ssr::router(services.clone())
        .merge(aiv1_experiment_api::router(services.clone()))
        .merge(aiv1_presign::router(services.clone()))
        .merge(store.router());
    let router = aiv1_web::edge(router, &services);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// Every kind of page alone, each time after a change that makes what was rendered before worthless.
async fn one_by_one(
    store: &EmbeddedStore,
    held: &[ClaimedWork],
    client: &reqwest::Client,
    url: &str,
) -> Vec<(&'static str, Duration)> {
    let ids = looked_at(store).await;
    let cursor = second_page(store).await;
    let kinds = [
        ("/", "/".to_owned()),
        ("?tab=failed", "/?tab=failed".to_owned()),
        ("page 2", cursor),
        ("/blog", "/blog".to_owned()),
        ("/blog/{id}", format!("/blog/{}", ids[0])),
        ("api list", "/api/experiments?limit=50".to_owned()),
        ("api one", format!("/api/experiments/{}", ids[0])),
    ];
    let mut medians = Vec::new();
    for (name, path) in kinds {
        let mut times = Vec::new();
        for _ in 0..ALONE {
            let work = &held[0];
            store.catalog().heartbeat(&work.experiment.id, &fixtures::beat(&work.holder)).await.unwrap();
            let started = Instant::now();
            let response = client.get(format!("{url}{path}")).send().await.unwrap();
            let status = response.status();
            response.bytes().await.unwrap();
            times.push(started.elapsed());
            assert!(status.is_success(), "{path} is answered {status}");
        }
        times.sort();
        medians.push((name, times[times.len() / 2]));
    }
    medians
}

/// Ids spread over the newest and the oldest.
async fn looked_at(store: &EmbeddedStore) -> Vec<String> {
    let mut ids = Vec::new();
    for order in [aiv1_store::Order::Newest, aiv1_store::Order::Oldest] {
        let query = Query {
            status: Some(Status::Successful),
            order,
            limit: LOOKED_AT as u32 / 2,
            ..Query::default()
        };
        let page = store.catalog().list(&query).await.unwrap();
        ids.extend(page.experiments.iter().map(|summary| summary.id.to_string()));
    }
    ids
}

/// Where the second page of the dashboard begins; the first where there is no second.
async fn second_page(store: &EmbeddedStore) -> String {
    let query = Query { status: Some(Status::Successful), limit: 25, ..Query::default() };
    let page = store.catalog().list(&query).await.unwrap();
    page.next
        .map_or_else(|| "/?tab=successful".to_owned(), |cursor| format!("/?tab=successful&cursor={cursor}"))
}

/// Lines for the generator, in an order that mixes the kinds.
async fn mix(store: &EmbeddedStore, client: &reqwest::Client, url: &str) -> Vec<String> {
    let ids = looked_at(store).await;
    let second = second_page(store).await;
    let weighted = [
        ("/", 20),
        ("/?tab=failed", 8),
        ("/?tab=in_progress", 5),
        ("/?tab=successful&sort=best", 7),
        (second.as_str(), 10),
        ("/blog", 10),
        ("/api/experiments", 10),
        ("/api/experiments?status=failed&limit=20", 5),
    ];
    let mut paths: Vec<String> =
        weighted.iter().flat_map(|(path, weight)| std::iter::repeat_n((*path).to_owned(), *weight)).collect();
    paths.extend((0..15).map(|index| format!("/blog/{}", ids[index * 7 % ids.len()])));
    paths.extend((0..10).map(|index| format!("/api/experiments/{}", ids[index * 5 % ids.len()])));
    let mut lines = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        // One of five has the page already, as it was when the run began.
        let known = if index % 5 == 0 { tag(client, &format!("{url}{path}")).await } else { String::new() };
        // A stride that has no factor in common with their number visits all of them.
        lines.push((index * 37 % paths.len(), format!("{path}\t{known}\n")));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

async fn tag(client: &reqwest::Client, url: &str) -> String {
    let response = client.get(url).send().await.unwrap();
    assert!(response.status().is_success(), "{url} is answered {}", response.status());
    response.headers().get("etag").map_or_else(String::new, |tag| tag.to_str().unwrap().to_owned())
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

fn resident_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
