//! A worker against the functions themselves, on a store of their own, with a real codec on a real clip. A test with a
//! `main` of its own, because compilers and untrusted modules run in children that are this very program.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests report by panicking")]

mod installation;
mod line;
mod network;
mod traffic;

use aiv1_lab::machine;
use aiv1_model::{Action, Experiment, JournalEntry, ParameterValue, Parameters, Status};
use aiv1_store::{BlobKey, ObjectKind};
use aiv1_worker::Error;
use installation::Installation;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

fn main() -> ExitCode {
    if let Some(code) = machine::run_as_child() {
        return code;
    }
    // `cargo test -- --list` and the like want no run.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = machine::lab(THREADS).unwrap_or_else(|error| panic!("{}", aiv1_lab::chain(&error)));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let site = Installation::open(Arc::new(lab), folder.path()).await;
        claimed_work_is_measured_and_published(&site).await;
        a_wrong_parameter_is_a_failed_experiment(&site).await;
        a_worker_that_stops_gives_its_work_back(&site).await;
        cancelled_work_is_dropped_and_the_next_is_done(&site).await;
        a_second_worker_of_one_name_is_refused(&site);
        a_wrong_token_ends_the_worker(&site).await;
        a_token_that_was_replaced_is_read_again(&site).await;
        network::lost_and_found(&site).await;
    });
    eprintln!("work: all passed");
    ExitCode::SUCCESS
}

async fn claimed_work_is_measured_and_published(site: &Installation) {
    let id = site.submit("raw", site.short, Parameters::new()).await;
    let worker = site.start_worker();
    let ended = site.once(&id, |experiment| experiment.ended_at.is_some()).await;
    assert_eq!(ended.status, Status::Successful, "{:?}", ended.failure);
    let record = site.catalog.record(&id).await.unwrap().unwrap();
    assert_eq!((record.points.len(), record.clips[0].name.as_str()), (4, "clip-2"));
    let bundle = ended.bundle.unwrap();
    assert!(
        site.blobs.head(&BlobKey::object(ObjectKind::Manifest, bundle.manifest)).await.unwrap().is_some()
    );
    // The experiment has ended for the store before the worker knows: its attempt is over once it has asked again.
    let health = loop {
        let health = worker.health().await;
        if health["state"] == "idle" {
            break health;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(health["worker"], "w");
    let clips = &health["clips"];
    assert_eq!((&clips["count"], &clips["max_bytes"]), (&1.into(), &(1_u64 << 30).into()), "{health:#}");
    assert!(clips["bytes"].as_u64().unwrap() > 0 && clips["free_bytes"].as_u64().unwrap() > 0, "{health:#}");
    let metrics = worker.stop().await;
    assert!(metrics.contains(r#"aiv1_worker_experiments_total{outcome="successful"} 1"#), "{metrics}");
    site.no_run_is_left("w").await;
}

async fn a_wrong_parameter_is_a_failed_experiment(site: &Installation) {
    let wrong = Parameters::from([("no_such".to_owned(), ParameterValue::Int(1))]);
    let id = site.submit("raw", site.short, wrong).await;
    let worker = site.start_worker();
    let ended = site.once(&id, |experiment| experiment.ended_at.is_some()).await;
    assert_eq!((ended.status, ended.failure.unwrap().kind.as_str()), (Status::Failed, "parameters"));
    assert!(ended.bundle.is_some());
    worker.stop().await;
}

async fn a_worker_that_stops_gives_its_work_back(site: &Installation) {
    let id = site.submit("transform", site.long, Parameters::new()).await;
    let worker = site.start_worker();
    let runs = |experiment: &Experiment| experiment.work.as_ref().is_some_and(|work| work.phase.is_some());
    site.once(&id, runs).await;
    let health = worker.health().await;
    assert_eq!((&health["state"], &health["experiment"]), (&"running".into(), &id.as_str().into()));
    let metrics = worker.stop().await;
    let given_back = site.catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!((given_back.status, given_back.lost_attempts, given_back.work), (Status::Queued, 0, None));
    assert!(metrics.contains(r#"experiments_total{outcome="gave_back"} 1"#), "{metrics}");
    site.no_run_is_left("w").await;
}

async fn cancelled_work_is_dropped_and_the_next_is_done(site: &Installation) {
    // What the test before gave back is claimed again, and cancelled while it runs.
    let queued = aiv1_store::Query { status: Some(Status::Queued), ..Default::default() };
    let id = site.catalog.list(&queued).await.unwrap().experiments[0].id.clone();
    let next =
        site.submit("raw", site.short, Parameters::from([("none".to_owned(), ParameterValue::Int(2))])).await;
    let worker = site.start_worker();
    let runs = |experiment: &Experiment| experiment.work.as_ref().is_some_and(|work| work.phase.is_some());
    site.once(&id, runs).await;
    site.catalog.act(&id, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap();
    site.once(&next, |experiment| experiment.ended_at.is_some()).await;
    let cancelled = site.catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!((cancelled.status, cancelled.bundle), (Status::Other, None));
    let metrics = worker.stop().await;
    assert!(metrics.contains(r#"experiments_total{outcome="lost"} 1"#), "{metrics}");
    site.no_run_is_left("w").await;
}

fn a_second_worker_of_one_name_is_refused(site: &Installation) {
    let first = site.worker("twin", &site.base, "works").unwrap();
    let refused = site.worker("twin", &site.base, "works").unwrap_err();
    assert!(matches!(&refused, Error::Name { name, .. } if name == "twin"), "{refused}");
    drop(first);
    site.worker("twin", &site.base, "works").unwrap();
    let folder = site.folder.join("worker/twin");
    std::fs::write(folder.join("gone-123.lock"), "").unwrap();
    site.worker("twin", &site.base, "works").unwrap();
    assert!(!folder.join("gone-123.lock").exists(), "nobody has that name any more");
}

#[derive(Debug)]
struct InForce;

#[async_trait::async_trait]
impl aiv1_client::TokenSource for InForce {
    async fn token(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok("works".to_owned())
    }
}

async fn a_token_that_was_replaced_is_read_again(site: &Installation) {
    let wrong = Parameters::from([("none".to_owned(), ParameterValue::Int(3))]);
    let id = site.submit("raw", site.short, wrong).await;
    let worker = site.start_with_source("told", Arc::new(InForce));
    let ended = site.once(&id, |experiment| experiment.ended_at.is_some()).await;
    assert_eq!((ended.status, ended.attempt), (Status::Failed, 1));
    worker.stop().await;
}

async fn a_wrong_token_ends_the_worker(site: &Installation) {
    let error = site
        .worker("w", &site.base, "does not work")
        .unwrap()
        .run(CancellationToken::new())
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Client(refused) if refused.is_unauthorized()), "{error:?}");
}
