//! The phases that ran: when, how long, how they ended, on a common line of time.

use super::Shown;
use crate::components::table;
use crate::text::{self, ABSENT};
use aiv1_model::{PhaseOutcome, PhaseRecord};
use maud::{Markup, html};

pub(super) fn section(shown: &Shown) -> Markup {
    let phases: &[PhaseRecord] = match &shown.record {
        Some(record) if !record.phases.is_empty() => &record.phases,
        _ => &shown.experiment.phases,
    };
    let machine = shown.record.as_ref().map(|record| &record.machine);
    let from = phases.iter().map(|phase| phase.started_at.as_millisecond()).min().unwrap_or(0);
    let to = phases.iter().map(|phase| phase.ended_at.as_millisecond()).max().unwrap_or(0);
    let length = (to - from).max(1) as f64;
    let rows = html! {
        @for phase in phases.iter().take(24) {
            @let begin = (phase.started_at.as_millisecond() - from) as f64 / length * 200.0;
            @let width = ((phase.ended_at.as_millisecond() - phase.started_at.as_millisecond()) as f64 / length * 200.0).max(1.5);
            tr {
                th scope="row" { (text::phase(phase.phase)) " " span.hint { (text::phase_does(phase.phase)) } }
                td { (text::span(phase.started_at, phase.ended_at)) }
                td.timeline {
                    svg.gantt viewBox="0 0 202 12" width="202" height="12" aria-hidden="true" focusable="false" {
                        path d="M0 6h202" {}
                        rect.failed[phase.outcome == PhaseOutcome::Failed] x=(format!("{begin:.1}")) y="2" width=(format!("{width:.1}")) height="8" {}
                    }
                }
                td { (phase.limit_ms.map_or_else(|| ABSENT.to_owned(), |limit| format!("{} s", text::grouped(limit / 1000)))) }
                td {
                    @match phase.outcome {
                        PhaseOutcome::Completed => { "✓ completed" }
                        PhaseOutcome::Failed => { "✕ failed" }
                    }
                }
            }
        }
    };
    html! {
        section #phases aria-labelledby="phases-heading" {
            h2 #phases-heading { "Phases" }
            @if phases.is_empty() {
                p.empty { "No phase has ended yet." }
            } @else {
                (table("Phases of the latest attempt", &["Phase", "Took", "When", "Limit", "Outcome"], &rows))
            }
            @if let Some(machine) = machine {
                p.hint {
                    "On " bdi { (machine.cpu.as_deref().map_or_else(|| ABSENT.to_owned(), text::name)) } " with " (machine.threads) " threads, lab "
                    (text::name(&machine.lab)) @if let Some(ffmpeg) = &machine.ffmpeg { ", " bdi { (text::plain(ffmpeg, 80)) } } ". Times are this machine’s; rates, qualities and fuel are the same on every one."
                }
            }
            @if shown.experiment.attempt > 1 { p.hint { "This was attempt " (shown.experiment.attempt) "; " (shown.experiment.lost_attempts) " were lost by the infrastructure’s fault." } }
        }
    }
}
