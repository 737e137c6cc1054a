//! `aiv1 verify`: every figure of a bundle, derived again.

use super::{Context, OK, code};
use crate::arguments::Verify;
use crate::exit;
use crate::remote::{self, Fetched};
use aiv1_lab::{Bundle, Error, Home, Verdict, Verifier, VerifyOptions, machine};
use aiv1_video::Ffmpeg;
use aiv1_worker::FetchError;
use serde_json::json;
use std::process::ExitCode;

/// Exit 0, or the fields that differ.
pub(crate) fn verify(context: &Context, arguments: &Verify) -> Result<ExitCode, FetchError> {
    let lab = machine::lab(context.threads);
    if arguments.encode
        && let Err(error) = lab
    {
        return Err(error.into());
    }
    let home = Home::from_environment().map_err(Error::from)?;
    let progress = context.progress();
    let given = arguments.bundle.to_string_lossy();
    // Held until the end: what was fetched goes with it.
    let fetched = if remote::is_address(&given) {
        match remote::fetch(&given, &home, &|line| progress.say(line)) {
            Err(FetchError::Lab(error @ Error::Bundle { .. })) => {
                drop(progress);
                exit::report(&error);
                return Ok(code(exit::FAILED));
            }
            fetched => Some(fetched?),
        }
    } else {
        None
    };
    let path = fetched.as_ref().map_or_else(|| arguments.bundle.clone(), Fetched::path);
    let bundle = match Bundle::open(&path, &home) {
        Err(error @ Error::Bundle { .. }) => {
            drop(progress);
            exit::report(&error);
            return Ok(code(exit::FAILED));
        }
        other => other?,
    };
    let options = VerifyOptions { clips: arguments.clips.clone(), encode: arguments.encode };
    let verdict = if let Ok(lab) = &lab {
        lab.verify(&bundle, &options, &progress)?
    } else {
        // With what there is: nothing but this program is enough to decode what was stored.
        let (compiler, threads) = (machine::module_compiler(&home).map_err(Error::from)?, context.threads);
        let (ffmpeg, builder) = (Ffmpeg::find().ok(), machine::builder(&home).ok());
        let (ffmpeg, builder) = (ffmpeg.as_ref(), builder.as_ref());
        let verifier = Verifier { home: &home, compiler: &compiler, threads, ffmpeg, builder, lab: None };
        verifier.verify(&bundle, &options, &progress)?
    };
    drop(progress);
    let id = &bundle.record().id;
    let Verdict { differences, unchecked, streams, measured, rebuilt, encoded } = &verdict;
    let mut lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
    lines.extend(unchecked.iter().map(|what| format!("not checked: {what}")));
    let files = bundle.manifest().files.len();
    let modules = if *rebuilt { ", modules compiled again" } else { "" };
    lines.push(format!("{id}: {files} files whole, {streams} streams decoded, {measured} measured, {encoded} encoded again{modules}"));
    lines.push(match (differences.len(), unchecked.len()) {
        (0, 0) => "verified: every figure came out again".to_owned(),
        (0, _) => "nothing differs, but not everything could be checked".to_owned(),
        (count, _) => format!("NOT verified: {count} fields differ"),
    });
    let differing: Vec<_> = differences
        .iter()
        .map(|one| json!({ "field": one.field, "recorded": one.recorded, "derived": one.derived }))
        .collect();
    let value = json!({ "id": id, "files": files, "streams": streams, "measured": measured, "rebuilt": rebuilt, "encoded": encoded,
        "differences": differing, "unchecked": unchecked });
    context.result(&value, &lines)?;
    match (differences.is_empty(), unchecked.is_empty()) {
        (true, true) => Ok(OK),
        (true, false) => Ok(code(exit::INCOMPLETE)),
        _ => Ok(code(exit::FAILED)),
    }
}
