//! Comparing experiments with each other and with the anchors, at equal quality.

use crate::answers::{Certified, CompareAnswer, Compared, Pair};
use crate::experiments::{FRESH, address};
use aiv1_model::{AnchorPoint, Digest, ExperimentId, Metric, RatePoint, Record, Retraction};
use aiv1_store::Error as StoreError;
use aiv1_web::{Answers, Problem, Query, Services};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;
use std::ops::RangeInclusive;

/// How many experiments are compared at once.
const HOW_MANY: RangeInclusive<usize> = 2..=8;

/// What is compared.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareQuery {
    /// Ids of 2 to 8 experiments, separated by commas.
    ids: String,
    /// Which quality is held equal; luma PSNR when absent.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    metric: Option<Metric>,
    /// Only clips of this set; all that were measured when absent.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    set: Option<String>,
    /// Only this anchor; all when absent.
    #[serde(default, deserialize_with = "aiv1_web::blank_is_absent")]
    anchor: Option<String>,
}

pub(crate) async fn get(
    State(services): State<Services>,
    Query(query): Query<CompareQuery>,
    Extension(answers): Extension<Answers>,
    uri: Uri,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let ids = ids(&query.ids)?;
    let compared = async {
        let (mut records, retractions) = records(&services, &ids).await?;
        narrow(&services, &query, &mut records).await?;
        Ok(compare(query.metric.unwrap_or(Metric::PsnrY), &records, retractions))
    };
    answers.json(&request, address(&uri), FRESH, compared).await
}

fn ids(text: &str) -> Result<Vec<ExperimentId>, Problem> {
    let ids = text.split(',').take(HOW_MANY.end() + 1).map(|id| ExperimentId::try_from(id.trim().to_owned()));
    let ids: Vec<ExperimentId> =
        ids.collect::<Result<_, _>>().map_err(|error| Problem::Invalid(format!("ids: {error}")))?;
    if !HOW_MANY.contains(&ids.len()) {
        let (least, most) = (HOW_MANY.start(), HOW_MANY.end());
        return Err(Problem::Invalid(format!(
            "ids names {} experiments, but must name {least} to {most}",
            ids.len()
        )));
    }
    match (1..ids.len()).find(|index| ids[..*index].contains(&ids[*index])) {
        Some(index) => Err(Problem::Invalid(format!("ids names {} twice", ids[index]))),
        None => Ok(ids),
    }
}

async fn records(
    services: &Services,
    ids: &[ExperimentId],
) -> Result<(Vec<Record>, Vec<Option<Retraction>>), Problem> {
    let (mut records, mut retractions) = (Vec::new(), Vec::new());
    for id in ids {
        let experiment =
            services.catalog.experiment(id).await?.ok_or_else(|| StoreError::NoExperiment(id.clone()))?;
        let record = services.catalog.record(id).await?.ok_or_else(|| {
            Problem::Conflict(format!("{id} cannot be compared: nothing of it is published"))
        })?;
        records.push(record);
        retractions.push(experiment.retraction);
    }
    Ok((records, retractions))
}

/// Leaves only the clips of the set and the anchor that were asked for.
async fn narrow(services: &Services, query: &CompareQuery, records: &mut [Record]) -> Result<(), Problem> {
    if let Some(set) = &query.set {
        let clips = services.catalog.clips().await?;
        let clips: Vec<Digest> =
            clips.iter().filter(|clip| clip.set == *set).map(|clip| clip.info.id).collect();
        if clips.is_empty() {
            return Err(Problem::NotFound(format!("there is no clip set {set:?}")));
        }
        for record in &mut *records {
            record.points.retain(|point| clips.contains(&point.clip));
            record.anchors.retain(|point| clips.contains(&point.clip));
            record.comparisons.retain(|comparison| clips.contains(&comparison.clip));
            record.set = aiv1_quality::compare_set(&record.comparisons);
        }
    }
    if let Some(anchor) = &query.anchor {
        if !records.iter().flat_map(|record| &record.anchors).any(|point| point.encode.anchor == *anchor) {
            return Err(Problem::NotFound(format!(
                "none of them was measured against the anchor {anchor:?}"
            )));
        }
        for record in records {
            record.anchors.retain(|point| point.encode.anchor == *anchor);
            record.comparisons.retain(|comparison| comparison.anchor == *anchor);
            record.set.retain(|comparison| comparison.anchor == *anchor);
        }
    }
    Ok(())
}

/// Compares what records say; savings against anchors are the records' own.
fn compare(metric: Metric, records: &[Record], retractions: Vec<Option<Retraction>>) -> CompareAnswer {
    let mut anchors: Vec<AnchorPoint> = Vec::new();
    for point in records.iter().flat_map(|record| &record.anchors) {
        let same = |known: &AnchorPoint| {
            known.clip == point.clip
                && known.encode.anchor == point.encode.anchor
                && known.stream_sha256 == point.stream_sha256
        };
        if !anchors.iter().any(same) {
            anchors.push(point.clone());
        }
    }
    let others = |index: usize| (0..records.len()).filter(move |other| *other != index);
    let pairs = (0..records.len()).flat_map(|test| others(test).map(move |reference| (test, reference)));
    let experiments = records.iter().zip(retractions);
    CompareAnswer {
        metric,
        experiments: experiments.map(|(record, retraction)| compared(metric, record, retraction)).collect(),
        anchors,
        pairs: pairs.map(|(test, reference)| pair(metric, &records[test], &records[reference])).collect(),
    }
}

fn compared(metric: Metric, record: &Record, retraction: Option<Retraction>) -> Compared {
    Compared {
        id: record.id.clone(),
        codec: record.codec.name.clone(),
        retraction,
        points: record.points.clone(),
        comparisons: record.comparisons.iter().filter(|one| one.metric == metric).cloned().collect(),
        set: record.set.iter().filter(|one| one.metric == metric).cloned().collect(),
    }
}

fn pair(metric: Metric, test: &Record, reference: &Record) -> Pair {
    let curve = |record: &Record, clip: Digest| -> Vec<aiv1_quality::Point> {
        let points = record.points.iter().filter(|point| point.clip == clip);
        points
            .map(|point: &RatePoint| aiv1_quality::point(metric, point.stream.bytes, &point.quality))
            .collect()
    };
    let has = |record: &Record, clip: Digest| record.points.iter().any(|point| point.clip == clip);
    let clips = test.clips.iter().map(|clip| clip.id);
    let shared = clips.filter(|clip| has(test, *clip) && has(reference, *clip));
    let clips: Vec<Certified> = shared
        .map(|clip| Certified {
            clip,
            bd_rate: aiv1_quality::bd_rate(&curve(test, clip), &curve(reference, clip)),
        })
        .collect();
    let rates: Option<Vec<f64>> = clips.iter().map(|one| one.bd_rate.pchip).collect();
    let bd_rate = rates.and_then(|rates| aiv1_quality::spread(&rates));
    Pair { test: test.id.clone(), reference: reference.id.clone(), clips, bd_rate }
}
