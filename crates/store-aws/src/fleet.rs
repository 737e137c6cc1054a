//! The machines that workers run on, as SSM knows them: reached without an open port, through the agent's own connection.

use crate::Clients;
use crate::sdk::told;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::get_command_invocation::{GetCommandInvocationError, GetCommandInvocationOutput};
use aws_sdk_ssm::types::{CommandInvocationStatus, InstanceInformation, InstanceInformationStringFilter};
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// The tag of every machine of a lab; its value is the lab's name.
pub const LAB_TAG: &str = "aiv1:lab";
/// Most machines that are looked at.
pub const MAX_MACHINES: usize = 1000;
/// Machines of one answer: as many as SSM gives.
const PAGE: i32 = 50;
/// How long a command may wait for its machine's agent, in seconds: the least that SSM admits. Who asked waits for it, so
/// none is to run later.
const TAKEN_UP: i32 = 30;
/// How long a command may run on its machine, in seconds.
const RUNS: u32 = 30;
/// How often it is asked whether a command has ended, and how many times: a command that the agent took up ends by itself
/// after [`RUNS`], one that it never took up is given up by us.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOKS: u32 = 2 * RUNS;

const LIST: &str = "list the machines";

/// A machine of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Its id, `i-0123456789abcdef0`; the name of its worker as well.
    pub instance: String,
    /// The name it has itself.
    pub host_name: Option<String>,
    /// Whether its agent answers.
    pub online: bool,
    /// When its agent answered last.
    pub seen: Option<Timestamp>,
}

/// Why the fleet did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// No machine has this name.
    #[error("no machine of lab {lab:?} is called {name:?}, neither by its id nor by its host name")]
    NoMachine {
        /// The lab.
        lab: String,
        /// What was looked for.
        name: String,
    },
    /// The machine's agent does not answer.
    #[error("{instance} does not answer SSM; it was last seen {seen}")]
    Offline {
        /// Which.
        instance: String,
        /// When its agent answered last.
        seen: String,
    },
    /// A command did not end as it should.
    #[error("the command on {instance} is {status}: {said}")]
    Command {
        /// Where.
        instance: String,
        /// How it stands.
        status: String,
        /// What it wrote to standard error.
        said: String,
    },
    /// SSM did not do what was asked.
    #[error("SSM cannot {action}")]
    Request {
        /// What was asked.
        action: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The machines of one lab.
#[derive(Clone, Debug)]
pub struct Fleet {
    client: Client,
    lab: String,
}

impl Fleet {
    /// What a role needs to see the machines and run commands on them.
    pub const CALLS: [&str; 3] = ["DescribeInstanceInformation", "GetCommandInvocation", "SendCommand"];

    /// The machines whose [`LAB_TAG`] is `lab`; no request is made.
    #[must_use]
    pub fn new(clients: &Clients, lab: &str) -> Self {
        Self { client: clients.ssm(), lab: lab.to_owned() }
    }

    /// All machines that the agent runs on, by id.
    pub async fn machines(&self) -> Result<Vec<Machine>, FleetError> {
        let of_lab =
            InstanceInformationStringFilter::builder().key(format!("tag:{LAB_TAG}")).values(&self.lab);
        let ask = self.client.describe_instance_information().filters(of_lab.build().map_err(request(LIST))?);
        let mut found = ask.max_results(PAGE).into_paginator().items().send();
        let mut machines = Vec::new();
        while machines.len() < MAX_MACHINES
            && let Some(machine) = found.next().await
        {
            machines.extend(read(machine.map_err(|error| request(LIST)(told(&error)))?));
        }
        machines.sort_by(|a, b| a.instance.cmp(&b.instance));
        Ok(machines)
    }

    /// The machine with this id or host name, if it is online.
    pub async fn find(&self, name: &str) -> Result<Machine, FleetError> {
        let found = named(self.machines().await?, name);
        let machine =
            found.ok_or_else(|| FleetError::NoMachine { lab: self.lab.clone(), name: name.to_owned() })?;
        if machine.online {
            return Ok(machine);
        }
        let seen = machine.seen.map_or_else(|| "never".to_owned(), |seen| format!("{seen:.0}"));
        Err(FleetError::Offline { instance: machine.instance, seen })
    }

    /// Runs a shell command on a machine; what it wrote to standard output, of which SSM keeps the first 24,000 characters.
    pub async fn run(&self, instance: &str, command: &str) -> Result<String, FleetError> {
        let send = self.client.send_command().document_name("AWS-RunShellScript").instance_ids(instance);
        let send = send.parameters("commands", vec![command.to_owned()]);
        let send = send.parameters("executionTimeout", vec![RUNS.to_string()]);
        let send = send.timeout_seconds(TAKEN_UP);
        let sent = send.send().await.map_err(|error| request("send a command")(told(&error)))?;
        let id = sent.command.and_then(|command| command.command_id);
        let id = id.ok_or_else(|| request("send a command")("it was given no id"))?;
        let mut status = "not taken up".to_owned();
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK_EVERY).await;
            let look = self.client.get_command_invocation().command_id(&id).instance_id(instance);
            let ended = match look.send().await {
                Ok(answer) => answer,
                // Nobody has heard of it yet.
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(GetCommandInvocationError::is_invocation_does_not_exist) =>
                {
                    continue;
                }
                Err(error) => return Err(request("look at a command")(told(&error))),
            };
            status = ended.status.as_ref().map_or_else(String::new, |status| status.as_str().to_owned());
            match &ended.status {
                Some(CommandInvocationStatus::Success) => {
                    return Ok(ended.standard_output_content.unwrap_or_default());
                }
                Some(
                    CommandInvocationStatus::Pending
                    | CommandInvocationStatus::InProgress
                    | CommandInvocationStatus::Delayed,
                ) => {}
                _ => return Err(failed(instance, status, &ended)),
            }
        }
        let waited = LOOK_EVERY * LOOKS;
        Err(FleetError::Command {
            instance: instance.to_owned(),
            status,
            said: format!("given up after {waited:?}"),
        })
    }
}

/// The machine of this id; or else of this host name, which a machine that is gone may have had before.
fn named(machines: Vec<Machine>, name: &str) -> Option<Machine> {
    let is_it = |machine: &Machine| machine.instance == name || machine.host_name.as_deref() == Some(name);
    let found = machines.into_iter().filter(is_it);
    found.max_by_key(|machine| (machine.instance == name, machine.online, machine.seen))
}

fn read(information: InstanceInformation) -> Option<Machine> {
    let seen = information.last_ping_date_time.and_then(|at| Timestamp::new(at.secs(), 0).ok());
    Some(Machine {
        online: information.ping_status.is_some_and(|status| status.as_str() == "Online"),
        instance: information.instance_id?,
        host_name: information.computer_name,
        seen,
    })
}

fn failed(instance: &str, status: String, ended: &GetCommandInvocationOutput) -> FleetError {
    let said = ended.standard_error_content.as_deref().unwrap_or_default().trim().to_owned();
    FleetError::Command { instance: instance.to_owned(), status, said }
}

fn request<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    action: &'static str,
) -> impl FnOnce(E) -> FleetError {
    move |source| FleetError::Request { action, source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_goes_before_a_host_name_and_a_machine_that_answers_before_one_that_does_not() {
        let machine = |instance: &str, host_name: &str, online| Machine {
            instance: instance.to_owned(),
            host_name: Some(host_name.to_owned()),
            online,
            seen: None,
        };
        let machines = vec![
            machine("i-1", "i-3", true),
            machine("i-2", "host", true),
            machine("i-3", "host", false),
            machine("i-4", "host", false),
        ];
        let found = |name| named(machines.clone(), name).map(|machine| machine.instance);
        assert_eq!(found("i-3").as_deref(), Some("i-3"));
        assert_eq!(found("host").as_deref(), Some("i-2"));
        assert_eq!(found("other"), None);
    }
}
