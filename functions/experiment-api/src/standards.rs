//! What a language model's candidate is held against: the champion's saving on the first clip, and what was measured.
//!
//! Other arms turn parameters of codecs that are known to work, or ask what a person wants to know: they are measured whole.

use aiv1_model::{Arm, Bar, Digest, Experiment, ExperimentId, KnownModules, Metric, Record, Status};
use aiv1_store::{Catalog, Error, Order, Query};

/// How far behind the champion a candidate may be on the first clip and still be measured on the others, in percentage
/// points: clips differ, and a step back on one may be a step forward on the rest.
pub const BAR_MARGIN: f64 = 5.0;
/// The champion is looked for among so many of the best.
const BEST_LOOKED_AT: u32 = 20;

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
    let champion = champion(catalog, candidate).await?;
    let bar = match &champion {
        Some(champion) => {
            let anchor = champion.findings.as_ref().and_then(|findings| findings.headline.as_ref());
            let record = catalog.record(&champion.id).await?;
            anchor.zip(record).and_then(|(saving, record)| bar(&record, *first, &saving.anchor))
        }
        None => None,
    };
    let mut known: Vec<ExperimentId> = candidate.origin.parent.iter().cloned().collect();
    known.extend(champion.map(|champion| champion.id).filter(|id| !known.contains(id)));
    let mut duplicate_of = Vec::new();
    for id in known.iter().filter(|id| **id != candidate.id) {
        let record = catalog.record(id).await?.filter(|record| record.status == Status::Successful);
        duplicate_of.extend(record.and_then(|record| KnownModules::of(&record, *first)));
    }
    Ok(Standards { bar, duplicate_of })
}

/// The best experiment that was asked the same of the same clips; none that was retracted is in that list.
async fn champion(catalog: &dyn Catalog, candidate: &Experiment) -> Result<Option<Experiment>, Error> {
    let query = Query {
        status: Some(Status::Successful),
        order: Order::Best,
        limit: BEST_LOOKED_AT,
        ..Query::default()
    };
    for summary in catalog.list(&query).await?.experiments {
        let Some(best) = catalog.experiment(&summary.id).await? else { continue };
        let (theirs, ours) = (&best.submission, &candidate.submission);
        if best.id != candidate.id && theirs.clips == ours.clips && theirs.settings == ours.settings {
            return Ok(Some(best));
        }
    }
    Ok(None)
}

/// What the champion showed on the first clip, and the margin; none where that was refused.
fn bar(champion: &Record, first: Digest, anchor: &str) -> Option<Bar> {
    let of = |one: &&aiv1_model::Comparison| {
        one.clip == first && one.anchor == anchor && one.metric == Metric::PsnrY
    };
    let bd_rate = champion.comparisons.iter().find(of)?.bd_rate.pchip?;
    Some(Bar { anchor: anchor.to_owned(), bd_rate_at_most: bd_rate + BAR_MARGIN })
}
