//! `aiv1 pause`, `resume`, `stop`, `cancel`, `rerun`, `resolve`, `retract`, `purge` and `journal`: a lab is told over HTTP,
//! with its token, wherever it runs.

use super::Context;
use super::operate::{self, OperateError};
use super::up::TokenFile;
use crate::arguments::{Journal, OnExperiment, Purge, Saying, Told};
use crate::exit::printable;
use crate::table::{Table, absent};
use aiv1_client::{Client, Course, Order};
use aiv1_model::{Event, JournalEntry, Note};
use aiv1_store::{JournalPage, LoopState};
use aiv1_worker::config::{TOKEN, URL};

/// Steers the loop.
pub(crate) fn steer(context: &Context, told: &Told, course: Course) -> Result<(), OperateError> {
    let client = client(told, true)?;
    let state: LoopState = operate::runtime()?.block_on(client.steer(course))?;
    let line = match course {
        Course::Stop => "every loop that runs ends; what is queued is still measured",
        Course::Pause | Course::Resume if state.paused => "the loop is paused",
        Course::Pause | Course::Resume => "the loop goes on",
    };
    Ok(context.result(&state, &[line.to_owned()])?)
}

/// Does something to an experiment of which nothing is to be said.
pub(crate) fn order(context: &Context, on: &OnExperiment, order: &Order) -> Result<(), OperateError> {
    let client = client(&on.lab, true)?;
    let after = operate::runtime()?.block_on(client.order(&on.experiment, order))?;
    let state = match (&after.purged_at, &after.retraction) {
        (Some(_), _) => "purged",
        (None, Some(_)) => "retracted",
        (None, None) => after.status.as_str(),
    };
    Ok(context.result(&after, &[format!("{} is {state} now", after.id)])?)
}

/// Says that a person has seen to an experiment.
pub(crate) fn resolve(context: &Context, saying: &Saying) -> Result<(), OperateError> {
    order(context, &saying.on, &Order::Resolve { note: saying.text.clone() })
}

/// Takes a result back.
pub(crate) fn retract(context: &Context, saying: &Saying) -> Result<(), OperateError> {
    order(context, &saying.on, &Order::Retract { reason: saying.text.clone() })
}

/// Removes for good what came of an experiment.
pub(crate) fn purge(context: &Context, purge: &Purge) -> Result<(), OperateError> {
    let Saying { on, text } = &purge.saying;
    if !purge.yes {
        return Err(OperateError::Configured {
            what: "--yes".to_owned(),
            value: "not given".to_owned(),
            bound: format!("given: what came of {} is removed for good", on.experiment),
        });
    }
    order(context, on, &Order::Purge { reason: text.clone() })
}

/// Prints the journal, latest line first.
pub(crate) fn journal(context: &Context, arguments: &Journal) -> Result<(), OperateError> {
    let client = client(&arguments.lab, false)?;
    let page: JournalPage =
        operate::runtime()?.block_on(client.journal(arguments.cursor.as_deref(), arguments.lines))?;
    let mut lines = table(&page.entries);
    lines.extend(page.next.as_deref().map(|next| format!("more: --cursor {}", printable(next))));
    Ok(context.result(&page, &lines)?)
}

fn table(entries: &[JournalEntry]) -> Vec<String> {
    if entries.is_empty() {
        return vec!["nothing was done yet".to_owned()];
    }
    let mut table = Table::new(&["line", "at", "by", "what", "experiment", "said"]);
    for entry in entries {
        table.row(vec![
            entry.number.to_string(),
            format!("{:.0}", entry.at),
            printable(&entry.by),
            what(&entry.event),
            match &entry.event {
                Event::Action { experiment, .. } => experiment.to_string(),
                Event::Note(_) => absent(None),
            },
            absent(said(&entry.event).map(|text| printable(&text))),
        ]);
    }
    table.lines()
}

/// The event's name, as the API writes it.
fn what(event: &Event) -> String {
    let written = serde_json::to_value(event).unwrap_or_default();
    written["event"].as_str().unwrap_or_default().to_owned()
}

fn said(event: &Event) -> Option<String> {
    match event {
        Event::Action { action, .. } => action.text().filter(|text| !text.is_empty()).map(str::to_owned),
        Event::Note(Note::ModelCalled { outcome, cost, .. }) => {
            let price = absent(cost.microdollars.map(|price| format!("${:.6}", price as f64 / 1e6)));
            Some(format!("{outcome} ({}, {price})", cost.model))
        }
        Event::Note(_) => None,
    }
}

/// A client of the lab that is told.
fn client(told: &Told, with_token: bool) -> Result<Client, OperateError> {
    let url = told.url.clone().or_else(|| operate::variable(URL));
    let url = url.ok_or_else(|| OperateError::Configured {
        what: "--url".to_owned(),
        value: "not given".to_owned(),
        bound: format!("the address of a lab, here or by {URL}"),
    })?;
    let token = if with_token { Some(token(told)?) } else { None };
    Ok(Client::new(&url, token.as_deref())?)
}

/// The token of the scope that administers: out of the lab's folder, or as the environment has it. No argument has it, as
/// arguments can be read by everyone on the machine.
fn token(told: &Told) -> Result<String, OperateError> {
    let Some(folder) = &told.data else {
        return operate::variable(TOKEN).ok_or_else(|| OperateError::Configured {
            what: TOKEN.to_owned(),
            value: "not set".to_owned(),
            bound: "a token of the scope admin; or --data must be given, the lab's folder, which has one"
                .to_owned(),
        });
    };
    let tokens = TokenFile::read(folder)?.map(|tokens| tokens.admin).unwrap_or_default();
    let token = aiv1_model::api::tokens(&tokens).next().map(str::to_owned);
    token.ok_or_else(|| OperateError::Configured {
        what: "--data".to_owned(),
        value: folder.display().to_string(),
        bound: "the folder of a lab, which has its tokens".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::{Action, DesignCost, Digest, ExperimentId};

    #[test]
    fn a_line_of_the_journal_is_one_line_and_steers_no_terminal() {
        let experiment = ExperimentId::of(&Digest::of(b"question"));
        let cost = DesignCost {
            model: "some\u{1b}-model".to_owned(),
            replies: 1,
            input_tokens: 1,
            output_tokens: 1,
            microdollars: Some(3_750),
        };
        let events = [
            Event::Action { experiment: experiment.clone(), action: Action::Cancelled },
            Event::Action { experiment, action: Action::Retracted { reason: "a\u{1b}[2J\nb".to_owned() } },
            Event::Note(Note::Paused),
            Event::Note(Note::ModelCalled {
                outcome: "proposed".to_owned(),
                cost,
                at_most_microdollars: None,
            }),
        ];
        let entry = |(number, event)| JournalEntry {
            number,
            at: "2026-11-21T12:00:00Z".parse().unwrap(),
            by: "operator\u{202e}".to_owned(),
            event,
        };
        let entries: Vec<_> = (1..).zip(events).map(entry).collect();
        let lines = table(&entries);
        assert_eq!(lines.len(), 2 + entries.len());
        let last: Vec<&str> = lines.iter().map(|line| line.split_whitespace().last().unwrap()).collect();
        assert_eq!(last[2..], ["—", "b", "—", "$0.003750)"]);
        let names: Vec<&str> =
            lines[2..].iter().map(|line| line.split_whitespace().nth(3).unwrap()).collect();
        assert_eq!(names, ["cancelled", "retracted", "paused", "model_called"]);
        assert!(!lines.concat().contains(['\u{1b}', '\n', '\u{202e}']));
        assert_eq!(table(&[]), ["nothing was done yet"]);
    }
}
