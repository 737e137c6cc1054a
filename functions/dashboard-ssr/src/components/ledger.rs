//! Lists of experiments, one line each; on a phone each line becomes a block.

use crate::components::{arm_of, marks, parameters_in_brief, ruler, struck};
use crate::text::{self, ABSENT};
use aiv1_model::{Status, Summary, Work};
use maud::{Markup, html};

/// Most characters of a failure's message in a list.
const MESSAGE: usize = 160;

/// The experiments of a tab.
pub(crate) fn ledger(tab: Status, rows: &[Summary]) -> Markup {
    let (second, third, fourth) = match tab {
        Status::Successful => ("Saving at equal quality", "Decoding", "Ended"),
        Status::InProgress => ("Phase", "Worker", "Since"),
        Status::Failed => ("Why", "Phase", "Ended"),
        Status::Queued => ("Waiting", "Attempts", "Submitted"),
        Status::Other => ("Outcome", "Attempts", "Ended"),
    };
    html! {
        @if rows.is_empty() {
            p.empty { (nothing(tab)) }
        } @else {
            table.ledger {
                caption.hidden { (text::status(tab)) " experiments" }
                thead {
                    tr {
                        th scope="col" { "No." }
                        th scope="col" { "Experiment" }
                        th scope="col" { (second) }
                        th scope="col" { (third) }
                        th scope="col" { (fourth) }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            td.number data-label="No." { (text::grouped(row.number)) }
                            th.what scope="row" {
                                a href=(format!("/blog/{}", row.id)) { bdi { (text::name(&row.codec)) } span.hidden { " No. " (row.number) } }
                                " " (arm_of(row.arm)) (marks(row)) " " (parameters_in_brief(&row.parameters, None))
                                @if tab == Status::Successful {
                                    label.pick { input type="checkbox" name="ids" value=(row.id) form="compare"; " compare" span.hidden { " No. " (row.number) } }
                                }
                            }
                            (cells(tab, row, [second, third, fourth]))
                        }
                    }
                }
            }
        }
    }
}

fn cells(tab: Status, row: &Summary, labels: [&str; 3]) -> Markup {
    let [second, third, fourth] = labels;
    let findings = row.findings.as_ref();
    html! {
        @match tab {
            Status::Successful => {
                td.saving data-label=(second) {
                    @match row.headline() {
                        Some(saving) => {
                            @let retracted = row.retraction.is_some();
                            (struck(retracted, &html! { span { b { (text::amount(saving.bd_rate)) } " " (text::direction(saving.bd_rate)) " than " bdi { (text::name(&saving.anchor)) } } }))
                            @if !retracted { (ruler(saving.bd_rate)) }
                        }
                        None => { (ABSENT) " " span.hint { "none stated" } }
                    }
                }
                td data-label=(third) {
                    (text::fuel_per_pixel(findings.and_then(|findings| findings.decode_fuel_per_pixel)))
                }
                td data-label=(fourth) { (text::when_or_absent(row.ended_at)) }
            }
            Status::InProgress => {
                td data-label=(second) { (progress_of(row.work.as_ref())) }
                td data-label=(third) { bdi { (text::or_absent(row.work.as_ref().map(|work| text::name(&work.worker)))) } }
                td data-label=(fourth) { (text::when_or_absent(row.work.as_ref().map(|work| work.claimed_at))) }
            }
            Status::Failed => {
                td.why data-label=(second) {
                    @match &row.failure {
                        Some(failure) => {
                            b { (text::fault(failure.fault)) } ": " code { (text::name(&failure.kind)) } " "
                            bdi { (text::plain(&failure.message, MESSAGE)) }
                        }
                        None => (ABSENT)
                    }
                }
                td data-label=(third) { (text::or_absent(row.failure.as_ref().map(|failure| text::phase(failure.phase)))) }
                td data-label=(fourth) { (text::when_or_absent(row.ended_at)) }
            }
            Status::Other => {
                td data-label=(second) { @if row.purged_at.is_some() { "removed for good" } @else { "cancelled" } }
                td data-label=(third) { (row.attempt) }
                td data-label=(fourth) { (text::when_or_absent(row.ended_at)) }
            }
            Status::Queued => {
                td data-label=(second) { "for a worker" }
                td data-label=(third) { (row.attempt) }
                td data-label=(fourth) { (text::when(row.submitted_at)) }
            }
        }
    }
}

/// What a worker is doing: the phase, and how far it is where that is known.
pub(crate) fn progress_of(work: Option<&Work>) -> Markup {
    let phase = work.and_then(|work| work.phase).map(text::phase);
    let share = work
        .and_then(|work| work.progress)
        .filter(|share| share.is_finite())
        .map(|share| share.clamp(0.0, 1.0));
    html! {
        span.progress {
            span { (phase.unwrap_or("Starting")) }
            @if let Some(share) = share {
                progress max="100" value=(format!("{:.0}", share * 100.0)) aria-label="Progress of the phase" {}
                span { (format!("{:.0} %", share * 100.0)) }
            }
        }
    }
}

const fn nothing(tab: Status) -> &'static str {
    match tab {
        Status::Successful => "No experiment of this kind has succeeded yet.",
        Status::InProgress => "No worker is running an experiment right now.",
        Status::Queued => "Nothing is waiting for a worker.",
        Status::Failed => "No experiment of this kind has failed.",
        Status::Other => "No experiment of this kind was cancelled.",
    }
}
