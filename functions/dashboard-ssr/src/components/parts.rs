//! Small pieces: badges, headlines, cards, tables.

use crate::components::{ruler, struck};
use crate::text::{self, ABSENT};
use aiv1_model::{Arm, ClipInfo, Declaration, Metric, Parameters, Saving, Status, Summary, UnderMegabit};
use maud::{Markup, html};

/// Where an experiment stands: a sign and a word, so that colour is not all that tells.
pub(crate) fn badge(status: Status) -> Markup {
    let sign = match status {
        Status::Successful => "✓",
        Status::Failed => "✕",
        Status::InProgress => "◐",
        Status::Queued => "○",
        Status::Other => "–",
    };
    html! {
        span class=(format!("badge {}", status.as_str())) {
            span aria-hidden="true" { (sign) } " " (text::status(status))
        }
    }
}

/// A link: where it leads, and what it says.
pub(crate) type Link<'a> = (String, &'a str);

/// Links to the first and to the next page, where there are any.
pub(crate) fn pager(first: Option<Link<'_>>, next: Option<Link<'_>>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @if let Some((href, label)) = first { a rel="first" href=(href) { (label) } }
                @if let Some((href, label)) = next { a rel="next" href=(href) { (label) } }
            }
        }
    }
}

/// Who proposed it.
pub(crate) fn arm_of(arm: Arm) -> Markup {
    html! { span class=(format!("arm {arm}")) { (text::arm(arm)) } }
}

/// The saving against the strongest anchor, large, or why there is none; struck through where it no longer stands.
pub(crate) fn headline(saving: Option<&Saving>, retracted: bool) -> Markup {
    html! {
        @match saving {
            Some(saving) => {
                p.headline { (struck(retracted, &html! { b { (text::amount(saving.bd_rate)) } " " (text::direction(saving.bd_rate)) })) }
                p.against { "than " bdi { (text::name(&saving.anchor)) } " at equal " (saving.metric) }
                @if !retracted { (ruler(saving.bd_rate)) }
            }
            None => {
                p.headline { b { (ABSENT) } }
                p.against { "no saving is stated" }
            }
        }
    }
}

/// What it was measured on: how little or how much stands near every headline.
pub(crate) fn footage(clips: &[ClipInfo]) -> Markup {
    let frames = text::grouped(clips.iter().map(|clip| clip.frames).sum());
    html! {
        @match clips {
            [clip] => { "one clip, " bdi { (text::name(&clip.name)) } ", " (frames) " frames" }
            _ => { (clips.len()) " clips, " (frames) " frames in all" }
        }
    }
}

/// The anchors against which a saving over all clips is stated.
fn stated_against(summary: &Summary) -> String {
    let savings = summary.findings.iter().flat_map(|findings| &findings.savings);
    let whole = savings.filter(|saving| saving.metric == Metric::PsnrY && saving.refused == 0);
    whole.take(8).map(|saving| text::name(&saving.anchor)).collect::<Vec<_>>().join(", ")
}

/// One experiment as a card, with what is to stand beside its headline.
pub(crate) fn card(place: usize, summary: &Summary, beside: &Markup) -> Markup {
    let findings = summary.findings.as_ref();
    html! {
        article.card {
            h3 {
                span.place { (place) "." } " "
                a href=(format!("/blog/{}", summary.id)) { bdi { (text::name(&summary.codec)) } " No. " (summary.number) }
            }
            (headline(summary.headline(), summary.retraction.is_some()))
            (beside)
            dl.facts {
                div { dt { "Decoding" } dd { (text::fuel_per_pixel(findings.and_then(|findings| findings.decode_fuel_per_pixel))) } }
                div { dt { "Decoder" } dd { (text::or_absent(findings.and_then(|findings| findings.decoder_gzip_bytes).map(|size| format!("{} gz", text::bytes(size))))) } }
                div { dt { "By" } dd { (text::arm(summary.arm)) } }
                div { dt { "A saving is stated against" } dd { bdi { (stated_against(summary)) } } }
            }
        }
    }
}

/// The parameters that were asked for, as one short line; those at their default are left out where the declaration is
/// known.
pub(crate) fn parameters_in_brief(parameters: &Parameters, declaration: Option<&Declaration>) -> Markup {
    const SHOWN: usize = 3;
    let default_of = |name: &str| {
        let declared = declaration?.parameters.iter().find(|declared| declared.name == name)?;
        Some(declared.kind.default_value())
    };
    let turned: Vec<_> =
        parameters.iter().filter(|(name, value)| default_of(name).as_ref() != Some(*value)).collect();
    html! {
        @if turned.is_empty() {
            span.brief { "defaults" }
        } @else {
            span.brief {
                @for (index, (name, value)) in turned.iter().take(SHOWN).enumerate() {
                    @if index > 0 { ", " }
                    bdi { (text::name(name)) " = " (text::value(value)) }
                }
                @if turned.len() > SHOWN { ", and " (turned.len() - SHOWN) " more" }
            }
        }
    }
}

/// The earlier system's target, never without the quality it was reached at.
pub(crate) fn under_megabit(point: &UnderMegabit) -> Markup {
    html! {
        span.badge.note {
            "under 1 Mbit/s: " (text::bitrate(point.bitrate)) " at " (text::decibels(point.psnr_y)) " PSNR-Y, SSIM-Y "
            (format!("{:.4}", point.ssim_y))
        }
    }
}

/// A table that can be scrolled sideways where it is wider than its place.
pub(crate) fn table(caption: &str, head: &[&str], rows: &Markup) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody { (rows) }
            }
        }
    }
}
