//! Whether a result still stands, whether a person is waited for, and when it was last derived again.

use crate::components::{attention, retraction};
use crate::text;
use aiv1_model::{Experiment, Status, VerifiedOutcome};
use maud::{Markup, html};

pub(super) fn section(experiment: &Experiment) -> Markup {
    html! {
        @if let Some(why) = &experiment.retraction {
            div.failure.retraction role="note" {
                p.lead { (retraction(why)) }
                p.hint { "What was published stays readable below, struck through. None of its figures stands any more, and none is ranked." }
            }
        }
        @if let Some(why) = &experiment.attention {
            div.state.attention role="note" { p.lead { (attention(why)) } }
        }
        @if experiment.status == Status::Successful { p.verified { (verified(experiment)) } }
    }
}

fn verified(experiment: &Experiment) -> Markup {
    let Some(verified) = &experiment.verified else {
        return html! { "Derived again from what is stored: never yet. " a href="#verify" { "Anyone can" } "." };
    };
    let outcome = match verified.outcome {
        VerifiedOutcome::Confirmed => "every figure came out again",
        VerifiedOutcome::Incomplete => "nothing differed, but not everything could be checked",
        VerifiedOutcome::Differs => "something differed",
    };
    html! {
        "Last derived again from what is stored on " (text::when(verified.at)) " by " bdi { (text::name(&verified.by)) } ": " (outcome) "."
        @if verified.times > 1 { " " span.hint { (text::grouped(verified.times)) " times so far" } }
    }
}
