//! What is held fixed while parameters are turned: codec, clips, settings, and the anchor that every result is compared
//! with.

use crate::{Error, Space};
use aiv1_model::{
    Declaration, Digest, ExperimentId, Findings, Metric, Parameters, Saving, Settings, Submission,
};

/// A codec that the loop turns the parameters of.
#[derive(Clone, Debug, PartialEq)]
pub struct StartingCodec {
    /// Its name, that of its source file.
    pub name: String,
    /// Its source text.
    pub source: String,
    /// What it declares.
    pub declaration: Declaration,
}

/// A question with its parameters left open. Results are comparable if, and only if, they answer the same one.
#[derive(Clone, Debug)]
pub struct Question {
    /// Name of the codec.
    pub codec: String,
    /// SHA-256 of its source.
    pub source: Digest,
    /// Its configurations.
    pub space: Space,
    /// Clips, in order.
    pub clips: Vec<Digest>,
    /// GOP, quality indices, anchors, limits.
    pub settings: Settings,
    /// The anchor that results are compared with: always the same one, since the strongest may differ between two
    /// experiments, and savings against different anchors do not compare.
    pub reference: String,
}

impl Question {
    /// The submission that asks it with these parameters.
    #[must_use]
    pub fn submission(&self, parameters: Parameters) -> Submission {
        Submission {
            codec: self.codec.clone(),
            source: self.source,
            parameters,
            clips: self.clips.clone(),
            settings: self.settings.clone(),
        }
    }

    /// The id it has with these parameters.
    #[must_use]
    pub fn id(&self, parameters: &Parameters) -> ExperimentId {
        self.submission(parameters.clone()).id()
    }

    /// What is minimised: BD-rate against the reference anchor, in percent, mean over the clips, at equal luma PSNR or at
    /// equal PSNR of all planes, whichever is less favourable: a search that is paid for luma alone learns to forsake chroma.
    /// Absent where one was refused for any clip.
    #[must_use]
    pub fn objective(&self, findings: &Findings) -> Option<f64> {
        let planes = |saving: &Saving| saving.anchor == self.reference && saving.metric == Metric::PsnrYuv;
        findings.savings.iter().find(|saving| planes(saving))?;
        let saving = findings.against(&self.reference).filter(|saving| saving.refused == 0)?;
        Some(saving.bd_rate).filter(|bd_rate| bd_rate.is_finite())
    }
}

/// The anchor that results are compared with, unless another is named: widely known, and strong enough not to be beaten
/// in passing.
pub const USUAL_REFERENCE: &str = "x265-medium";

/// The named anchor, or the usual one, or the first there is.
pub(crate) fn reference(settings: &Settings, named: Option<&str>) -> Result<String, Error> {
    let anchors = &settings.anchors;
    match named {
        Some(name) if anchors.iter().any(|anchor| anchor == name) => Ok(name.to_owned()),
        Some(name) => Err(Error::Reference { name: name.to_owned(), anchors: anchors.join(", ") }),
        None => {
            let usual = anchors.iter().find(|anchor| *anchor == USUAL_REFERENCE).or(anchors.first());
            usual.cloned().ok_or(Error::NoAnchor)
        }
    }
}
