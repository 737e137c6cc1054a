//! Counts and lists agree, whatever happens; pages are complete.

use super::Backend;
use super::fixtures::{bundle, experiment_of, failure, phase, record_for, success, worker};
use crate::{Catalog, ClaimedWork, Ended, Error, LEASE, Order, Overview, Query};
use aiv1_model::{
    Action, Arm, Digest, Experiment, ExperimentId, Fault, JournalEntry, Phase, Status, Summary,
};
use jiff::SignedDuration;
use std::collections::BTreeSet;

const STATUSES: [Status; 5] =
    [Status::Queued, Status::InProgress, Status::Successful, Status::Failed, Status::Other];
const ORDERS: [Order; 4] = [Order::Newest, Order::Oldest, Order::Best, Order::Cheapest];

/// Numbers that are the same on every run (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn arm(&mut self) -> Arm {
        Arm::ALL[self.below(Arm::ALL.len())]
    }

    fn action(&mut self) -> Action {
        let reason = "so it fell".to_owned();
        match self.below(12) {
            0..=4 => Action::Cancelled,
            5..=8 => Action::Rerun,
            9 => Action::Flagged { reason },
            10 => Action::Retracted { reason },
            _ => Action::Purged { reason },
        }
    }

    /// One of a few, so that ties happen.
    fn headline(&mut self) -> Option<f64> {
        [None, Some(-20.0), Some(-5.5), Some(0.0), Some(3.25), Some(40.0)][self.below(6)]
    }
}

/// Every row of a query, page by page; each page must be as long as it can be.
async fn all(catalog: &dyn Catalog, mut query: Query) -> Vec<Summary> {
    let mut rows = Vec::new();
    loop {
        let page = catalog.list(&query).await.unwrap();
        let full = page.experiments.len() == query.limit as usize;
        assert!(full || page.next.is_none(), "a page with a next one is full");
        rows.extend(page.experiments);
        query.cursor = page.next;
        if query.cursor.is_none() {
            return rows;
        }
    }
}

async fn agree(catalog: &dyn Catalog) {
    let counts = catalog.counts().await.unwrap();
    let mut total = 0;
    for status in STATUSES {
        let rows = all(catalog, Query { status: Some(status), limit: 200, ..Query::default() }).await;
        assert!(rows.iter().all(|row| row.status == status));
        assert_eq!(counts.of(status), rows.len() as u64, "{status:?}");
        total += counts.of(status);
    }
    assert_eq!(counts.total, total);
    let rows = all(catalog, Query { limit: 200, ..Query::default() }).await;
    assert_eq!(rows.len() as u64, total);
    for row in rows {
        let experiment = catalog.experiment(&row.id).await.unwrap().unwrap();
        assert_eq!(experiment.summary(), row);
        assert_eq!(experiment.work.is_some(), experiment.status == Status::InProgress);
        assert_eq!(experiment.findings.is_some(), experiment.status == Status::Successful);
    }
    for order in [Order::Best, Order::Cheapest] {
        let ranked = all(catalog, Query { order, limit: 200, ..Query::default() }).await;
        assert!(ranked.iter().all(is_ranked), "{order:?}");
    }
}

/// What was retracted, and what no designer may learn from, is in no ranking.
fn is_ranked(row: &Summary) -> bool {
    row.retraction.is_none() && row.arm != Arm::HeldOut
}

/// Six hundred operations in an order that nobody thought of, the same on every run.
pub async fn counts_are_what_lists_show_after_anything(backend: Backend) {
    let catalog = &*backend.catalog;
    let (mut dice, mut held, mut ids) = (Dice(20), Vec::<ClaimedWork>::new(), Vec::<ExperimentId>::new());
    for step in 1..=600 {
        match dice.below(12) {
            0..=2 => {
                let new = experiment_of(["one", "two"][dice.below(2)], dice.below(60) as u32, dice.arm());
                ids.push(catalog.submit(&new).await.unwrap().experiment.id);
            }
            3..=5 => {
                let name = format!("worker-{}", dice.below(4));
                held.extend(catalog.claim(&worker(&name)).await.unwrap());
            }
            6..=8 if !held.is_empty() => {
                let work = held.swap_remove(dice.below(held.len()));
                settle(catalog, &work, &mut dice).await;
            }
            9..=10 if !ids.is_empty() => {
                let (id, action) = (&ids[dice.below(ids.len())], dice.action());
                may_be_refused(&catalog.act(id, JournalEntry::OPERATOR, &action).await);
            }
            _ => backend.clock.advance(LEASE / 3),
        }
        if step % 50 == 0 {
            agree(catalog).await;
        }
    }
    let counts = catalog.counts().await.unwrap();
    assert!(
        counts.successful > 5 && counts.failed > 5 && counts.other > 0,
        "the sequence went everywhere: {counts:?}"
    );
}

/// Ends work in one of its ways; it may have been lost meanwhile.
async fn settle(catalog: &dyn Catalog, work: &ClaimedWork, dice: &mut Dice) {
    let submission = &work.experiment.submission;
    let ended = match dice.below(6) {
        0 => Ended::GaveBack,
        1 => Ended::Infrastructure(Box::new(failure(Fault::Infrastructure))),
        2 => Ended::Published {
            record: Box::new(record_for(submission, Status::Failed, None)),
            bundle: bundle(1),
        },
        _ => success(submission, dice.headline()),
    };
    let phase = phase(Phase::Execution);
    let noted = catalog.phase(&work.experiment.id, &work.holder, &phase).await;
    let done = catalog.end(&work.experiment.id, &work.holder, &ended).await;
    match (noted, done) {
        (Ok(()), Ok(_)) | (Err(Error::Lost { .. }), Err(Error::Lost { .. })) => {}
        other => panic!("{other:?}"),
    }
}

fn may_be_refused(result: &Result<Experiment, Error>) {
    assert!(matches!(result, Ok(_) | Err(Error::State { .. })), "{result:?}");
}

/// Experiments of every status, codec and arm, with ties in what they are sorted by.
async fn fill(backend: &Backend, dice: &mut Dice) {
    let catalog = &*backend.catalog;
    for n in 0..64 {
        let new = experiment_of(["one", "two"][n % 2], n as u32, dice.arm());
        let id = catalog.submit(&new).await.unwrap().experiment.id;
        backend.clock.advance(SignedDuration::from_millis(1));
        match n % 8 {
            0 => drop(catalog.act(&id, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap()),
            // Queued behind the others, so that it stays.
            1 if n > 60 => {}
            _ => {
                let work = catalog.claim(&worker(&format!("worker-{n}"))).await.unwrap().unwrap();
                let submission = &work.experiment.submission;
                let ended = match n % 8 {
                    2 => continue,
                    3 => Ended::Published {
                        record: Box::new(record_for(submission, Status::Failed, None)),
                        bundle: bundle(1),
                    },
                    _ => success(submission, dice.headline()),
                };
                let ended = catalog.end(&work.experiment.id, &work.holder, &ended).await.unwrap();
                if n % 16 == 5 {
                    let retracted = Action::Retracted { reason: "so it fell".to_owned() };
                    catalog.act(&ended.id, JournalEntry::OPERATOR, &retracted).await.unwrap();
                }
            }
        }
    }
    for n in 64..70 {
        let new = experiment_of(["one", "two"][n % 2], n as u32, dice.arm());
        catalog.submit(&new).await.unwrap();
    }
}

/// What a query should show of these rows.
fn expected(rows: &[Summary], query: &Query) -> Vec<ExperimentId> {
    let headline = |row: &Summary| Some(row.findings.as_ref()?.headline.as_ref()?.bd_rate);
    let fuel = |row: &Summary| row.findings.as_ref()?.decode_fuel_per_pixel;
    let mut chosen: Vec<&Summary> = rows
        .iter()
        .filter(|row| query.status.is_none_or(|status| row.status == status))
        .filter(|row| query.codec.is_none_or(|codec| row.source == codec))
        .filter(|row| query.arm.is_none_or(|arm| row.arm == arm))
        .filter(|row| match query.order {
            Order::Newest | Order::Oldest => true,
            Order::Best => is_ranked(row) && headline(row).is_some(),
            Order::Cheapest => is_ranked(row) && fuel(row).is_some(),
        })
        .collect();
    chosen.sort_by(|one, other| match query.order {
        Order::Newest => other.number.cmp(&one.number),
        Order::Oldest => one.number.cmp(&other.number),
        Order::Best => {
            headline(one).partial_cmp(&headline(other)).unwrap().then(one.number.cmp(&other.number))
        }
        Order::Cheapest => fuel(one).partial_cmp(&fuel(other)).unwrap().then(one.number.cmp(&other.number)),
    });
    chosen.into_iter().map(|row| row.id.clone()).collect()
}

/// Every filter with every other, in every order; rows that come meanwhile neither hide nor double any.
pub async fn pages_are_complete_and_stable_under_every_filter_and_order(backend: Backend) {
    let catalog = &*backend.catalog;
    fill(&backend, &mut Dice(3)).await;
    let rows = all(catalog, Query { limit: 200, ..Query::default() }).await;
    let known: BTreeSet<_> = rows.iter().map(|row| row.id.clone()).collect();
    let codecs = [None, Some(Digest::of(b"one")), Some(Digest::of(b"two")), Some(Digest::of(b"unknown"))];
    let statuses = STATUSES.map(Some).into_iter().chain([None]);
    let arms = || Arm::ALL.map(Some).into_iter().chain([None]);
    let (mut shown, mut fresh) = (0, 1_000);
    for status in statuses {
        for (codec, arm) in codecs.into_iter().flat_map(|codec| arms().map(move |arm| (codec, arm))) {
            for order in ORDERS {
                let mut query = Query { status, codec, arm, order, cursor: None, limit: 7 };
                let first = catalog.list(&query).await.unwrap();
                let mut seen = first.experiments;
                if first.next.is_some() {
                    fresh += 1;
                    catalog.submit(&experiment_of("one", fresh, Arm::Search)).await.unwrap();
                    query.cursor = first.next;
                    seen.extend(all(catalog, query.clone()).await);
                }
                let seen: Vec<_> =
                    seen.into_iter().map(|row| row.id).filter(|id| known.contains(id)).collect();
                assert_eq!(seen, expected(&rows, &query), "{query:?}");
                shown += seen.len();
            }
        }
    }
    assert!(shown > 1_000, "the filters let something through: {shown}");
}

/// Cursors are not guessed, and not taken from one order to another.
pub async fn a_cursor_of_another_order_or_none_of_ours_is_refused(backend: Backend) {
    let catalog = &*backend.catalog;
    fill(&backend, &mut Dice(4)).await;
    let page = |order, cursor| Query { order, cursor, limit: 3, ..Query::default() };
    for order in ORDERS {
        let cursor = catalog.list(&page(order, None)).await.unwrap().next.unwrap();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.~".contains(letter);
        assert!(cursor.chars().all(plain), "{cursor} goes into a URL as it is");
        for other in ORDERS {
            let listed = catalog.list(&page(other, Some(cursor.clone()))).await;
            match listed {
                Ok(_) => assert_eq!(order, other),
                Err(Error::Cursor(_)) => assert_ne!(order, other),
                Err(error) => panic!("{error:?}"),
            }
        }
        let long = "A".repeat(100_000);
        for wrong in ["", "0", "null", "' OR 1=1 --", "\0", &cursor[1..], &long] {
            let listed = catalog.list(&page(order, Some(wrong.to_owned()))).await;
            match listed {
                Err(Error::Cursor(named)) => assert!(named.len() <= 400, "what is named is bounded"),
                other => panic!("{wrong:.40}: {other:?}"),
            }
        }
    }
}

/// A page is never empty by its limit, nor larger than it may be.
pub async fn limits_are_held(backend: Backend) {
    let catalog = &*backend.catalog;
    for n in 0..Query::MAX_LIMIT + 10 {
        catalog.submit(&experiment_of("one", n, Arm::Person)).await.unwrap();
    }
    for (limit, rows) in [(0, 1), (1, 1), (200, 200), (201, 200), (u32::MAX, 200)] {
        let page = catalog.list(&Query { limit, ..Query::default() }).await.unwrap();
        assert_eq!(page.experiments.len(), rows);
        assert!(page.next.is_some());
    }
}

/// Read at once or part by part, of an empty lab and of one that has something of everything.
pub async fn the_overview_is_what_its_parts_say(backend: Backend) {
    let catalog = &*backend.catalog;
    assert_eq!(catalog.overview().await.unwrap(), Overview::read(catalog).await.unwrap());
    fill(&backend, &mut Dice(5)).await;
    catalog.put_legacy(&super::fixtures::legacy(1)).await.unwrap();
    let overview = catalog.overview().await.unwrap();
    assert_eq!(overview, Overview::read(catalog).await.unwrap());
    let first = overview.best.first().expect("something succeeded");
    assert_eq!(overview.record, catalog.record(&first.id).await.unwrap());
    assert_eq!(overview.counts, catalog.counts().await.unwrap());
    assert_eq!((overview.best.len(), overview.waiting.experiments.len()), (3, 5));
    assert!(overview.waiting.next.is_some() && overview.record.is_some());
    assert_eq!((overview.legacy.experiments.len(), overview.legacy.total), (1, 1));
    assert!(!overview.milestones.is_empty() && !overview.workers.is_empty() && overview.codecs.len() == 2);
}
