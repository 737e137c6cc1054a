//! After: what came out, as savings at equal quality with what each rests on.

use super::{CLIPS_AT_ONCE, Shown};
use crate::components::{chart, footage, headline, struck, table, under_megabit};
use crate::pages::held_out;
use crate::text::{self, ABSENT};
use aiv1_charts::Theme;
use aiv1_model::{ClipInfo, Comparison, Decibels, Digest, Metric, Record, Refusal, SetComparison};
use maud::{Markup, html};

/// Most rows of certificates; the record has them all.
const CERTIFICATES: usize = 36;

pub(super) fn section(shown: &Shown) -> Markup {
    let Some(record) = &shown.record else { return html! {} };
    let findings = shown.experiment.findings.as_ref();
    let stated = findings.and_then(|findings| findings.headline.as_ref());
    let retracted = shown.experiment.retraction.is_some();
    html! {
        section #after aria-labelledby="after-heading" {
            h2 #after-heading { "After: what came out" }
            div.result {
                div.big { (headline(stated, retracted)) (generalisation(shown)) }
                div {
                    @match stated {
                        Some(saving) => p.lead {
                            (struck(retracted, &html! {
                                "At equal " (saving.metric) " it needs " (text::amount(saving.bd_rate)) " " (text::direction(saving.bd_rate)) " than " bdi { (text::name(&saving.anchor)) } ", the strongest anchor that a saving can be stated against, on " (footage(&record.clips)) "."
                            }))
                        },
                        None => p.lead { "No saving can be stated against every anchor on every clip at equal " (Metric::PsnrY) " and at equal " (Metric::PsnrYuv) "; the table says where and why. " (apart(record)) },
                    }
                    @let without = unstated(record);
                    @if stated.is_some() && !without.is_empty() {
                        p.hint.warning { "Against " bdi { (without.join(", ")) } " no saving at equal " (Metric::PsnrY) " can be stated over all clips: the table says why. A stronger one may be among them." }
                    }
                    @if let Some(point) = findings.and_then(|findings| findings.under_megabit.as_ref()) { p { (under_megabit(point)) } }
                    (costs(shown))
                }
            }
            (savings(record))
            div.plots {
                @for clip in clips(shown) {
                    @let svg = aiv1_charts::rate_distortion_on(&[record], &clip.id, Theme::Page);
                    (chart(svg, &html! { "Rate and quality on " bdi { (text::name(&clip.name)) } ". Its figures are in the rate points below." }, None))
                }
            }
            (other_clips(shown))
            (certificates(shown, record))
            (anchors(record))
        }
    }
}

/// How far the headline holds elsewhere; of a check on held-out clips, that it is one.
fn generalisation(shown: &Shown) -> Markup {
    let stands = shown.experiment.findings.as_ref().is_some_and(|findings| findings.headline.is_some())
        && shown.experiment.retraction.is_none();
    html! {
        @if shown.is_held_out() {
            p.hint { "Measured on held-out clips, which no designer sees: ranked nowhere, and their frames are not shown." }
        } @else if stands { (held_out::line(shown.checked.as_ref())) }
    }
}

/// Anchors that stand in no headline: at equal luma PSNR nothing is stated over all clips.
fn unstated(record: &Record) -> Vec<String> {
    let sets = record.set.iter().filter(|set| set.metric == Metric::PsnrY);
    let without = sets.filter(|set| set.bd_rate.is_none() || set.refused > 0);
    without.take(8).map(|set| text::name(&set.anchor)).collect()
}

/// Where curves hardly share a quality: from where to where each reaches, on the first such clip.
fn apart(record: &Record) -> Markup {
    let little = |one: &&Comparison| {
        matches!(one.bd_rate.refusal, Some(Refusal::LittleOverlap { .. })) && one.metric == Metric::PsnrY
    };
    let Some(clip) = record.comparisons.iter().find(little).map(|one| one.clip) else { return html! {} };
    let own = record.points.iter().map(|point| (point.clip, point.quality.psnr_y));
    let anchors = record.anchors.iter().map(|point| (point.clip, point.quality.psnr_y));
    let (Some(own), Some(anchors)) = (reach(own, &clip), reach(anchors, &clip)) else { return html! {} };
    let name = record.clips.iter().find(|known| known.id == clip).map(|known| text::name(&known.name));
    html! {
        "On " bdi { (text::or_absent(name)) } " its luma PSNR reaches from " (own.0) " to " (own.1) ", the anchors’ from " (anchors.0) " to " (anchors.1)
        ": rates are compared only at qualities that both reach."
    }
}

/// The least and the greatest finite quality on a clip.
fn reach(points: impl Iterator<Item = (Digest, Decibels)>, clip: &Digest) -> Option<(String, String)> {
    let finite: Vec<f64> =
        points.filter(|(on, _)| on == clip).filter_map(|(_, psnr)| psnr.finite()).collect();
    let least = finite.iter().copied().reduce(f64::min)?;
    let greatest = finite.iter().copied().reduce(f64::max)?;
    Some((text::decibels(Decibels::Finite(least)), text::decibels(Decibels::Finite(greatest))))
}

/// The clips that are shown in full: all of a few, else the chosen one.
pub(super) fn clips(shown: &Shown) -> Vec<&ClipInfo> {
    let Some(record) = &shown.record else { return Vec::new() };
    if record.clips.len() <= CLIPS_AT_ONCE {
        return record.clips.iter().collect();
    }
    let chosen = shown.choice.as_ref().map(|choice| choice.clip);
    record.clips.iter().filter(|clip| Some(clip.id) == chosen).collect()
}

fn other_clips(shown: &Shown) -> Markup {
    let Some(record) = &shown.record else { return html! {} };
    html! {
        @if record.clips.len() > CLIPS_AT_ONCE {
            nav.chips aria-label="Clips" {
                ul {
                    @for clip in &record.clips {
                        li { a href=(format!("/blog/{}?clip={}#after", shown.experiment.id, clip.id)) aria-current=[shown.choice.as_ref().filter(|choice| choice.clip == clip.id).map(|_| "true")] { bdi { (text::name(&clip.name)) } } }
                    }
                }
            }
        }
    }
}

fn costs(shown: &Shown) -> Markup {
    let findings = shown.experiment.findings.as_ref();
    html! {
        dl.facts {
            div { dt { "Decoding, at most" } dd { (text::fuel_per_pixel(findings.and_then(|findings| findings.decode_fuel_per_pixel))) } }
            div { dt { "Encoding, at most" } dd { (text::fuel_per_pixel(findings.and_then(|findings| findings.encode_fuel_per_pixel))) } }
            div { dt { "Decoder, compressed" } dd { (text::or_absent(findings.and_then(|findings| findings.decoder_gzip_bytes).map(text::bytes))) } }
        }
    }
}

fn savings(record: &Record) -> Markup {
    let cell = |anchor: &str, metric: Metric| {
        record.set.iter().find(|one| one.anchor == anchor && one.metric == metric)
    };
    let rows = html! {
        @for anchor in &record.settings.anchors {
            tr {
                th scope="row" { bdi { (text::name(anchor)) } }
                @for metric in Metric::ALL { td { (figure(record, cell(anchor, metric))) } }
            }
        }
    };
    let heads: Vec<String> = Metric::ALL.iter().map(|metric| format!("At equal {metric}")).collect();
    let mut head = vec!["Anchor"];
    head.extend(heads.iter().map(String::as_str));
    html! {
        @if record.settings.anchors.is_empty() {
            p { "It was measured without anchors: there is nothing to compare its rate with." }
        } @else {
            (table("Bits at equal quality against each anchor, mean over the clips (least … greatest); below zero needs fewer", &head, &rows))
        }
    }
}

fn figure(record: &Record, set: Option<&SetComparison>) -> Markup {
    let Some(set) = set else { return html! { (ABSENT) } };
    html! {
        @match set.bd_rate {
            Some(spread) => {
                span.figure.fewer[spread.mean < 0.0] { (text::percent(spread.mean)) }
                @if spread.clips > 1 { " " span.hint { "(" (text::percent(spread.min)) " … " (text::percent(spread.max)) ")" } }
            }
            None => {
                (ABSENT) " "
                span.hint.refused {
                    "refused on " (set.refused) @if set.refused == 1 { " clip" } @else { " clips" }
                    @if let Some(reason) = reason(record, set) { ": " (reason) }
                }
            }
        }
    }
}

fn reason(record: &Record, set: &SetComparison) -> Option<String> {
    let same = |one: &&Comparison| one.anchor == set.anchor && one.metric == set.metric;
    let refusal = record.comparisons.iter().filter(same).find_map(|one| one.bd_rate.refusal.as_ref())?;
    Some(text::plain(&refusal.to_string(), 160))
}

fn certificates(shown: &Shown, record: &Record) -> Markup {
    let shown_clips = clips(shown);
    let rows: Vec<(&ClipInfo, &Comparison)> = shown_clips
        .iter()
        .flat_map(|clip| record.comparisons.iter().filter(|one| one.clip == clip.id).map(|one| (*clip, one)))
        .collect();
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    let body = html! {
        @for (clip, one) in rows.iter().take(CERTIFICATES) {
            @let certificate = &one.bd_rate.certificate;
            tr {
                td { bdi { (text::name(&clip.name)) } }
                td { bdi { (text::name(&one.anchor)) } }
                td { (one.metric) }
                td { (one.bd_rate.pchip.map_or_else(|| ABSENT.to_owned(), text::percent)) }
                td { (one.bd_rate.akima.map_or_else(|| ABSENT.to_owned(), text::percent)) }
                td { (share(certificate.overlap)) }
                td { (certificate.test_points) " / " (certificate.anchor_points) }
                td { @if certificate.test_monotone && certificate.anchor_monotone { "yes" } @else { "no" } }
                td { (text::or_absent(certificate.interpolation_gap.map(|gap| format!("{gap:.2}")))) }
                td.prose { @if let Some(refusal) = &one.bd_rate.refusal { (text::plain(&refusal.to_string(), 160)) } }
            }
        }
    };
    html! {
        @if !rows.is_empty() {
            details.more {
                summary { "What each figure rests on: certificates" }
                p.hint { "Both interpolations, the share of quality both curves cover, points, whether quality rises with rate throughout, and the gap between the interpolations in points. " a href="/method#certificate" { "How they are read." } }
                (table("Certificates", &["Clip", "Anchor", "Metric", "PCHIP", "Akima", "Overlap", "Points", "Rising", "Gap", "Refused because"], &body))
                @if rows.len() > CERTIFICATES { p.hint { (rows.len() - CERTIFICATES) " more are in the record." } }
            }
        }
    }
}

fn anchors(record: &Record) -> Markup {
    let mut seen: Vec<&aiv1_model::AnchorEncode> = Vec::new();
    for point in &record.anchors {
        if seen.iter().all(|one| one.anchor != point.encode.anchor) && seen.len() < 16 {
            seen.push(&point.encode);
        }
    }
    html! {
        @if !seen.is_empty() {
            details.more {
                summary { "The anchors: real encoders, measured by the same code on the same frames" }
                @for anchor in seen {
                    h3 { bdi { (text::name(&anchor.anchor)) } }
                    p { bdi { (text::plain(&anchor.tuning, 200)) } "; " bdi { (text::plain(&anchor.encoder, 160)) } }
                    pre tabindex="0" { code { "ffmpeg " (text::plain(&anchor.command.join(" "), 800)) } }
                }
            }
        }
    }
}
