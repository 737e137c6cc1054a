//! Drawings: charts of [`aiv1_charts`], and the ruler on which a saving is read.

use maud::{Markup, PreEscaped, html};

/// A chart with its caption, and its figures where they are not in a table nearby.
pub(crate) fn chart(svg: String, caption: &Markup, figures: Option<&Markup>) -> Markup {
    html! {
        figure.plot {
            // The only markup that is not escaped here: drawn by our own crate, which escapes every name in it.
            div.sheet tabindex="0" role="group" aria-label="Chart, can be scrolled sideways" { (PreEscaped(svg)) }
            figcaption { (caption) }
            @if let Some(figures) = figures {
                details { summary { "The same as figures" } (figures) }
            }
        }
    }
}

/// How far a ruler reaches to either side, in percent.
const REACH: f64 = 60.0;

/// A BD-rate on a ruler with the anchor in the middle: to the left fewer bits, to the right more. The figure itself
/// stands beside it.
pub(crate) fn ruler(bd_rate: f64) -> Markup {
    let at = 100.0 + (bd_rate.clamp(-REACH, REACH) / REACH * 96.0).round();
    let (from, width) = if at < 100.0 { (at, 100.0 - at) } else { (100.0, at - 100.0) };
    html! {
        svg.ruler.fewer[bd_rate < 0.0] viewBox="0 0 200 16" width="200" height="16" aria-hidden="true" focusable="false" {
            path.ticks d="M4 8v4M36 10v2M68 10v2M132 10v2M164 10v2M196 8v4M4 12h192" {}
            rect.span x=(from) y="5" width=(width) height="6" {}
            path.anchor d="M100 1v14" {}
            path.mark d=(format!("M{at} 1l4 5-4 5-4-5z")) {}
        }
    }
}
