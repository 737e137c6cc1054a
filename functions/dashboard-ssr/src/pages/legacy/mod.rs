//! Records of the earlier system: `/legacy`, and each at `/blog/{id}`. What they claim is marked as claimed.

mod addresses;
mod list;
mod record;

pub(crate) use addresses::dashboard;
pub(crate) use list::{latest, page};
pub(crate) use record::render;

use crate::text;
use aiv1_model::LegacyExperiment;
use aiv1_model::legacy::{LegacyClaims, LegacyGeneration, LegacyStatus};
use maud::{Markup, html};

/// What stands where the earlier system measured nothing.
const UNMEASURED: &str = "not measured";

/// What the record says became of it. Never green: a success of the earlier system says nothing of quality.
fn badge(record: &LegacyExperiment) -> Markup {
    let (class, sign, name) = match record.status {
        LegacyStatus::Successful => ("other", "“”", "called a success"),
        LegacyStatus::Failed => ("failed", "✕", "failed"),
        LegacyStatus::Stale => ("other", "◌", "never ended"),
        LegacyStatus::Other => ("other", "?", "outcome unknown"),
    };
    html! { span class=(format!("badge {class}")) { span aria-hidden="true" { (sign) } " " (name) } }
}

const fn generation(of: LegacyGeneration) -> &'static str {
    match of {
        LegacyGeneration::G0 => "first generation",
        LegacyGeneration::G1 => "first generation, generated code",
        LegacyGeneration::G2a => "second generation, GPU",
        LegacyGeneration::G2b => "second generation, HTTP",
        LegacyGeneration::G3 => "third generation",
        LegacyGeneration::Unknown => "unknown generation",
    }
}

fn rate(mbps: f64) -> String {
    text::bitrate(mbps * 1e6)
}

fn psnr(claims: &LegacyClaims) -> Option<String> {
    claims.psnr_db.map(|psnr| format!("{psnr:.2} dB PSNR"))
}

fn ssim(claims: &LegacyClaims) -> Option<String> {
    claims.ssim.map(|ssim| format!("SSIM {ssim:.4}").replace('-', "−"))
}

/// `0.73 Mbit/s at 19.84 dB PSNR, SSIM 0.6800`: a rate is never without its quality, be it that there was none.
fn rate_and_quality(claims: &LegacyClaims) -> Option<String> {
    let quality = [psnr(claims), ssim(claims)].into_iter().flatten().collect::<Vec<_>>().join(", ");
    match (claims.bitrate_mbps.map(rate), quality.is_empty()) {
        (Some(rate), false) => Some(format!("{rate} at {quality}")),
        (Some(rate), true) => Some(format!("{rate}, quality {UNMEASURED}")),
        (None, false) => Some(format!("{quality}, rate {UNMEASURED}")),
        (None, true) => None,
    }
}
