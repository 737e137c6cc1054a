//! `aiv1 check`: is this a codec, and what does it declare?

use super::{Context, OK};
use crate::arguments::Check;
use crate::table::Table;
use aiv1_lab::{Error, machine};
use aiv1_model::{Limits, ParameterValue};
use std::process::ExitCode;

/// Polices, compiles and loads the source without running it on anything.
pub(crate) fn check(context: &Context, arguments: &Check) -> Result<ExitCode, Error> {
    let (name, source) = super::run::read_source(&arguments.codec)?;
    let declaration =
        aiv1_lab::declaration(&machine::lab(context.threads)?, &name, &source, &Limits::default())?;
    let mut table = Table::new(&["parameter", "default", "values", "help"]);
    for parameter in &declaration.parameters {
        let default: ParameterValue = parameter.kind.default_value();
        table.row(vec![
            parameter.name.clone(),
            default.to_string(),
            parameter.kind.bound(),
            parameter.help.clone(),
        ]);
    }
    let mut lines = vec![format!("{name}: {}", declaration.about)];
    lines.extend(table.lines());
    context.result(&declaration, &lines)?;
    Ok(OK)
}
