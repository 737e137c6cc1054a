//! What a language model's candidate is held against: the champion's saving on the first clip, or its parent's if that is
//! less; and what was measured. A parent is kept for what it is good at beside the saving, as a decoder that costs little:
//! what changes it is not held to a saving that it never had.
//!
//! Other arms turn parameters of codecs that are known to work, or ask what a person wants to know: they are measured whole.

use aiv1_model::{Arm, Bar, Digest, Experiment, ExperimentId, KnownModules, Record, Status, Summary};
use aiv1_store::{Catalog, Error, Order, Query};

/// How far behind champion and parent a candidate may be on the first clip and still be measured on the others, in percentage
/// points: clips differ, and a step back on one may be a step forward on the rest.
pub const BAR_MARGIN: f64 = 5.0;
/// The champion is looked for among so many of the best.
const BEST_LOOKED_AT: u32 = 20;
/// A model comes back to what it wrote before: a candidate is held against so many of its latest, too.
const LATEST_LOOKED_AT: u32 = 12;

/// What a candidate is held against.
#[derive(Debug, Default)]
pub(crate) struct Standards {
    pub(crate) bar: Option<Bar>,
    pub(crate) duplicate_of: Vec<KnownModules>,
}

/// The standards for a claimed experiment.
pub(crate) async fn of(catalog: &dyn Catalog, candidate: &Experiment) -> Result<Standards, Error> {
    let (Arm::Llm, Some(first)) = (candidate.origin.arm, candidate.submission.clips.first()) else {
        return Ok(Standards::default());
    };
    // What was measured whole before, and is run again, is not held to what came since.
    if !candidate.earlier.is_empty() {
        return Ok(Standards::default());
    }
    let champion = champion(catalog, candidate).await?;
    let anchor = champion.as_ref().and_then(Summary::headline).map(|headline| headline.anchor.clone());
    let mut known: Vec<ExperimentId> = candidate.origin.parent.iter().cloned().collect();
    known.extend(champion.map(|champion| champion.id).filter(|id| !known.contains(id)));
    known.retain(|id| *id != candidate.id);
    let mut records = Vec::with_capacity(known.len());
    for id in &known {
        let stands = catalog
            .experiment(id)
            .await?
            .is_some_and(|known| known.status == Status::Successful && known.retraction.is_none());
        records.extend(if stands { catalog.record(id).await? } else { None });
    }
    let bar = anchor.and_then(|anchor| {
        let rates = records.iter().map(|record| on_first(record, *first, &anchor));
        let least = rates.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max)?;
        Some(Bar { anchor, bd_rate_at_most: least + BAR_MARGIN })
    });
    for latest in latest(catalog, candidate).await?.iter().filter(|latest| !known.contains(&latest.id)) {
        records.extend(catalog.record(&latest.id).await?);
    }
    let duplicate_of = records.iter().filter_map(|record| KnownModules::of(record, *first)).collect();
    Ok(Standards { bar, duplicate_of })
}

/// What was measured of the model's latest, under the same question.
async fn latest(catalog: &dyn Catalog, candidate: &Experiment) -> Result<Vec<Summary>, Error> {
    let query = Query { arm: Some(Arm::Llm), limit: LATEST_LOOKED_AT, ..Query::default() };
    let asked = &candidate.submission;
    let mut latest = catalog.list(&query).await?.experiments;
    latest.retain(|one| {
        let stands = one.status == Status::Successful && one.retraction.is_none();
        stands && one.id != candidate.id && one.answers(&asked.clips, &asked.settings)
    });
    Ok(latest)
}

/// The best experiment that was asked the same of the same clips; none that was retracted is in that list.
async fn champion(catalog: &dyn Catalog, candidate: &Experiment) -> Result<Option<Summary>, Error> {
    let query = Query {
        status: Some(Status::Successful),
        order: Order::Best,
        limit: BEST_LOOKED_AT,
        ..Query::default()
    };
    let asked = &candidate.submission;
    let is_one = |one: &Summary| one.id != candidate.id && one.answers(&asked.clips, &asked.settings);
    Ok(catalog.list(&query).await?.experiments.into_iter().find(is_one))
}

/// What was shown on the first clip: of luma and all planes the less favourable; none where one was refused.
fn on_first(record: &Record, first: Digest, anchor: &str) -> Option<f64> {
    let comparisons = record.comparisons.iter().filter(|one| one.clip == first && one.anchor == anchor);
    Bar::rate(comparisons)
}
