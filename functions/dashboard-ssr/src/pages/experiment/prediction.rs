//! What the designer expected, beside what came out; and what it took to propose it.

use super::Shown;
use crate::components::table;
use crate::text::{self, ABSENT};
use aiv1_model::{DesignCost, Prediction};
use maud::{Markup, html};

pub(super) fn section(shown: &Shown) -> Markup {
    let origin = &shown.experiment.origin;
    html! {
        @if let Some(prediction) = &origin.prediction { (expected(shown, prediction)) }
        @if let Some(cost) = &origin.cost { (spent(cost)) }
    }
}

fn expected(shown: &Shown, prediction: &Prediction) -> Markup {
    let findings = shown.experiment.findings.as_ref();
    let saving = findings.and_then(|findings| findings.against(&prediction.anchor));
    // A mean over some of the clips is not what was predicted.
    let saving = saving.filter(|saving| saving.refused == 0).map(|saving| saving.bd_rate);
    let fuel = findings.and_then(|findings| findings.decode_fuel_per_pixel);
    let anchor = text::name(&prediction.anchor);
    let rows = html! {
        tr {
            th scope="row" { "BD-rate against " bdi { (anchor) } " at equal PSNR-Y" }
            td { (text::percent(prediction.bd_rate)) }
            td { (text::or_absent(saving.map(text::percent))) }
            td { (text::or_absent(saving.map(|saving| text::points(saving - prediction.bd_rate)))) }
        }
        tr {
            th scope="row" { "Decoding, at most" }
            td { (text::fuel_per_pixel(prediction.decode_fuel_per_pixel)) }
            td { (text::fuel_per_pixel(fuel)) }
            td { (text::or_absent(prediction.decode_fuel_per_pixel.zip(fuel).map(|(expected, fuel)| difference(fuel - expected)))) }
        }
    };
    html! {
        div #prediction {
            (table("What its designer expected, written before anything was measured, beside what came out", &["What", "Expected", "Measured", "Difference"], &rows))
            p.hint { a href="/efficacy#calibration" { "How well predictions have held so far" } }
        }
    }
}

/// A difference of fuel, signed.
fn difference(fuel: f64) -> String {
    let sign = if fuel < 0.0 { "−" } else { "+" };
    format!("{sign}{}", text::fuel_per_pixel(Some(fuel.abs())))
}

fn spent(cost: &DesignCost) -> Markup {
    let price = cost.microdollars.map_or_else(|| ABSENT.to_owned(), text::dollars);
    html! {
        dl.facts.cost {
            div { dt { "Written by" } dd { bdi { (text::name(&cost.model)) } } }
            div { dt { "Replies" } dd { (text::grouped(cost.replies.into())) } }
            div { dt { "Tokens read" } dd { (text::grouped(cost.input_tokens)) } }
            div { dt { "Tokens written" } dd { (text::grouped(cost.output_tokens)) } }
            div { dt { "Price" } dd { (price) } }
        }
    }
}
