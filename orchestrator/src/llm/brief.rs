//! [`Brief`]: what the model is told. There is no room in it for clips that designers may not see.

use super::Spent;
use aiv1_model::{
    ClipInfo, Decibels, DesignCost, Digest, Evidence, ExperimentId, FailureSummary, Findings, Parameters,
    Prediction, Record, Settings,
};

/// What the model is told. The same brief makes the same prompt, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Brief {
    /// The clips that are measured: those of the open set.
    pub clips: Vec<ClipInfo>,
    /// GOP, quality indices, anchors, limits.
    pub settings: Settings,
    /// The anchor that is to be beaten.
    pub reference: String,
    /// What the anchors came to on these clips.
    pub anchors: Vec<Curve>,
    /// The codec that is to be changed.
    pub parent: Parent,
    /// The best so far, if it is another.
    pub champion: Option<Champion>,
    /// The model's last proposals before this one, oldest first: what it need not propose again.
    pub earlier: Vec<Earlier>,
    /// What was tried for this proposal and did not come to a measurement, oldest first.
    pub tries: Vec<Try>,
    /// What was spent so far. The model is not told.
    pub spent: Spent,
}

/// The codec that is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Parent {
    /// The experiment that measured it.
    pub id: ExperimentId,
    /// Its name.
    pub name: String,
    /// Its source.
    pub source: String,
    /// The parameters that it was measured with.
    pub parameters: Parameters,
    /// What it showed.
    pub findings: Option<Findings>,
    /// What was measured.
    pub curves: Vec<Curve>,
}

/// The best so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Champion {
    /// The experiment.
    pub id: ExperimentId,
    /// Name of its codec.
    pub name: String,
    /// What it showed.
    pub findings: Findings,
    /// Why it was tried.
    pub rationale: String,
}

/// A proposal of the model that was measured, or failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// Counts experiments.
    pub number: u64,
    /// Name of its codec.
    pub name: String,
    /// It changed the same parent.
    pub same_parent: bool,
    /// Why it was tried.
    pub rationale: String,
    /// BD-rate against the reference anchor, in percent, where it was measured.
    pub bd_rate: Option<f64>,
    /// What the model had expected of that.
    pub expected: Option<f64>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// A try at this proposal that came to nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// The source or the edits, as the reply had them, where it had any.
    pub change: Option<String>,
    /// What became of it.
    pub outcome: TryOutcome,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq)]
pub enum TryOutcome {
    /// The reply could not be used.
    Unusable(super::ReplyProblem),
    /// It was refused before it was measured, since it makes no sense or was asked before: why.
    Refused(String),
    /// It failed.
    Failed {
        /// How.
        failure: FailureSummary,
        /// What shows it: compiler messages, the trap, the group of pictures.
        evidence: Vec<Evidence>,
    },
}

/// Measured points of one codec or anchor on one clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Name of the anchor; absent: the codec.
    pub anchor: Option<String>,
    /// Name of the clip.
    pub clip: String,
    /// The points, in the order of the record.
    pub points: Vec<CurvePoint>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// The quality index; anchors have none.
    pub quality_index: Option<u8>,
    /// Bits a second.
    pub bitrate: f64,
    /// Luma PSNR.
    pub psnr_y: Decibels,
    /// Luma SSIM.
    pub ssim_y: f64,
    /// Decode fuel a luma pixel; anchors have none.
    pub decode_fuel_per_pixel: Option<f64>,
}

impl Curve {
    /// What a record says of its anchors.
    #[must_use]
    pub fn of_anchors(record: &Record) -> Vec<Self> {
        let points = record.anchors.iter().map(|point| {
            let measured = CurvePoint {
                quality_index: None,
                bitrate: point.bitrate,
                psnr_y: point.quality.psnr_y,
                ssim_y: point.quality.ssim_y,
                decode_fuel_per_pixel: None,
            };
            (Some(point.encode.anchor.clone()), point.clip, measured)
        });
        gathered(record, points)
    }

    /// What a record says of its codec.
    #[must_use]
    pub fn of_codec(record: &Record) -> Vec<Self> {
        let points = record.points.iter().map(|point| {
            let measured = CurvePoint {
                quality_index: Some(point.quality_index),
                bitrate: point.bitrate,
                psnr_y: point.quality.psnr_y,
                ssim_y: point.quality.ssim_y,
                decode_fuel_per_pixel: Some(point.cost.decode_fuel_per_pixel),
            };
            (None, point.clip, measured)
        });
        gathered(record, points)
    }
}

fn gathered(
    record: &Record,
    points: impl Iterator<Item = (Option<String>, Digest, CurvePoint)>,
) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (anchor, clip, point) in points {
        let named = record.clips.iter().find(|info| info.id == clip);
        let clip = named.map_or_else(|| clip.abbreviated(), |info| info.name.clone());
        match curves.iter_mut().find(|curve| curve.anchor == anchor && curve.clip == clip) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { anchor, clip, points: vec![point] }),
        }
    }
    curves
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Designed {
    /// A codec to be tried.
    Proposal(Box<LlmProposal>),
    /// A reply that cannot be used. The next brief tells the model so, by a [`Try`].
    Unusable {
        /// Why not.
        problem: super::ReplyProblem,
        /// What it cost.
        charge: Charge,
    },
}

impl Designed {
    /// What it cost.
    #[must_use]
    pub fn charge(&self) -> &Charge {
        match self {
            Self::Proposal(proposal) => &proposal.charge,
            Self::Unusable { charge, .. } => charge,
        }
    }

    /// `proposed`, or a stable word for why nothing was.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Proposal(_) => "proposed",
            Self::Unusable { problem, .. } => problem.kind(),
        }
    }
}

/// A codec that the model proposes.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmProposal {
    /// Its name: 1 to 40 of `[A-Za-z0-9_-]`.
    pub name: String,
    /// Its source, whole.
    pub source: String,
    /// Values of its parameters; what is missing takes its default. Nobody has checked them against a declaration.
    pub parameters: Parameters,
    /// What is tried and why: one line or several of plain text, bounded.
    pub rationale: String,
    /// What the model expects.
    pub prediction: Prediction,
    /// The source or the edits, as the reply had them: what the next try is shown if this one fails.
    pub change: String,
    /// What it cost.
    pub charge: Charge,
}

/// What one question to the model cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// As the provider counted it. Where it did not, the price is absent and tokens are 0: `replies` says how many calls
    /// that stands for.
    pub cost: DesignCost,
    /// The most that it may have cost, in millionths of a US dollar; absent where the model has no price.
    pub at_most: Option<u64>,
}

impl Charge {
    /// What budgets count: the price, or where tokens were not told, the most that it may have been.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.cost.microdollars.or(self.at_most).unwrap_or(0)
    }

    /// This and another question for the same proposal. The price of a sum is only known where each price is.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let at_most = self.at_most.zip(other.at_most).map(|(one, other)| one.saturating_add(other));
        Self { cost: self.cost.and(&other.cost), at_most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(microdollars: Option<u64>) -> Charge {
        let model = "m".to_owned();
        let cost = DesignCost { model, replies: 1, input_tokens: 10, output_tokens: 2, microdollars };
        Charge { cost, at_most: Some(100) }
    }

    #[test]
    fn what_a_sum_cost_is_known_only_where_each_part_is_and_budgets_count_the_most_otherwise() {
        let known = charge(Some(7)).and(&charge(Some(8)));
        assert_eq!((known.cost.replies, known.cost.input_tokens, known.cost.output_tokens), (2, 20, 4));
        assert_eq!((known.cost.microdollars, known.counted()), (Some(15), 15));
        let unknown = charge(Some(7)).and(&charge(None));
        assert_eq!((unknown.cost.microdollars, unknown.counted()), (None, 200));
    }
}
