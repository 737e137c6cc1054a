//! The network goes and comes back: exactly one result, nothing twice, nothing sent again that is stored.

use crate::installation::{Installation, Running, settings};
use crate::line::Line;
use crate::traffic::{At, When};
use aiv1_model::{Experiment, ExperimentId, Parameters, Settings, Status};
use aiv1_store::LEASE;
use axum::http::StatusCode;
use jiff::SignedDuration;
use std::collections::BTreeSet;

pub(crate) async fn lost_and_found(site: &Installation) {
    let line = Line::to(&site.base).await;
    a_line_cut_while_it_runs_is_waited_for(site, &line).await;
    an_upload_that_was_cut_is_finished_later(site, &line).await;
    what_was_stored_before_the_answer_was_lost_is_not_sent_again(site, &line).await;
    a_result_whose_answer_was_lost_is_one_result(site, &line).await;
    a_claim_whose_answer_was_lost_is_made_again(site, &line).await;
    who_was_away_for_too_long_has_lost_the_work_and_says_nothing(site, &line).await;
}

/// Another question each time: nothing of its bundle but the clip is stored.
async fn submit(site: &Installation, number: u8) -> ExperimentId {
    let quality_indices = vec![17, 25, 33, 41 + number];
    let settings = Settings { quality_indices, ..settings() };
    site.traffic.clear();
    site.submit_with("raw", site.short, Parameters::new(), settings).await
}

/// The end of it, which must be one: published once, with every file stored once.
async fn ends_once(site: &Installation, id: &ExperimentId, attempt: u32) -> Experiment {
    // The end is stored before its answer, at which the line may be cut, is on its way.
    let ended = site.once(id, |experiment| experiment.ended_at.is_some() && site.traffic.is_sprung()).await;
    assert_eq!((ended.status, ended.attempt), (Status::Successful, attempt), "{:?}", ended.failure);
    assert!(ended.bundle.is_some() && ended.earlier.is_empty());
    let stored = site.traffic.seen(At::Upload);
    let different: BTreeSet<_> = stored.iter().map(|(path, _)| path).collect();
    assert!(stored.iter().all(|(_, status)| status.is_success()), "{stored:?}");
    assert_eq!(different.len(), stored.len(), "a file was sent again that is stored: {stored:?}");
    ended
}

async fn stop(site: &Installation, worker: Running, outcome: &str) {
    let metrics = worker.stop().await;
    assert!(metrics.contains(&format!("experiments_total{{outcome=\"{outcome}\"}} 1")), "{metrics}");
    site.no_run_is_left("away").await;
}

async fn a_line_cut_while_it_runs_is_waited_for(site: &Installation, line: &Line) {
    let id = submit(site, 0).await;
    site.traffic.set(line, At::Phase, When::Before, 3);
    let worker = site.start("away", &line.url);
    ends_once(site, &id, 1).await;
    stop(site, worker, "successful").await;
}

async fn an_upload_that_was_cut_is_finished_later(site: &Installation, line: &Line) {
    let id = submit(site, 1).await;
    site.traffic.set(line, At::Upload, When::Before, 1);
    let worker = site.start("away", &line.url);
    ends_once(site, &id, 1).await;
    stop(site, worker, "successful").await;
}

async fn what_was_stored_before_the_answer_was_lost_is_not_sent_again(site: &Installation, line: &Line) {
    let id = submit(site, 2).await;
    site.traffic.set(line, At::Upload, When::After, 1);
    let worker = site.start("away", &line.url);
    ends_once(site, &id, 1).await;
    stop(site, worker, "successful").await;
}

async fn a_result_whose_answer_was_lost_is_one_result(site: &Installation, line: &Line) {
    let before = ended_by(site, "away").await;
    let id = submit(site, 3).await;
    site.traffic.set(line, At::Result, When::After, 1);
    let worker = site.start("away", &line.url);
    ends_once(site, &id, 1).await;
    // It does not know yet, and says so again until it is told.
    site.once(&id, |_| site.traffic.seen(At::Result).len() == 2).await;
    let answers: Vec<StatusCode> =
        site.traffic.seen(At::Result).into_iter().map(|(_, status)| status).collect();
    assert!(answers.iter().all(StatusCode::is_success), "{answers:?}");
    stop(site, worker, "successful").await;
    assert_eq!(ended_by(site, "away").await, before + 1);
}

async fn a_claim_whose_answer_was_lost_is_made_again(site: &Installation, line: &Line) {
    let id = submit(site, 4).await;
    site.traffic.set(line, At::Claim, When::After, 1);
    let worker = site.start("away", &line.url);
    let ended = ends_once(site, &id, 2).await;
    assert_eq!(ended.lost_attempts, 1, "nobody ran the first attempt");
    stop(site, worker, "successful").await;
}

async fn who_was_away_for_too_long_has_lost_the_work_and_says_nothing(site: &Installation, line: &Line) {
    let id = submit(site, 5).await;
    site.traffic.set(line, At::Phase, When::After, usize::MAX);
    let away = site.start("away", &line.url);
    site.once(&id, |_| site.traffic.is_sprung()).await;
    site.clock.advance(LEASE + SignedDuration::from_secs(1));
    let heir = site.start("heir", &site.base);
    let ended = ends_once(site, &id, 2).await;
    heir.stop().await;
    line.mend();
    // The next thing it says is refused.
    while away.health().await["state"] != "idle" {
        tokio::task::yield_now().await;
    }
    stop(site, away, "lost").await;
    let still = site.catalog.experiment(&id).await.unwrap().unwrap();
    assert_eq!((still.bundle, still.attempt, still.earlier), (ended.bundle, 2, Vec::new()));
}

/// How many experiments a worker has ended.
async fn ended_by(site: &Installation, name: &str) -> u64 {
    let workers = site.catalog.workers().await.unwrap();
    workers.iter().find(|worker| worker.info.name == name).map_or(0, |worker| worker.ended)
}
