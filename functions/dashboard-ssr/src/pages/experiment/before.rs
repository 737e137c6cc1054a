//! Before: what was tried and why, written when nothing was measured yet.

use super::Shown;
use crate::components::table;
use crate::text::{self, ABSENT};
use aiv1_model::{DeclaredParameter, Origin, ParameterValue};
use maud::{Markup, html};

pub(super) fn section(shown: &Shown) -> Markup {
    let submission = &shown.experiment.submission;
    let settings = &submission.settings;
    let indices: Vec<String> = settings.quality_indices.iter().map(ToString::to_string).collect();
    html! {
        section #before aria-labelledby="before-heading" {
            h2 #before-heading { "Before: what is tried, and why" }
            @if shown.experiment.origin.rationale.is_empty() {
                p { "No reason was given." }
            } @else {
                p.hint { "Said by who proposed it, before anything was measured:" }
                blockquote.rationale { p { bdi { (text::plain(&shown.experiment.origin.rationale, Origin::MAX_RATIONALE_BYTES)) } } }
            }
            p {
                "Codec " a href=(format!("/codecs/{}", submission.source)) { bdi { (text::name(&submission.codec)) } }
                @if let Some(about) = about(shown) { ": " bdi { (about) } }
                ", in groups of " (settings.gop_frames) " pictures at quality indices " (indices.join(", ")) " on "
                (submission.clips.len()) @if submission.clips.len() == 1 { " clip" } @else { " clips" }
                @if settings.anchors.is_empty() { ", without anchors." } @else {
                    ", against " bdi { (settings.anchors.iter().map(|anchor| text::name(anchor)).collect::<Vec<_>>().join(", ")) } "."
                }
            }
            @if let Some(parent) = &shown.experiment.origin.parent {
                p { @if shown.is_held_out() { "It measures the codec of " } @else { "It changes the codec of " } a href=(format!("/blog/{parent}")) { code { (parent) } } "." }
            }
            (super::prediction::section(shown))
            (parameters(shown))
        }
    }
}

fn about(shown: &Shown) -> Option<String> {
    let declaration = shown.declaration.as_ref()?;
    Some(text::plain(&declaration.about, 200).trim_end_matches('.').to_owned())
}

fn parameters(shown: &Shown) -> Markup {
    let asked = &shown.experiment.submission.parameters;
    let declaration = shown.declaration.as_ref();
    let resolved = shown.record.as_ref().map(|record| record.parameters.clone());
    // Before the record is there, what was not asked for has its default.
    let resolved = resolved.or_else(|| declaration.and_then(|declaration| declaration.resolve(asked).ok()));
    match declaration {
        Some(declaration) if declaration.parameters.is_empty() => {
            html! { p { "It declares no parameters." } }
        }
        Some(declaration) => {
            let value = |name: &str| {
                resolved.as_ref().and_then(|resolved| resolved.get(name)).or_else(|| asked.get(name))
            };
            let rows = html! { @for declared in &declaration.parameters { (declared_row(declared, value(&declared.name))) } };
            table(
                "Parameters, turned ones marked",
                &["Name", "Value", "Default", "May be", "What it does"],
                &rows,
            )
        }
        None if asked.is_empty() => html! { p { "Parameters: the codec’s own defaults." } },
        None => {
            let rows = html! { @for (name, value) in asked { tr { th scope="row" { code { (text::name(name)) } } td { (text::value(value)) } } } };
            table("Parameters as asked for", &["Name", "Value"], &rows)
        }
    }
}

fn declared_row(declared: &DeclaredParameter, value: Option<&ParameterValue>) -> Markup {
    let default = declared.kind.default_value();
    let turned = value.is_some_and(|value| *value != default);
    html! {
        tr.turned[turned] {
            th scope="row" { code { (text::name(&declared.name)) } }
            td {
                (value.map_or_else(|| ABSENT.to_owned(), text::value))
                @if turned { " " span.mark title="differs from the default" { "◆" span.hidden { " turned" } } }
            }
            td { (text::value(&default)) }
            td { (text::bound(&declared.kind)) }
            td.prose { bdi { (text::plain(&declared.help, 200)) } }
        }
    }
}
