//! `aiv1 new-codec`: a small codec that works, to begin from.

use super::{Context, OK};
use crate::arguments::NewCodec;
use aiv1_lab::Error;
use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;

const TEMPLATE: &str = include_str!("../../../codecs/template.rs");

/// Writes NAME.rs, never over a file that is there.
pub(crate) fn new_codec(context: &Context, arguments: &NewCodec) -> Result<ExitCode, Error> {
    let name = &arguments.name;
    let mut bytes = name.bytes();
    let well_formed = name.len() <= 40
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !well_formed {
        let bound = "[a-z][a-z0-9_]* of at most 40 bytes".to_owned();
        return Err(Error::Request { what: "codec name", value: format!("{name:?}"), bound });
    }
    let path = arguments.folder.join(format!("{name}.rs"));
    let write = || {
        File::create_new(&path)?.write_all(TEMPLATE.replace("`template`", &format!("`{name}`")).as_bytes())
    };
    write().map_err(Error::file("create", &path))?;
    let lines = [
        format!("{} is a codec that works: change it, then", path.display()),
        format!("  aiv1 check {}", path.display()),
        format!("  aiv1 run {} --clip VIDEO", path.display()),
        "docs/CODEC-ABI.md says what a codec is given and may do.".to_owned(),
    ];
    context.result(&serde_json::json!({ "file": path.display().to_string() }), &lines)?;
    Ok(OK)
}
