//! Whether a record has the points and anchors that its own question asks for: none left out because it did not please,
//! none made up.

use super::refuse;
use aiv1_model::{AnchorPoint, Digest, PhaseOutcome, Record, Settings, Status};
use aiv1_web::Problem;
use std::collections::BTreeSet;

/// Most steps of one anchor on one clip.
const MAX_STEPS: usize = 32;

pub(super) fn check(record: &Record) -> Result<(), Problem> {
    if record.status == Status::Successful {
        check_success(record)?;
    }
    check_parameters(record)?;
    check_points(record)?;
    check_anchors(record)
}

fn check_success(record: &Record) -> Result<(), Problem> {
    let codec = &record.codec;
    let fits = [
        ("codec.encoder", codec.encoder.is_some()),
        ("codec.decoder", codec.decoder.is_some()),
        ("codec.declaration", codec.declaration.is_some()),
        ("phases", record.phases.iter().all(|phase| phase.outcome == PhaseOutcome::Completed)),
    ];
    match fits.iter().find(|(_, fits)| !fits) {
        Some((field, _)) => refuse(format!("record.{field} is not that of an experiment that succeeded")),
        None => Ok(()),
    }
}

/// What was asked for, made whole with what the codec declares; a failed experiment may not have got so far.
fn check_parameters(record: &Record) -> Result<(), Problem> {
    let Record { asked, parameters, .. } = record;
    let resolved = record.codec.declaration.as_ref().and_then(|declaration| declaration.resolve(asked).ok());
    let untouched = record.status == Status::Failed && parameters == asked;
    if untouched || resolved.as_ref() == Some(parameters) {
        return Ok(());
    }
    refuse("record.parameters is not record.asked with the declared defaults".to_owned())
}

/// Every quality index on every clip, in order; a failed experiment may have stopped on the way.
fn check_points(record: &Record) -> Result<(), Problem> {
    let indices = &record.settings.quality_indices;
    let asked = record.clips.iter().flat_map(|clip| indices.iter().map(|index| (clip.id, *index)));
    let asked: Vec<(Digest, u8)> = asked.collect();
    let there = record.points.iter().map(|point| (point.clip, point.quality_index));
    let there: Vec<(Digest, u8)> = there.collect();
    if there != asked && (record.status == Status::Successful || !asked.starts_with(&there)) {
        let (points, clips) = (there.len(), record.clips.len());
        return refuse(format!(
            "record.points has {points} entries, but must have every index of {indices:?} on each of {clips} clips, in order"
        ));
    }
    for (index, point) in record.points.iter().enumerate() {
        let path = format!("streams/{}/q{:02}.aiv1", point.clip.abbreviated(), point.quality_index);
        if point.stream.path != path {
            let is = &point.stream.path;
            return refuse(format!("record.points[{index}].stream.path is {is:?}, but must be {path:?}"));
        }
    }
    Ok(())
}

/// Every anchor on every clip, in order, each with enough steps for a BD-rate.
fn check_anchors(record: &Record) -> Result<(), Problem> {
    let names = &record.settings.anchors;
    let asked = record.clips.iter().flat_map(|clip| names.iter().map(|name| (clip.id, name.as_str())));
    let asked: Vec<(Digest, &str)> = asked.collect();
    let runs: Vec<&[AnchorPoint]> =
        record.anchors.chunk_by(|one, next| subject(one) == subject(next)).collect();
    let there: Vec<(Digest, &str)> = runs.iter().map(|run| subject(&run[0])).collect();
    if there != asked && (record.status == Status::Successful || !asked.starts_with(&there)) {
        return refuse(format!("record.anchors must have each of {names:?} on every clip, in order"));
    }
    let steps = Settings::MIN_POINTS..=MAX_STEPS;
    if let Some(run) = runs.iter().find(|run| !steps.contains(&run.len())) {
        let (name, has, least) = (&run[0].encode.anchor, run.len(), Settings::MIN_POINTS);
        return refuse(format!(
            "record.anchors has {has} points of {name}, but must have {least} to {MAX_STEPS}"
        ));
    }
    let mut paths = BTreeSet::new();
    for (index, point) in record.anchors.iter().enumerate() {
        let start = format!("anchors/{}/{}-", point.clip.abbreviated(), point.encode.anchor);
        if !point.path.starts_with(&start) || !paths.insert(&point.path) {
            let path = &point.path;
            return refuse(format!(
                "record.anchors[{index}].path is {path:?}, but must begin with {start:?} and be named once"
            ));
        }
    }
    Ok(())
}

/// What an anchor's point is of.
fn subject(point: &AnchorPoint) -> (Digest, &str) {
    (point.clip, &point.encode.anchor)
}
