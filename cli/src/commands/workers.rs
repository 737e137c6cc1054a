//! `aiv1 workers`: who works for a lab; and, through SSM Run Command, what one worker on EC2 says of itself.

use super::Context;
use super::operate::{self, OperateError, printable};
use crate::arguments::{Look, Workers};
use crate::store;
use crate::table::{Table, absent};
use aiv1_client::Client;
use aiv1_model::api::WorkerStatus;
use aiv1_store_aws::config::PARAMETERS;
use aiv1_store_aws::{Clients, Fleet, FleetError};
use serde_json::Value;

/// Lists the workers of a lab, or asks one.
pub(crate) fn workers(context: &Context, arguments: &Workers) -> Result<(), OperateError> {
    let runtime = operate::runtime()?;
    if let (Some(instance), Some(look)) = (&arguments.instance, arguments.look) {
        let said = runtime.block_on(ask(instance, arguments.port))?;
        let part = match look {
            Look::Health => said,
            Look::Cache => said["clips"].clone(),
        };
        return Ok(context.result(&part, &lines(&part))?);
    }
    let workers = runtime.block_on(list(arguments))?;
    Ok(context.result(&workers, &table(&workers))?)
}

async fn list(arguments: &Workers) -> Result<Vec<WorkerStatus>, OperateError> {
    match &arguments.url {
        Some(url) => Ok(Client::new(url, None)?.workers().await?),
        None => Ok(store::open(arguments.data.as_deref()).await?.catalog.workers().await?),
    }
}

fn table(workers: &[WorkerStatus]) -> Vec<String> {
    if workers.is_empty() {
        return vec!["no worker was heard of in the last day".to_owned()];
    }
    let mut table = Table::new(&["worker", "version", "machine", "threads", "runs", "ended", "last seen"]);
    for worker in workers {
        table.row(vec![
            printable(&worker.info.name),
            printable(&worker.info.version),
            absent(worker.info.machine.as_deref().map(printable)),
            worker.info.threads.to_string(),
            absent(worker.experiment.as_ref().map(ToString::to_string)),
            worker.ended.to_string(),
            format!("{:.0}", worker.last_seen),
        ]);
    }
    table.lines()
}

/// What the worker's `/health` says, asked on its machine: workers take no connection from outside.
async fn ask(name: &str, port: u16) -> Result<Value, OperateError> {
    let failed = |source: FleetError| {
        let what = format!("the worker on {} cannot be asked", printable(name));
        OperateError::Aws { what, source: source.into() }
    };
    let fleet = Fleet::new(&Clients::from_environment().await, &lab()?);
    let machine = fleet.find(name).await.map_err(failed)?;
    let command = format!("curl --silent --show-error --fail --max-time 10 http://127.0.0.1:{port}/health");
    let said = fleet.run(&machine.instance, &command).await.map_err(failed)?;
    let damaged = |source: serde_json::Error| {
        let what = format!("what the worker on {} said is no health", machine.instance);
        OperateError::Aws { what, source: source.into() }
    };
    serde_json::from_str(&said).map_err(damaged)
}

/// What the machines of this lab are tagged with: the last part of the prefix of its parameters.
fn lab() -> Result<String, OperateError> {
    let prefix = std::env::var_os(PARAMETERS).unwrap_or_default().to_string_lossy().into_owned();
    match prefix.trim_end_matches('/').rsplit('/').next() {
        Some(lab) if !lab.is_empty() => Ok(lab.to_owned()),
        _ => Err(OperateError::Configured {
            what: PARAMETERS.to_owned(),
            value: "not set".to_owned(),
            bound: "the prefix of the lab's parameters, /aiv1/NAME: its machines are tagged with NAME",
        }),
    }
}

/// One line a field.
fn lines(value: &Value) -> Vec<String> {
    let line = |(name, value): (&String, &Value)| match value {
        Value::Null => format!("{name}: {}", absent(None)),
        Value::String(text) => format!("{name}: {}", printable(text)),
        other => format!("{name}: {other}"),
    };
    value.as_object().map_or_else(|| vec![absent(None)], |fields| fields.iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::api::WorkerInfo;

    #[test]
    fn a_worker_is_one_line_and_steers_no_terminal() {
        let info = WorkerInfo {
            name: "i-0123".to_owned(),
            version: "1.0\u{1b}[2J".to_owned(),
            machine: None,
            threads: 4,
        };
        let last_seen = "2026-11-21T12:00:00.25Z".parse().unwrap();
        let lines = table(&[WorkerStatus { info, last_seen, experiment: None, ended: 12 }]);
        let cells: Vec<&str> = lines.last().unwrap().split_whitespace().collect();
        assert_eq!(cells, ["i-0123", "1.0", "[2J", "—", "4", "—", "12", "2026-11-21T12:00:00Z"]);
    }
}
