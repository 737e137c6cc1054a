//! What the dashboard reads (revision, counts, a list of 50) at 10, 1,000 and 100,000 experiments side by side.
//!
//! `cargo bench -p aiv1-store-embedded`; with `-- 1000000` at a million as well. A plain program: it prints figures and
//! asserts nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people to read")]

use aiv1_model::{Arm, Digest, Experiment, ParameterValue, Record, Status};
use aiv1_store::contract::fixtures;
use aiv1_store::{Catalog, Ended, Order, Query, SystemClock};
use aiv1_store_embedded::EmbeddedStore;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 2_000;
const BATCH: usize = 5_000;
const ORDERS: [Order; 4] = [Order::Newest, Order::Oldest, Order::Best, Order::Cheapest];

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let mut sizes = vec![10, 1_000, 100_000];
    sizes.extend(arguments.iter().filter_map(|argument| argument.parse::<usize>().ok()));
    let folder = tempfile::tempdir().unwrap();
    println!("times in microseconds, p50 / p99");
    println!(
        "{:>9} {:>9} {:>13} {:>13} {:>13} {:>15} {:>24} {:>13} {:>8} {:>7}",
        "rows",
        "fill (s)",
        "revision",
        "counts",
        "list of 50",
        "all three",
        "worst of 32 lists (deep)",
        "experiment",
        "write",
        "MB"
    );
    for size in sizes {
        let path = folder.path().join(size.to_string());
        let store = EmbeddedStore::open(&path, Arc::new(SystemClock)).unwrap();
        let filled = fill(&store, size).await;
        let catalog = store.catalog();
        let row = measure(&*catalog, size).await;
        let bytes = std::fs::metadata(path.join("catalog.sqlite")).unwrap().len();
        println!("{size:>9} {:>9.1} {row} {:>7}", filled.as_secs_f64(), bytes >> 20);
    }
}

/// One real experiment through the front door, then copies of it with figures of their own.
async fn fill(store: &EmbeddedStore, size: usize) -> Duration {
    let catalog = store.catalog();
    let started = Instant::now();
    let (first, record) = one(&*catalog).await;
    let mut number = 1;
    while number < size {
        let batch = (number..size.min(number + BATCH)).map(|n| copy(&first, &record, n)).collect();
        store.import(batch).await.unwrap();
        number += BATCH;
    }
    started.elapsed()
}

async fn one(catalog: &dyn Catalog) -> (Experiment, Record) {
    let new = fixtures::experiment_of("codec-0", 0, Arm::Search);
    catalog.submit(&new).await.unwrap();
    let work = catalog.claim(&fixtures::worker("bench")).await.unwrap().unwrap();
    let record = fixtures::record_for(&new.submission, Status::Successful, Some(-5.0));
    let ended = Ended::Published { record: Box::new(record.clone()), bundle: fixtures::bundle(0) };
    (catalog.end(&work.experiment.id, &work.holder, &ended).await.unwrap(), record)
}

fn copy(first: &Experiment, record: &Record, n: usize) -> (Experiment, Option<Record>) {
    let mut experiment = first.clone();
    let codec = format!("codec-{}", n % 7);
    experiment.submission.source = Digest::of(codec.as_bytes());
    experiment.submission.codec = codec;
    experiment.submission.parameters.insert("step".to_owned(), ParameterValue::Int(n as i32));
    experiment.id = experiment.submission.id();
    experiment.origin.arm = Arm::ALL[n % 4];
    experiment.status = if n.is_multiple_of(10) {
        Status::Failed
    } else if n.is_multiple_of(101) {
        Status::Other
    } else {
        Status::Successful
    };
    if experiment.status != Status::Successful {
        experiment.findings = None;
        return (experiment, None);
    }
    if let Some(findings) = &mut experiment.findings {
        findings.decode_fuel_per_pixel = Some(50.0 + (n * 7919 % 10_007) as f64);
        if let Some(headline) = &mut findings.headline {
            headline.bd_rate = (n * 104_729 % 20_011) as f64 / 100.0 - 60.0;
        }
    }
    // Records are large and are read one at a time: a few of them are enough.
    (experiment, (n % 100 == 1).then(|| record.clone()))
}

async fn measure(catalog: &dyn Catalog, size: usize) -> String {
    let query = Query::default();
    let (mut revision, mut counts, mut list, mut page) =
        (Times::new(), Times::new(), Times::new(), Times::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        catalog.revision().await.unwrap();
        let first = started.elapsed();
        catalog.counts().await.unwrap();
        let second = started.elapsed();
        catalog.list(&query).await.unwrap();
        let third = started.elapsed();
        revision.add(first);
        counts.add(second.saturating_sub(first));
        list.add(third.saturating_sub(second));
        page.add(third);
    }
    let worst = worst_list(catalog).await;
    let mut experiment = Times::new();
    for n in (1..size).step_by((size / 500).max(1)) {
        let id = fixtures::submission_of(&format!("codec-{}", n % 7), n as u32).id();
        let started = Instant::now();
        catalog.experiment(&id).await.unwrap().unwrap();
        experiment.add(started.elapsed());
    }
    let mut write = Times::new();
    for n in 0..200 {
        let new = fixtures::experiment_of("written", n, Arm::Person);
        let started = Instant::now();
        catalog.submit(&new).await.unwrap();
        write.add(started.elapsed());
    }
    format!(
        "{:>13} {:>13} {:>13} {:>15} {:>24} {:>13} {:>8}",
        revision.text(),
        counts.text(),
        list.text(),
        page.text(),
        worst.text(),
        experiment.text(),
        write.at(0.5)
    )
}

/// Every filter in every order, from its fifth page on where it has so many: the slowest of them.
async fn worst_list(catalog: &dyn Catalog) -> Times {
    let mut worst = Times::new();
    for order in ORDERS {
        for mask in 0..8 {
            let mut query = Query {
                status: (mask & 1 != 0).then_some(Status::Successful),
                codec: (mask & 2 != 0).then(|| Digest::of(b"codec-3")),
                arm: (mask & 4 != 0).then_some(Arm::Search),
                order,
                ..Query::default()
            };
            for _ in 0..5 {
                query.cursor = catalog.list(&query).await.unwrap().next.or(query.cursor);
            }
            let mut times = Times::new();
            for _ in 0..100 {
                let started = Instant::now();
                catalog.list(&query).await.unwrap();
                times.add(started.elapsed());
            }
            if times.at(0.5) > worst.at(0.5) {
                worst = times;
            }
        }
    }
    worst
}

struct Times(Vec<u128>);

impl Times {
    const fn new() -> Self {
        Self(Vec::new())
    }

    fn add(&mut self, time: Duration) {
        self.0.push(time.as_micros());
    }

    fn at(&self, quantile: f64) -> u128 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let index = (sorted.len() as f64 * quantile) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
    }

    fn text(&self) -> String {
        format!("{} / {}", self.at(0.5), self.at(0.99))
    }
}
