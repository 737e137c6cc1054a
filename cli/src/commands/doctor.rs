//! `aiv1 doctor`: what is installed, what is missing, and how to get it.

use super::{Context, OK, code, home};
use crate::exit;
use aiv1_confine::Support;
use aiv1_lab::{Error, machine};
use aiv1_video::Ffmpeg;
use serde_json::json;
use std::process::ExitCode;

/// One thing that was looked for.
struct Finding {
    what: &'static str,
    found: Result<String, String>,
}

/// Looks for everything; exit 3 if something is missing.
pub(crate) fn doctor(context: &Context) -> Result<ExitCode, Error> {
    let findings = findings();
    let missing = findings.iter().any(|finding| finding.found.is_err());
    let line = |finding: &Finding| match &finding.found {
        Ok(found) => format!("ok       {:<22} {found}", finding.what),
        Err(fix) => format!("MISSING  {:<22} {fix}", finding.what),
    };
    let mut lines: Vec<String> = findings.iter().map(line).collect();
    lines.push(if missing { "something is missing".into() } else { "everything is there".into() });
    let value: Vec<_> = findings
        .iter()
        .map(|Finding { what, found }| match found {
            Ok(found) => json!({ "what": what, "ok": true, "found": found }),
            Err(fix) => json!({ "what": what, "ok": false, "fix": fix }),
        })
        .collect();
    context.result(&value, &lines)?;
    Ok(if missing { code(exit::MACHINE) } else { OK })
}

fn findings() -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |what, found| findings.push(Finding { what, found });
    match Ffmpeg::find() {
        Ok(ffmpeg) => {
            add("ffmpeg", Ok(ffmpeg.version().to_owned()));
            for (what, encoder) in [
                ("anchor encoder x264", "libx264"),
                ("anchor encoder x265", "libx265"),
                ("anchor encoder SVT-AV1", "libsvtav1"),
            ] {
                add(what, encoder_there(&ffmpeg, encoder));
            }
        }
        Err(error) => add("ffmpeg", Err(aiv1_lab::chain(&error))),
    }
    match home() {
        Ok(home) => {
            add("caches", Ok(home.root().display().to_string()));
            let found = machine::find_toolchain(&home).map(|toolchain| toolchain.version);
            add("wasm-capable rustc", found.map_err(|error| aiv1_lab::chain(&error)));
        }
        Err(error) => add("caches", Err(aiv1_lab::chain(&error))),
    }
    add("Landlock", confinement());
    add("H.264 in assembly", assembly());
    findings
}

fn encoder_there(ffmpeg: &Ffmpeg, encoder: &str) -> Result<String, String> {
    let fix = format!("this ffmpeg has no {encoder}: install one that has, Debian's does");
    let output = ffmpeg.command().args(["-encoders"]).output().map_err(|error| error.to_string())?;
    let listed = String::from_utf8_lossy(&output.stdout)
        .lines()
        .any(|line| line.split_whitespace().nth(1) == Some(encoder));
    if listed { Ok(encoder.to_owned()) } else { Err(fix) }
}

fn confinement() -> Result<String, String> {
    let support = Support::probe();
    let abi = support.landlock_abi.map(|abi| format!("ABI {abi}")).unwrap_or_default();
    support
        .missing()
        .map_or(Ok(abi), |missing| Err(format!("codecs cannot be confined by this kernel: {missing}")))
}

fn assembly() -> Result<String, String> {
    if aiv1_playback::has_assembly() {
        Ok("openh264 was built with nasm".to_owned())
    } else {
        Err("previews take twice as long: install nasm and build again".to_owned())
    }
}
