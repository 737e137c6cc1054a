//! Comparisons of one codec with anchors, clip by clip and over a set.

use crate::{bd_rate, point};
use aiv1_model::{AnchorPoint, Comparison, Digest, Metric, RatePoint, SetComparison, Spread};

/// Every clip × anchor × metric: clips as they first appear in `points` and then in `anchors`, anchors as they first
/// appear, metrics as in [`Metric::ALL`].
///
/// A clip that lacks points on one side is compared too, and refused for too few points: left out, the set's mean would
/// be one over the clips that went well.
#[must_use]
pub fn comparisons(points: &[RatePoint], anchors: &[AnchorPoint]) -> Vec<Comparison> {
    let clips =
        first_seen(points.iter().map(|point| point.clip).chain(anchors.iter().map(|point| point.clip)));
    let names = first_seen(anchors.iter().map(|point| point.encode.anchor.as_str()));
    let mut comparisons = Vec::with_capacity(clips.len() * names.len() * Metric::ALL.len());
    for &clip in &clips {
        for &anchor in &names {
            for metric in Metric::ALL {
                comparisons.push(compare(clip, anchor, metric, points, anchors));
            }
        }
    }
    comparisons
}

fn compare(
    clip: Digest,
    anchor: &str,
    metric: Metric,
    points: &[RatePoint],
    anchors: &[AnchorPoint],
) -> Comparison {
    let tested = points.iter().filter(|point| point.clip == clip);
    let tested: Vec<_> = tested.map(|tested| point(metric, tested.stream.bytes, &tested.quality)).collect();
    let anchored = anchors.iter().filter(|point| point.clip == clip && point.encode.anchor == anchor);
    let anchored: Vec<_> =
        anchored.map(|anchor| point(metric, anchor.stream_bytes, &anchor.quality)).collect();
    Comparison { clip, anchor: anchor.to_owned(), metric, bd_rate: bd_rate(&tested, &anchored) }
}

/// Sums comparisons up over their clips: one entry for each anchor × metric, in the order in which they first appear.
///
/// The spread is of the BD-rates by PCHIP, absent if any of them was refused.
#[must_use]
pub fn compare_set(comparisons: &[Comparison]) -> Vec<SetComparison> {
    let pairs =
        first_seen(comparisons.iter().map(|comparison| (comparison.anchor.as_str(), comparison.metric)));
    let summary = |(anchor, metric): (&str, Metric)| {
        let clips = comparisons.iter().filter(|one| one.anchor == anchor && one.metric == metric);
        let rates: Vec<Option<f64>> = clips.map(|one| one.bd_rate.pchip).collect();
        SetComparison {
            anchor: anchor.to_owned(),
            metric,
            bd_rate: rates.iter().copied().collect::<Option<Vec<_>>>().and_then(|rates| spread(&rates)),
            refused: rates.iter().filter(|rate| rate.is_none()).count(),
        }
    };
    pairs.into_iter().map(summary).collect()
}

/// Mean, median, least and greatest of `values`; `None` if there are none or one of them is not finite.
#[must_use]
pub fn spread(values: &[f64]) -> Option<Spread> {
    if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let clips = sorted.len();
    let (low, high) = (sorted[(clips - 1) / 2], sorted[clips / 2]);
    Some(Spread {
        mean: values.iter().map(|value| value / clips as f64).sum(),
        median: low / 2.0 + high / 2.0,
        min: sorted[0],
        max: sorted[clips - 1],
        clips,
    })
}

fn first_seen<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}
