//! What outranks a status: that a result no longer stands, that a person is waited for.

use crate::text;
use aiv1_model::{Action, Attention, Resolved, Retraction, Summary};
use maud::{Markup, html};

/// Most characters of a reason in a list.
const REASON: usize = 160;

/// Beside the status of a row: that its result no longer stands, that it waits for a person and what for.
pub(crate) fn marks(row: &Summary) -> Markup {
    html! {
        @if row.retraction.is_some() { " " (retracted()) }
        @if let Some(Attention { reason, resolved: None, .. }) = &row.attention {
            " " (awaited()) " " span.hint { bdi { (text::plain(reason, REASON)) } }
        }
    }
}

/// The badge of a result that no longer stands.
fn retracted() -> Markup {
    html! { span.badge.retracted { span aria-hidden="true" { "⊘" } " Retracted" } }
}

/// The badge of an experiment that waits for a person.
fn awaited() -> Markup {
    html! { span.badge.attention { span aria-hidden="true" { "⚑" } " Waits for a person" } }
}

/// A figure, struck through, and still to be read, where it no longer stands.
pub(crate) fn struck(retracted: bool, figure: &Markup) -> Markup {
    html! { @if retracted { s { (figure) } } @else { (figure) } }
}

/// Who retracted a result, when and why.
pub(crate) fn retraction(retraction: &Retraction) -> Markup {
    html! {
        (retracted()) " on " (text::when(retraction.at)) " by " bdi { (text::name(&retraction.by)) } ": "
        bdi { (text::plain(&retraction.reason, Action::MAX_TEXT_BYTES)) }
    }
}

/// What a person is asked for, and since when.
pub(crate) fn attention(attention: &Attention) -> Markup {
    let reason = html! { bdi { (text::plain(&attention.reason, Action::MAX_TEXT_BYTES)) } };
    let Some(Resolved { at, by, note }) = &attention.resolved else {
        return html! { (awaited()) " since " (text::when(attention.since)) ": " (reason) };
    };
    html! {
        "A person was waited for from " (text::when(attention.since)) ": " (reason) " Seen to on " (text::when(*at)) " by "
        bdi { (text::name(by)) } ": " bdi { (text::plain(note, Action::MAX_TEXT_BYTES)) }
    }
}
