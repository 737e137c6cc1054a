//! What people and workers wait for (a list of 50, a claim, a submission, an end) at 100 and 10,000 experiments side by
//! side, on dynoxide over HTTP on this machine: of DynamoDB itself it says how many requests there are, not how long they take.
//!
//! `cargo bench -p aiv1-store-aws`; with `-- 100000` at that many as well. A plain program: it prints figures and asserts
//! nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people to read")]

use aiv1_model::Arm;
use aiv1_store::contract::fixtures::{experiment_of, success, worker};
use aiv1_store::{Catalog, Query, SystemClock};
use aiv1_store_aws::{AwsStore, Clients, Config};
use aiv1_test_servers::{ACCESS_KEY, Dynamo, FaultProxy, REGION, SECRET_KEY};
use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::config::Credentials;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 200;
const STEPS: [&str; 6] = ["revision", "list of 50", "submit", "claim", "end", "experiment"];

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let mut sizes = vec![100, 10_000];
    sizes.extend(arguments.iter().filter_map(|argument| argument.parse::<u32>().ok()));
    println!("times in milliseconds, p50 / p99, and requests each");
    println!("{:>9} {:>9} {}", "rows", "fill (s)", STEPS.map(|step| format!("{step:>20}")).concat());
    for size in sizes {
        let server = Dynamo::start();
        let proxy = FaultProxy::start(&server.endpoint(), |_| None);
        // Times are taken without the proxy, requests counted with it.
        let (direct, counted) = (open(&server.endpoint()).await, open(&proxy.endpoint()).await);
        direct.create_table().await.unwrap();
        let started = Instant::now();
        fill(&direct, size).await;
        let filled = started.elapsed().as_secs_f64();
        let mut times: [Vec<Duration>; 6] = Default::default();
        for round in 0..ROUNDS {
            walk(&*direct.catalog(), size + round, |step, time| times[step].push(time)).await;
        }
        let mut requests = [0; 6];
        walk(&*counted.catalog(), size + ROUNDS, |step, _| {
            requests[step] = proxy.asked().len();
            proxy.forget();
        })
        .await;
        let cells = times.iter_mut().zip(requests).map(|(times, requests)| {
            times.sort();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
            format!("{:>20}", format!("{:.1} / {:.1}  ({requests})", at(50), at(99)))
        });
        println!("{size:>9} {filled:>9.1} {}", cells.collect::<String>());
    }
}

async fn open(endpoint: &str) -> AwsStore {
    let keys = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "bench");
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).credentials_provider(keys);
    let clients = Clients::load(loader.region(REGION).endpoint_url(endpoint)).await;
    let (table, bucket) = ("lab".to_owned(), "unused".to_owned());
    let config = Config { table, bucket, rebuild_queue: None, parameters: None };
    AwsStore::open(&clients, &config, Arc::new(SystemClock))
}

/// Experiments that have ended, so that the queue is empty and every list is long.
async fn fill(store: &AwsStore, size: u32) {
    let catalog = store.catalog();
    catalog.submit(&experiment_of("sample", 0, Arm::Search)).await.unwrap();
    let work = catalog.claim(&worker("bench")).await.unwrap().unwrap();
    let result = success(&work.experiment.submission, Some(-5.0));
    let ended = catalog.end(&work.experiment.id, &work.holder, &result).await.unwrap();
    let copies = (1..size).map(|n| {
        let (mut copy, new) = (ended.clone(), experiment_of("sample", n, Arm::Search));
        (copy.id, copy.submission) = (new.submission.id(), new.submission);
        (copy, None)
    });
    store.import(copies.collect()).await.unwrap();
}

/// One experiment from its submission to its end; `note` hears of every step.
async fn walk(catalog: &dyn Catalog, n: u32, mut note: impl FnMut(usize, Duration)) {
    let mut started = Instant::now();
    let mut lap = |step: usize| {
        let time = started.elapsed();
        note(step, time);
        started = Instant::now();
    };
    catalog.revision().await.unwrap();
    lap(0);
    catalog.list(&Query::default()).await.unwrap();
    lap(1);
    catalog.submit(&experiment_of("sample", n, Arm::Search)).await.unwrap();
    lap(2);
    let work = catalog.claim(&worker("bench")).await.unwrap().unwrap();
    lap(3);
    let result = success(&work.experiment.submission, None);
    catalog.end(&work.experiment.id, &work.holder, &result).await.unwrap();
    lap(4);
    catalog.experiment(&work.experiment.id).await.unwrap().unwrap();
    lap(5);
}
