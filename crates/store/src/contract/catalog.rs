//! Submissions, keys, statuses, codecs, clips, the loop.

use super::Backend;
use super::fixtures::{self, bundle, clip, experiment, experiment_of, success, worker};
use crate::{Error, NewExperiment, Query};
use aiv1_model::{Action, Arm, Counts, Digest, JournalEntry, Note, Status};
use jiff::SignedDuration;

/// The same question has one experiment.
pub async fn a_submission_is_found_again_whatever_its_codec_is_called(backend: Backend) {
    let catalog = backend.catalog;
    let first = catalog.submit(&experiment(1)).await.unwrap();
    assert!(first.created);
    assert_eq!(
        (first.experiment.number, first.experiment.status, first.experiment.attempt),
        (1, Status::Queued, 0)
    );
    assert_eq!(first.experiment.submitted_at, fixtures::START);
    let mut renamed = experiment(1);
    "renamed".clone_into(&mut renamed.submission.codec);
    let again = catalog.submit(&renamed).await.unwrap();
    assert!(!again.created);
    assert_eq!(again.experiment, first.experiment);
    assert_eq!(catalog.counts().await.unwrap(), Counts { queued: 1, total: 1, ..Counts::default() });
    assert_eq!(catalog.experiment(&first.experiment.id).await.unwrap(), Some(first.experiment));
}

/// A key is one question's, until it is a day old.
pub async fn an_idempotency_key_stands_for_one_question_for_a_day(backend: Backend) {
    let catalog = backend.catalog;
    let keyed = |n| NewExperiment { idempotency_key: Some("a key".to_owned()), ..experiment(n) };
    let first = catalog.submit(&keyed(1)).await.unwrap().experiment;
    let again = catalog.submit(&keyed(1)).await.unwrap();
    assert!(!again.created);
    assert_eq!(again.experiment.id, first.id);
    match catalog.submit(&keyed(2)).await {
        Err(Error::KeyReused { key, first: id }) => assert_eq!((key.as_str(), id), ("a key", first.id)),
        other => panic!("{other:?}"),
    }
    assert_eq!(catalog.counts().await.unwrap().total, 1, "what was refused left nothing behind");
    backend.clock.advance(SignedDuration::from_hours(25));
    assert!(catalog.submit(&keyed(2)).await.unwrap().created);
}

/// Numbers are dense, and each change can be seen by the revision.
pub async fn numbers_count_up_and_the_revision_with_every_change(backend: Backend) {
    let catalog = backend.catalog;
    let mut before = catalog.revision().await.unwrap();
    for n in 1..=3 {
        assert_eq!(catalog.submit(&experiment(n)).await.unwrap().experiment.number, u64::from(n));
        let after = catalog.revision().await.unwrap();
        assert!(after > before);
        before = after;
    }
    catalog.submit(&experiment(1)).await.unwrap();
    catalog.counts().await.unwrap();
    assert_eq!(catalog.revision().await.unwrap(), before, "nothing has changed");
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    let id = work.experiment.id;
    let claimed = catalog.revision().await.unwrap();
    assert!(claimed > before);
    catalog.heartbeat(&id, &fixtures::beat(&work.holder)).await.unwrap();
    let beaten = catalog.revision().await.unwrap();
    assert!(beaten > claimed, "progress is shown");
    catalog.end(&id, &work.holder, &success(&work.experiment.submission, None)).await.unwrap();
    let ended = catalog.revision().await.unwrap();
    assert!(ended > beaten);
    catalog.note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    assert!(catalog.revision().await.unwrap() > ended);
}

/// What waits or runs can be cancelled; what has ended can be run again.
pub async fn cancelling_and_running_again_follow_the_status(backend: Backend) {
    let catalog = backend.catalog;
    let id = catalog.submit(&experiment(1)).await.unwrap().experiment.id;
    assert!(
        matches!(catalog.act(&id, JournalEntry::OPERATOR, &Action::Rerun).await, Err(Error::State { .. })),
        "it waits already"
    );
    let cancelled = catalog.act(&id, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap();
    assert_eq!((cancelled.status, cancelled.ended_at), (Status::Other, Some(fixtures::START)));
    assert!(catalog.claim(&worker("one")).await.unwrap().is_none());
    assert!(matches!(
        catalog.act(&id, JournalEntry::OPERATOR, &Action::Cancelled).await,
        Err(Error::State { .. })
    ));
    let queued = catalog.act(&id, JournalEntry::OPERATOR, &Action::Rerun).await.unwrap();
    assert_eq!((queued.status, queued.ended_at, queued.number), (Status::Queued, None, 1));
    let work = catalog.claim(&worker("one")).await.unwrap().unwrap();
    catalog.end(&id, &work.holder, &success(&work.experiment.submission, Some(-5.0))).await.unwrap();
    assert!(
        matches!(
            catalog.act(&id, JournalEntry::OPERATOR, &Action::Cancelled).await,
            Err(Error::State { .. })
        ),
        "it has ended"
    );
    let again = catalog.act(&id, JournalEntry::OPERATOR, &Action::Rerun).await.unwrap();
    assert_eq!((again.status, &again.findings, &again.bundle), (Status::Queued, &None, &None));
    assert_eq!(again.earlier, [bundle(1)]);
    assert_eq!((again.started_at, again.phases.len(), again.attempt), (None, 0, 1));
    let next = catalog.claim(&worker("one")).await.unwrap().unwrap();
    assert_eq!(next.holder.attempt, 2, "attempts never start over");
    let counts = catalog.counts().await.unwrap();
    assert_eq!(counts, Counts { in_progress: 1, total: 1, ..Counts::default() });
}

/// A codec is known from its first submission, and what it declares from its first record.
pub async fn codecs_are_counted_and_learn_what_they_declare(backend: Backend) {
    let catalog = backend.catalog;
    catalog.submit(&experiment_of("one", 1, Arm::Start)).await.unwrap();
    backend.clock.advance(SignedDuration::from_secs(1));
    catalog.submit(&experiment_of("two", 1, Arm::Start)).await.unwrap();
    catalog.submit(&experiment_of("one", 2, Arm::Search)).await.unwrap();
    let codecs = catalog.codecs().await.unwrap();
    let seen: Vec<_> = codecs.iter().map(|codec| (codec.name.as_str(), codec.experiments)).collect();
    assert_eq!(seen, [("two", 1), ("one", 2)], "most recently first seen first");
    let source = Digest::of(b"one");
    let one = catalog.codec(&source).await.unwrap().unwrap();
    assert_eq!((one.first_seen, &one.declaration, one.decoder), (fixtures::START, &None, None));
    let work = catalog.claim(&worker("worker")).await.unwrap().unwrap();
    catalog
        .end(&work.experiment.id, &work.holder, &success(&work.experiment.submission, None))
        .await
        .unwrap();
    let one = catalog.codec(&source).await.unwrap().unwrap();
    assert_eq!(one.declaration.unwrap().parameters[0].name, "step");
    assert_eq!(one.decoder, Some(Digest::of(b"decoder")));
    assert_eq!(catalog.codec(&Digest::of(b"unknown")).await.unwrap(), None);
}

/// Clips keep their place when what is known of them changes.
pub async fn clips_are_kept_in_order_and_can_be_changed(backend: Backend) {
    let catalog = backend.catalog;
    for n in [3, 1, 2] {
        catalog.put_clip(&clip(n)).await.unwrap();
    }
    let mut changed = clip(3);
    "held-out".clone_into(&mut changed.set);
    catalog.put_clip(&changed).await.unwrap();
    assert_eq!(catalog.clips().await.unwrap(), [changed, clip(1), clip(2)]);
}

/// Iterations are what the loop's own arms submitted.
pub async fn the_loop_s_state_is_kept(backend: Backend) {
    let catalog = backend.catalog;
    let new = catalog.loop_state().await.unwrap();
    assert_eq!((new.paused, new.iterations), (false, 0));
    for (n, arm) in Arm::ALL.into_iter().enumerate() {
        catalog.submit(&experiment_of("sample", n as u32, arm)).await.unwrap();
        catalog.submit(&experiment_of("sample", n as u32, arm)).await.unwrap();
    }
    catalog.note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    let state = catalog.loop_state().await.unwrap();
    assert_eq!((state.paused, state.iterations), (true, 4), "start, search, random and llm, each once");
    catalog.note(JournalEntry::OPERATOR, &Note::Resumed).await.unwrap();
    assert!(!catalog.loop_state().await.unwrap().paused);
}

/// Absence is no error where something is looked for, and named where something is to be done.
pub async fn what_is_not_there_is_none_or_named(backend: Backend) {
    let catalog = backend.catalog;
    let id = experiment(1).submission.id();
    assert_eq!(catalog.experiment(&id).await.unwrap(), None);
    assert_eq!(catalog.record(&id).await.unwrap(), None);
    assert!(
        matches!(catalog.act(&id, JournalEntry::OPERATOR, &Action::Cancelled).await, Err(Error::NoExperiment(missing)) if missing == id)
    );
    assert!(
        matches!(catalog.act(&id, JournalEntry::OPERATOR, &Action::Rerun).await, Err(Error::NoExperiment(missing)) if missing == id)
    );
    assert!(catalog.claim(&worker("one")).await.unwrap().is_none());
    let page = catalog.list(&Query::default()).await.unwrap();
    assert_eq!((page.experiments.len(), page.next), (0, None));
    assert_eq!(catalog.counts().await.unwrap(), Counts::default());
    assert!(catalog.milestones().await.unwrap().is_empty());
    catalog.ping().await.unwrap();
}
