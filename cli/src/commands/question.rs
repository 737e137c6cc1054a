//! What the experiments of this lab have in common: settings, reference, the codecs to start from.

use super::run;
use crate::arguments::{Designing, Measuring, Shares};
use aiv1_lab::{Error, Lab};
use aiv1_model::api::ClipEntry;
use aiv1_model::{Limits, Settings};
use aiv1_orchestrator::{Budget, Config, StartingCodec, USUAL_REFERENCE};
use std::path::PathBuf;

/// Codecs that the lab starts from when no others are named.
const STARTING_CODECS: [(&str, &str); 3] = [
    ("transform", include_str!("../../../codecs/transform.rs")),
    ("procedural", include_str!("../../../codecs/procedural.rs")),
    ("raw", include_str!("../../../codecs/raw.rs")),
];

/// Quality indices where none are named.
const QUALITY: [u8; 4] = [14, 24, 34, 44];

pub(super) fn settings(
    measuring: &Measuring,
    anchors: Vec<String>,
    clips: &[ClipEntry],
) -> Result<Settings, Error> {
    let limits = Limits::default();
    let quality_indices = measuring.quality.clone().unwrap_or_else(|| QUALITY.to_vec());
    let gop_frames = measuring.gop.unwrap_or_else(|| {
        run::fitting_gop(clips.iter().map(|clip| clip.info.format.frame_bytes()), &limits)
    });
    let settings = Settings { gop_frames, quality_indices, anchors, limits };
    settings.check()?;
    Ok(settings)
}

/// What the loop is told.
pub(super) fn designing(designing: &Designing, settings: Settings) -> Config {
    let Designing { experiments, per_day, seed, shares: Shares(shares), .. } = designing;
    let [search_share, random_share, llm_share] = *shares;
    let budget = Budget { per_run: *experiments, per_day: *per_day };
    Config { seed: *seed, search_share, random_share, llm_share, budget, ..Config::new(settings) }
}

/// The anchor that the search improves on, which the terminal tells of.
pub(super) fn reference(settings: &Settings) -> String {
    let anchors = &settings.anchors;
    anchors.iter().find(|name| *name == USUAL_REFERENCE).or(anchors.first()).cloned().unwrap_or_default()
}

pub(super) fn starting_codecs(lab: &Lab, codecs: &[PathBuf]) -> Result<Vec<StartingCodec>, Error> {
    let sources = if codecs.is_empty() {
        STARTING_CODECS.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect()
    } else {
        codecs.iter().map(|path| run::read_source(path)).collect::<Result<Vec<_>, _>>()?
    };
    let declared = |(name, source): (String, String)| {
        let declaration = aiv1_lab::declaration(lab, &name, &source, &Limits::default())?;
        Ok(StartingCodec { name, source, declaration })
    };
    sources.into_iter().map(declared).collect()
}
