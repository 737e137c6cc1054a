//! What is done to experiments and to the lab, and that every bit of it is written down.

use super::Backend;
use super::fixtures::{START, experiment, experiment_of, success, worker};
use crate::{Catalog, Error, JournalPage, Milestone, Order, Query};
use aiv1_model::{
    Action, Arm, DesignCost, Event, Experiment, ExperimentId, JournalEntry, Note, Status, VerifiedOutcome,
};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::sync::Arc;

const BY: &str = JournalEntry::OPERATOR;

fn flagged() -> Action {
    Action::Flagged { reason: "three tries failed".to_owned() }
}

fn resolved() -> Action {
    Action::Resolved { note: "seen to".to_owned() }
}

fn retracted() -> Action {
    Action::Retracted { reason: "the clip was another".to_owned() }
}

fn purged() -> Action {
    Action::Purged { reason: "it shows a face".to_owned() }
}

fn verified(outcome: VerifiedOutcome) -> Action {
    Action::Verified { outcome, detail: "points[0].bitrate".to_owned() }
}

fn model_called(microdollars: Option<u64>) -> Note {
    let cost = DesignCost {
        model: "some-model".to_owned(),
        replies: 1,
        input_tokens: 1_000,
        output_tokens: 50,
        microdollars,
    };
    Note::ModelCalled { outcome: "proposed".to_owned(), cost }
}

/// Submits the `n`-th question from an arm and ends it with this headline.
async fn measure(backend: &Backend, n: u32, arm: Arm, headline: f64) -> ExperimentId {
    backend.clock.advance(SignedDuration::from_secs(1));
    backend.catalog.submit(&experiment_of("sample", n, arm)).await.unwrap();
    end(backend, headline).await
}

async fn end(backend: &Backend, headline: f64) -> ExperimentId {
    let work = backend.catalog.claim(&worker("one")).await.unwrap().unwrap();
    let result = success(&work.experiment.submission, Some(headline));
    backend.catalog.end(&work.experiment.id, &work.holder, &result).await.unwrap().id
}

async fn lines(catalog: &dyn Catalog) -> Vec<JournalEntry> {
    let page = catalog.journal(None, Query::MAX_LIMIT).await.unwrap();
    assert_eq!(page.next, None);
    page.entries
}

async fn ranked(catalog: &dyn Catalog, order: Order) -> Vec<ExperimentId> {
    let page = catalog.list(&Query { order, ..Query::default() }).await.unwrap();
    page.experiments.into_iter().map(|row| row.id).collect()
}

fn brief(milestones: &[Milestone]) -> Vec<(f64, bool)> {
    milestones.iter().map(|milestone| (milestone.bd_rate, milestone.retracted)).collect()
}

/// Each changes the experiment and the revision, and is a line.
pub async fn every_action_is_done_and_written_down(backend: Backend) {
    let catalog = &*backend.catalog;
    let id = catalog.submit(&experiment(1)).await.unwrap().experiment.id;
    let mut done = Vec::new();
    let mut act = async |by: &'static str, action: Action| {
        backend.clock.advance(SignedDuration::from_secs(1));
        let before = catalog.revision().await.unwrap();
        let after = catalog.act(&id, by, &action).await.unwrap();
        assert!(catalog.revision().await.unwrap() > before, "{action:?}");
        assert_eq!(catalog.experiment(&id).await.unwrap().as_ref(), Some(&after));
        done.push((by, action));
        after
    };
    assert_eq!(act(BY, Action::Cancelled).await.status, Status::Other);
    assert_eq!(act(BY, Action::Rerun).await.status, Status::Queued);
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    let waits = act("loop", flagged()).await;
    assert!(waits.attention.is_some_and(|attention| attention.reason == "three tries failed"));
    assert_eq!(catalog.workers().await.unwrap()[0].experiment.as_ref(), Some(&id), "it works on");
    assert_eq!(act(BY, resolved()).await.attention, None);
    catalog.end(&id, &work.holder, &success(&work.experiment.submission, Some(-1.0))).await.unwrap();
    let seen = act("two", verified(VerifiedOutcome::Confirmed)).await.verified.unwrap();
    assert_eq!((seen.times, seen.by.as_str(), seen.outcome), (1, "two", VerifiedOutcome::Confirmed));
    let differs = act("two", verified(VerifiedOutcome::Differs)).await;
    assert_eq!(differs.verified.unwrap().times, 2);
    assert_eq!(differs.retraction.unwrap().by, "two");
    assert_eq!(act(BY, Action::Rerun).await.retraction, None);
    end(&backend, -1.0).await;
    assert_eq!(act(BY, retracted()).await.retraction.unwrap().reason, "the clip was another");
    assert!(act(BY, purged()).await.purged_at.is_some());

    let lines = lines(catalog).await;
    let numbers: Vec<_> = lines.iter().rev().map(|line| line.number).collect();
    assert_eq!(numbers, (1..=done.len() as u64).collect::<Vec<_>>(), "dense, latest first");
    assert_eq!(lines.last().unwrap().at, START + SignedDuration::from_secs(1));
    for (line, (by, action)) in lines.into_iter().rev().zip(done) {
        let event = Event::Action { experiment: id.clone(), action };
        assert_eq!((line.by.as_str(), line.event), (by, event));
    }
}

/// Nothing is half done.
pub async fn what_is_refused_is_not_written_down(backend: Backend) {
    let catalog = &*backend.catalog;
    let unknown = experiment(9).submission.id();
    let id = catalog.submit(&experiment(1)).await.unwrap().experiment.id;
    let before = (catalog.experiment(&id).await.unwrap(), catalog.revision().await.unwrap());
    for action in [Action::Rerun, resolved(), retracted(), verified(VerifiedOutcome::Confirmed), purged()] {
        let refused = catalog.act(&id, BY, &action).await;
        assert!(matches!(refused, Err(Error::State { .. })), "{action:?}: {refused:?}");
        let refused = catalog.act(&unknown, BY, &action).await;
        assert!(matches!(refused, Err(Error::NoExperiment(missing)) if missing == unknown));
    }
    assert_eq!((catalog.experiment(&id).await.unwrap(), catalog.revision().await.unwrap()), before);
    assert!(lines(catalog).await.is_empty());
}

/// A page is entered where the one before ended, whatever was written since.
pub async fn the_journal_is_read_page_by_page_latest_first(backend: Backend) {
    let catalog = &*backend.catalog;
    assert_eq!(catalog.journal(None, 10).await.unwrap(), JournalPage { entries: Vec::new(), next: None });
    for n in 1..=7 {
        catalog.note("loop", &model_called(Some(n))).await.unwrap();
    }
    let numbers = |page: &JournalPage| page.entries.iter().map(|line| line.number).collect::<Vec<_>>();
    let first = catalog.journal(None, 3).await.unwrap();
    assert_eq!(numbers(&first), [7, 6, 5]);
    catalog.note(BY, &Note::Stopped).await.unwrap();
    let second = catalog.journal(first.next.as_deref(), 3).await.unwrap();
    assert_eq!(numbers(&second), [4, 3, 2]);
    let third = catalog.journal(second.next.as_deref(), 3).await.unwrap();
    assert_eq!((numbers(&third), third.next), (vec![1], None));
    assert_eq!(catalog.journal(None, 8).await.unwrap().next, None, "all of it");
    assert_eq!(catalog.journal(None, 0).await.unwrap().entries.len(), 1, "never empty by its limit");
}

/// Cursors are not guessed, and not taken from another list.
pub async fn a_cursor_of_no_journal_is_refused(backend: Backend) {
    for n in 0..2 {
        backend.catalog.submit(&experiment(n)).await.unwrap();
    }
    let listed = backend.catalog.list(&Query { limit: 1, ..Query::default() }).await.unwrap().next.unwrap();
    for wrong in ["", "j", "1", "j01", "j-1", "' OR 1=1 --", "\0", &listed, &"j".repeat(100_000)] {
        match backend.catalog.journal(Some(wrong), 10).await {
            Err(Error::Cursor(named)) => assert!(named.len() <= 400, "what is named is bounded"),
            other => panic!("{wrong:.40}: {other:?}"),
        }
    }
}

/// Its page and its record stay; its number is nowhere among the best, the cheapest, or unmarked among the milestones.
pub async fn what_is_retracted_leaves_every_ranking_and_stays_readable(backend: Backend) {
    let catalog = &*backend.catalog;
    let first = measure(&backend, 1, Arm::Search, -5.0).await;
    let second = measure(&backend, 2, Arm::Search, -10.0).await;
    let other = measure(&backend, 3, Arm::Random, -20.0).await;
    let counts = catalog.counts().await.unwrap();
    catalog.act(&second, BY, &retracted()).await.unwrap();
    assert_eq!(catalog.counts().await.unwrap(), counts, "it was measured all the same");
    assert_eq!(ranked(catalog, Order::Best).await, [other.clone(), first.clone()]);
    let cheapest: BTreeSet<_> = ranked(catalog, Order::Cheapest).await.into_iter().collect();
    assert_eq!(cheapest, BTreeSet::from([first, other]));
    assert_eq!(ranked(catalog, Order::Newest).await.len(), 3);
    let milestones = catalog.milestones().await.unwrap();
    assert_eq!(brief(&milestones), [(-5.0, false), (-10.0, true), (-20.0, false)]);
    assert!(catalog.record(&second).await.unwrap().is_some());
    let summary = catalog.list(&Query { arm: Some(Arm::Search), ..Query::default() }).await.unwrap();
    assert!(summary.experiments.iter().any(|row| row.id == second && row.retraction.is_some()));
    assert_eq!(catalog.overview().await.unwrap().best.len(), 2);
}

/// The question keeps its number, and is not asked again.
pub async fn what_is_purged_is_gone_but_for_its_question(backend: Backend) {
    let catalog = &*backend.catalog;
    let id = measure(&backend, 1, Arm::Search, -5.0).await;
    let purged: Experiment = catalog.act(&id, BY, &purged()).await.unwrap();
    assert_eq!((purged.status, purged.number, &purged.bundle), (Status::Other, 1, &None));
    assert_eq!(catalog.record(&id).await.unwrap(), None);
    assert!(ranked(catalog, Order::Best).await.is_empty());
    assert_eq!(brief(&catalog.milestones().await.unwrap()), [(-5.0, true)]);
    let counts = catalog.counts().await.unwrap();
    assert_eq!((counts.successful, counts.other, counts.total), (0, 1, 1));
    let again = catalog.submit(&experiment_of("sample", 1, Arm::Person)).await.unwrap();
    assert_eq!((again.created, again.experiment), (false, purged));
    assert!(catalog.claim(&worker("one")).await.unwrap().is_none());
    let evaluations = catalog.loop_state().await.unwrap().evaluations;
    assert!(evaluations.contains(&(Arm::Search, 1)), "it was one of its arm's tries: {evaluations:?}");
}

/// Of every arm by itself, and also where nothing is left.
pub async fn the_best_of_the_rest_is_what_the_next_is_measured_by(backend: Backend) {
    let catalog = &*backend.catalog;
    let mut best = Vec::new();
    for (n, headline) in [(1, -5.0), (2, -7.25), (3, -10.5), (4, -1.0)] {
        best.push(measure(&backend, n, Arm::Search, headline).await);
    }
    measure(&backend, 5, Arm::Random, -40.0).await;
    catalog.act(&best[2], BY, &retracted()).await.unwrap();
    measure(&backend, 6, Arm::Search, -7.0).await;
    measure(&backend, 7, Arm::Search, -8.0).await;
    let of = async || {
        let milestones = catalog.milestones().await.unwrap();
        brief(&milestones.into_iter().filter(|it| it.arm == Arm::Search).collect::<Vec<_>>())
    };
    let expected = [(-5.0, false), (-7.25, false), (-10.5, true), (-8.0, false)];
    assert_eq!(of().await, expected, "-7 is no better than -7.25, which stands");
    let only = measure(&backend, 8, Arm::Start, -3.0).await;
    catalog.act(&only, BY, &purged()).await.unwrap();
    measure(&backend, 9, Arm::Start, 90.0).await;
    let milestones = catalog.milestones().await.unwrap();
    let start: Vec<_> = milestones.into_iter().filter(|it| it.arm == Arm::Start).collect();
    assert_eq!(brief(&start), [(-3.0, true), (90.0, false)], "the first of those that stand");
}

/// Asking twice is harmless and leaves one trace.
pub async fn to_pause_what_is_paused_is_no_line(backend: Backend) {
    let catalog = &*backend.catalog;
    assert!(!catalog.note(BY, &Note::Resumed).await.unwrap().paused, "it was not paused");
    for _ in 0..2 {
        assert!(catalog.note(BY, &Note::Paused).await.unwrap().paused);
    }
    let revision = catalog.revision().await.unwrap();
    catalog.note(BY, &Note::Paused).await.unwrap();
    assert_eq!(catalog.revision().await.unwrap(), revision);
    for _ in 0..2 {
        assert!(!catalog.note(BY, &Note::Resumed).await.unwrap().paused);
    }
    let events: Vec<_> = lines(catalog).await.into_iter().map(|line| line.event).collect();
    assert_eq!(events, [Event::Note(Note::Resumed), Event::Note(Note::Paused)]);
}

/// Each stop is one of its own, and pauses nothing.
pub async fn a_stop_says_when(backend: Backend) {
    let catalog = &*backend.catalog;
    assert_eq!(catalog.loop_state().await.unwrap().stopped_at, None);
    for _ in 0..2 {
        backend.clock.advance(SignedDuration::from_secs(1));
        catalog.note(BY, &Note::Stopped).await.unwrap();
    }
    catalog.note(BY, &Note::Paused).await.unwrap();
    let state = catalog.loop_state().await.unwrap();
    assert_eq!((state.paused, state.stopped_at), (true, Some(START + SignedDuration::from_secs(2))));
    assert_eq!(lines(catalog).await.len(), 3);
}

/// What has no price adds nothing, and is written down all the same.
pub async fn what_a_model_cost_is_what_its_arm_has_spent(backend: Backend) {
    let catalog = &*backend.catalog;
    let before = catalog.revision().await.unwrap();
    let state = catalog.note("loop", &model_called(Some(3_750))).await.unwrap();
    assert_eq!(state.spent_microdollars, 3_750);
    assert!(catalog.revision().await.unwrap() > before);
    catalog.note("loop", &model_called(None)).await.unwrap();
    measure(&backend, 1, Arm::Llm, -5.0).await;
    measure(&backend, 2, Arm::Search, -5.0).await;
    catalog.note("loop", &model_called(Some(250))).await.unwrap();
    measure(&backend, 3, Arm::Llm, -6.0).await;
    let milestones = catalog.milestones().await.unwrap();
    let spent: Vec<_> = milestones.iter().map(|it| (it.arm, it.spent_microdollars)).collect();
    assert_eq!(spent, [(Arm::Search, 0), (Arm::Llm, 3_750), (Arm::Llm, 4_000)]);
    let state = catalog.loop_state().await.unwrap();
    assert_eq!(state.spent_microdollars, 4_000);
    assert!(state.evaluations.contains(&(Arm::Llm, 2)), "{:?}", state.evaluations);
    assert_eq!(lines(catalog).await.len(), 3);
}

/// Whoever asks, and however much is said.
pub async fn texts_are_bounded(backend: Backend) {
    let catalog = &*backend.catalog;
    let id = catalog.submit(&experiment(1)).await.unwrap().experiment.id;
    let action = Action::Flagged { reason: "é".repeat(Action::MAX_TEXT_BYTES) };
    let flagged = catalog.act(&id, &"é".repeat(JournalEntry::MAX_BY_BYTES), &action).await.unwrap();
    assert_eq!(flagged.attention.unwrap().reason.len(), Action::MAX_TEXT_BYTES);
    let line = lines(catalog).await.remove(0);
    assert_eq!(line.by.len(), JournalEntry::MAX_BY_BYTES);
    let Event::Action { action, .. } = line.event else { panic!("no action") };
    assert_eq!(action.text().map(str::len), Some(Action::MAX_TEXT_BYTES));
}

/// No line is lost, and none overwrites another, whoever was first.
pub async fn actions_at_once_are_all_written_down(backend: Backend) {
    for n in 0..12 {
        backend.catalog.submit(&experiment(n)).await.unwrap();
    }
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let catalog = Arc::clone(&backend.catalog);
            tokio::spawn(async move {
                let id = experiment(n).submission.id();
                catalog.act(&id, BY, &Action::Cancelled).await.unwrap();
                catalog.note("loop", &model_called(Some(1))).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let lines = lines(&*backend.catalog).await;
    let numbers: Vec<_> = lines.iter().rev().map(|line| line.number).collect();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    let cancelled = lines.iter().filter_map(|line| match &line.event {
        Event::Action { experiment, .. } => Some(experiment),
        Event::Note(_) => None,
    });
    assert_eq!(cancelled.collect::<BTreeSet<_>>().len(), 12, "each once");
    assert_eq!(backend.catalog.loop_state().await.unwrap().spent_microdollars, 12);
    assert_eq!(backend.catalog.counts().await.unwrap().other, 12);
}
