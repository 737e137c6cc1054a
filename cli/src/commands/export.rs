//! `aiv1 export`: a bundle as one file.

use super::{Context, OK, home};
use crate::arguments::Export;
use aiv1_lab::{Bundle, Error};
use std::process::ExitCode;

/// Checks the bundle and packs it.
pub(crate) fn export(context: &Context, arguments: &Export) -> Result<ExitCode, Error> {
    super::check_output(&arguments.out)?;
    let bundle = Bundle::open(&arguments.bundle, &home()?)?;
    bundle.export(&arguments.out)?;
    let bytes = std::fs::metadata(&arguments.out).map_err(Error::file("read", &arguments.out))?.len();
    let value = serde_json::json!({ "file": arguments.out.display().to_string(), "bytes": bytes });
    context.result(&value, &[format!("{}: {bytes} bytes", arguments.out.display())])?;
    Ok(OK)
}
