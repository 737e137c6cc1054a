//! `aiv1 run`: codecs on clips, a bundle each, and the table.

use super::{Context, OK, anchor_names, code, open_clips};
use crate::arguments::Run;
use crate::exit;
use crate::progress::Progress;
use aiv1_lab::machine;
use aiv1_lab::{Error, Lab, Published, Request, policy};
use aiv1_model::{Limits, Parameters, Record, Settings, Status};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Frames of a GOP unless another number is asked for.
const GOP_FRAMES: u64 = 64;

/// Runs every codec; the first that fails does not keep the others from running.
pub(crate) fn run(context: &Context, arguments: &Run) -> Result<ExitCode, Error> {
    let sources = arguments.codecs.iter().map(|path| read_source(path)).collect::<Result<Vec<_>, _>>()?;
    refuse_twins(&arguments.codecs, &sources)?;
    let anchors = anchor_names(arguments.clips.anchors.as_deref())?;
    let lab = machine::lab(context.threads)?;
    let progress = context.progress();
    let given = &arguments.clips;
    let clips = open_clips(&lab.ffmpeg, &given.clips, &given.options, &progress)?;
    let limits = Limits::default();
    let gop_frames = arguments
        .gop
        .unwrap_or_else(|| fitting_gop(clips.iter().map(|clip| clip.info.format.frame_bytes()), &limits));
    let settings = Settings { gop_frames, quality_indices: arguments.quality.clone(), anchors, limits };
    let request = |(name, source)| Request {
        name,
        source,
        parameters: arguments.parameters.iter().cloned().collect::<Parameters>(),
        clips: &clips,
        settings: settings.clone(),
        results: arguments.out.clone(),
        again: arguments.again,
        submitted: false,
        bar: None,
        duplicate_of: Vec::new(),
    };
    let requests: Vec<Request<'_>> = sources.into_iter().map(request).collect();
    requests.iter().try_for_each(Request::check)?;
    let mut published = Vec::new();
    let ended = requests.iter().try_for_each(|request| {
        published.push(run_one(&lab, request, &progress)?);
        Ok(())
    });
    drop(progress);
    // What was published before the lab gave way is shown all the same; then why it did.
    let shown = if published.is_empty() { Ok(()) } else { show(context, &published) };
    ended.and(shown)?;
    if published.iter().all(|one| one.record.status == Status::Successful) {
        Ok(OK)
    } else {
        Ok(code(exit::FAILED))
    }
}

fn show(context: &Context, published: &[Published]) -> Result<(), Error> {
    let records: Vec<&Record> = published.iter().map(|one| &one.record).collect();
    let mut lines = crate::commands::compare::table(&records);
    lines.push(String::new());
    for Published { record, path, .. } in published {
        lines.push(format!("{:<12} {}", record.codec.name, path.display()));
    }
    context.result(&published.iter().map(summary).collect::<Vec<_>>(), &lines)
}

/// Refuses the same codec given twice: the same question would be asked twice.
fn refuse_twins(paths: &[PathBuf], sources: &[(String, String)]) -> Result<(), Error> {
    for (index, source) in sources.iter().enumerate() {
        if let Some(other) = sources[..index].iter().position(|other| other == source) {
            let (one, two) = (paths[other].display(), paths[index].display());
            let value = format!("{one} and again {two}: both are {} with the same source", source.0);
            return Err(Error::Request { what: "codec", value, bound: "given once".to_owned() });
        }
    }
    Ok(())
}

fn run_one(lab: &Lab, request: &Request<'_>, progress: &Progress) -> Result<Published, Error> {
    progress.say(&format!("codec {}", request.name));
    let published = lab.run(request, progress)?;
    let record = &published.record;
    match &record.failure {
        _ if published.reused => {
            progress.say("  this question was answered before; --again runs it once more");
        }
        None => progress.say(&format!("  successful: {}", record.id)),
        Some(failure) => {
            let aiv1_model::Failure { fault, phase, kind, message, .. } = failure;
            progress.tell(&format!(
                "  failed in {phase}{} by the {fault}'s fault ({kind}): {}",
                exit::printable(&place(record)),
                exit::printable(message)
            ));
            let aiv1_model::Diagnosis { category, severity, suggestion } = failure.into();
            progress.tell(&format!("  {category}, {severity}: {suggestion}"));
            for line in exit::evidence(failure) {
                progress.tell(&line);
            }
        }
    }
    Ok(published)
}

/// On which clip and at which quality index an experiment failed, where that is known.
fn place(record: &Record) -> String {
    let Some(failure) = &record.failure else { return String::new() };
    let clip = failure.clip.and_then(|id| record.clips.iter().find(|clip| clip.id == id));
    let clip = clip.map_or_else(String::new, |clip| format!(" on {}", clip.name));
    failure.quality_index.map_or(clip.clone(), |index| format!("{clip} at quality index {index}"))
}

fn summary(published: &Published) -> serde_json::Value {
    serde_json::json!({ "bundle": published.path.display().to_string(), "reused": published.reused, "record": published.record })
}

pub(super) fn read_source(path: &Path) -> Result<(String, String), Error> {
    let source = super::read_bounded(path, "codec source", policy::MAX_BYTES as u64)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let source = String::from_utf8(source).map_err(|error| Error::Request {
        what: "codec source",
        value: format!(
            "{} with a byte that is not UTF-8 at {}",
            path.display(),
            error.utf8_error().valid_up_to()
        ),
        bound: "Rust source text".to_owned(),
    })?;
    Ok((name, source))
}

/// Frames of a GOP that fit for frames of these sizes.
pub(super) fn fitting_gop(frame_bytes: impl Iterator<Item = u64>, limits: &Limits) -> u32 {
    let largest = frame_bytes.max().unwrap_or(1);
    GOP_FRAMES.min(limits.gop_bytes / largest).max(1) as u32
}
