//! What people and workers wait for (a list of 50, a claim, a submission, an end) at 100 and 10,000 experiments side by
//! side, on dynoxide over HTTP on this machine: of DynamoDB itself it says how many requests there are, not how long they take.
//! Then what workers wait for when many of them claim and end at once, which happens one after another.
//!
//! `cargo bench -p aiv1-store-aws`; with `-- 100000` at that many as well. A plain program: it prints figures and asserts
//! nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people to read")]

use aiv1_model::Arm;
use aiv1_store::contract::fixtures::{experiment_of, success, worker};
use aiv1_store::{Catalog, Error, Query, SystemClock};
use aiv1_store_aws::{AwsStore, Clients, Config};
use aiv1_test_servers::{ACCESS_KEY, Dynamo, FaultProxy, REGION, SECRET_KEY};
use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::config::Credentials;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 200;
/// Experiments for each worker of a crowd.
const EACH: u32 = 20;
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
    println!("{:>9} {:>20} {:>20} {:>9}", "workers", "claim", "claims a second", "refused");
    for workers in [1, 8, 32] {
        crowd(workers).await;
    }
}

/// Each of `workers` claims and ends [`EACH`] experiments.
async fn crowd(workers: u32) {
    let server = Dynamo::start();
    let store = open(&server.endpoint()).await;
    store.create_table().await.unwrap();
    for n in 0..workers * EACH {
        store.catalog().submit(&experiment_of("sample", n, Arm::Search)).await.unwrap();
    }
    let started = Instant::now();
    let tasks: Vec<_> = (0..workers).map(|n| tokio::spawn(claims(store.catalog(), n))).collect();
    let (mut times, mut refused) = (Vec::new(), 0);
    for task in tasks {
        let (took, times_refused) = task.await.unwrap();
        times.extend(took);
        refused += times_refused;
    }
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let claim = format!("{:.1} / {:.1}", at(50), at(99));
    println!("{workers:>9} {claim:>20} {rate:>20.1} {refused:>9}");
}

/// How long each claim took, and how many were refused because others were first too often.
async fn claims(catalog: Arc<dyn Catalog>, n: u32) -> (Vec<Duration>, u32) {
    let (me, mut times, mut refused) = (worker(&format!("worker-{n}")), Vec::new(), 0);
    loop {
        let started = Instant::now();
        match catalog.claim(&me).await {
            Ok(Some(work)) => {
                times.push(started.elapsed());
                let result = success(&work.experiment.submission, None);
                while let Err(error) = catalog.end(&work.experiment.id, &work.holder, &result).await {
                    assert!(matches!(error, Error::Contended { .. }), "{error:?}");
                    refused += 1;
                }
            }
            Ok(None) => return (times, refused),
            Err(Error::Contended { .. }) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
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
