//! `aiv1 workers`: who works for a lab; and, through SSM Run Command, what one worker on EC2 says of itself.

use super::Context;
use super::operate::{self, OperateError};
use crate::arguments::{Look, Workers};
use crate::exit::printable;
use crate::store;
use crate::table::{Table, absent};
use aiv1_client::Client;
use aiv1_model::api::WorkerStatus;
use aiv1_store_aws::config::PARAMETERS;
use aiv1_store_aws::{Clients, Fleet, FleetError, Machine};
use serde::Serialize;
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
    let rows = runtime.block_on(async {
        let workers = list(arguments).await?;
        let machines = machines(arguments, &workers).await?;
        Ok::<_, OperateError>(
            workers.into_iter().map(Row::Worker).chain(machines.into_iter().map(Row::Machine)),
        )
    })?;
    let rows: Vec<Row> = rows.collect();
    Ok(context.result(&rows, &table(&rows))?)
}

/// A line of the list: a worker, or a machine of the lab on which none is known.
#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    Worker(WorkerStatus),
    Machine(Machine),
}

async fn list(arguments: &Workers) -> Result<Vec<WorkerStatus>, OperateError> {
    match &arguments.url {
        Some(url) => Ok(Client::new(url, None)?.workers().await?),
        None => Ok(store::open(arguments.data.as_deref()).await?.catalog.workers().await?),
    }
}

/// Machines that are registered with SSM for this lab, but have never claimed: one whose set-up failed, say.
async fn machines(arguments: &Workers, workers: &[WorkerStatus]) -> Result<Vec<Machine>, OperateError> {
    // A folder's lab is on one machine.
    if arguments.data.is_some() || prefix().is_empty() {
        return Ok(Vec::new());
    }
    let fleet = Fleet::new(&Clients::from_environment().await, &lab()?);
    let failed = |source: FleetError| {
        let what = "the machines of the lab cannot be listed".to_owned();
        OperateError::Aws { what, source: source.into() }
    };
    let mut machines = fleet.machines().await.map_err(failed)?;
    machines.retain(|machine| !workers.iter().any(|worker| is_on(worker, machine)));
    Ok(machines)
}

fn is_on(worker: &WorkerStatus, machine: &Machine) -> bool {
    worker.info.name == machine.instance
        || machine.host_name.is_some() && worker.info.machine == machine.host_name
}

fn table(rows: &[Row]) -> Vec<String> {
    if rows.is_empty() {
        return vec!["no worker was heard of in the last day".to_owned()];
    }
    let mut table = Table::new(&["worker", "version", "machine", "threads", "runs", "ended", "last seen"]);
    for row in rows {
        table.row(match row {
            Row::Worker(worker) => vec![
                printable(&worker.info.name),
                printable(&worker.info.version),
                absent(worker.info.machine.as_deref().map(printable)),
                worker.info.threads.to_string(),
                absent(worker.experiment.as_ref().map(ToString::to_string)),
                worker.ended.to_string(),
                format!("{:.0}", worker.last_seen),
            ],
            Row::Machine(machine) => vec![
                format!("none on {}", printable(&machine.instance)),
                absent(None),
                absent(machine.host_name.as_deref().map(printable)),
                absent(None),
                if machine.online { "online" } else { "offline" }.to_owned(),
                absent(None),
                absent(machine.seen.map(|seen| format!("{seen:.0}"))),
            ],
        });
    }
    table.lines()
}

/// What the worker's `/health` says, asked on its machine: workers take no connection from outside.
async fn ask(name: &str, port: u16) -> Result<Value, OperateError> {
    let failed = |source| match source {
        FleetError::NoMachine { lab, name } => OperateError::Configured {
            what: "--instance".to_owned(),
            value: format!("{name:?}"),
            bound: format!("the id or the host name of a machine of the lab {lab:?}"),
        },
        source => {
            let what = format!("the worker on {name} cannot be asked");
            OperateError::Aws { what, source: source.into() }
        }
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

fn prefix() -> String {
    std::env::var_os(PARAMETERS).unwrap_or_default().to_string_lossy().into_owned()
}

/// What the machines of this lab are tagged with: the last part of the prefix of its parameters.
fn lab() -> Result<String, OperateError> {
    match prefix().trim_end_matches('/').rsplit('/').next() {
        Some(lab) if !lab.is_empty() => Ok(lab.to_owned()),
        _ => Err(OperateError::Configured {
            what: PARAMETERS.to_owned(),
            value: "not set".to_owned(),
            bound: "the prefix of the lab's parameters, /aiv1/NAME: its machines are tagged with NAME"
                .to_owned(),
        }),
    }
}

/// One line a field.
fn lines(value: &Value) -> Vec<String> {
    let line = |(name, value): (&String, &Value)| match value {
        Value::Null => format!("{name}: {}", absent(None)),
        Value::String(text) => printable(&format!("{name}: {text}")),
        other => printable(&format!("{name}: {other}")),
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
        let worker = WorkerStatus { info, last_seen, experiment: None, ended: 12 };
        let lines = table(&[Row::Worker(worker)]);
        let cells: Vec<&str> = lines.last().unwrap().split_whitespace().collect();
        assert_eq!(cells, ["i-0123", "1.0", "[2J", "—", "4", "—", "12", "2026-11-21T12:00:00Z"]);
    }

    #[test]
    fn a_machine_without_a_worker_is_listed_and_one_that_a_worker_is_known_of_is_not() {
        let machine = |instance: &str, host_name: &str| Machine {
            instance: instance.to_owned(),
            host_name: Some(host_name.to_owned()),
            online: false,
            seen: None,
        };
        let info = WorkerInfo {
            name: "i-1".to_owned(),
            version: "1".to_owned(),
            machine: Some("two".to_owned()),
            threads: 4,
        };
        let last_seen = "2026-11-21T12:00:00Z".parse().unwrap();
        let worker = WorkerStatus { info, last_seen, experiment: None, ended: 0 };
        assert!(is_on(&worker, &machine("i-1", "one")) && is_on(&worker, &machine("i-2", "two")));
        assert!(!is_on(&worker, &machine("i-3", "three")));
        let lines = table(&[Row::Machine(machine("i-3", "three"))]);
        assert!(lines.last().unwrap().starts_with("none on i-3"), "{lines:?}");
    }

    #[test]
    fn what_is_nested_in_a_worker_s_health_steers_no_terminal_either() {
        let health = serde_json::json!({ "clips": { "a": "\u{9b}2J\u{202e}" } });
        assert_eq!(lines(&health), [r#"clips: {"a":" 2J "}"#]);
    }
}
