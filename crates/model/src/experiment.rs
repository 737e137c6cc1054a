//! An experiment as the catalog keeps it: what was asked and by whom, where it stands, what came of it in brief.
//!
//! The [`Record`] inside its bundle has every figure; [`Experiment`] is the page's and the list's view of it.

use crate::{
    Digest, ExperimentId, Fault, Limits, Metric, ParameterValue, Parameters, Phase, PhaseRecord, Record,
    Settings, Status,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked. The same submission always has the same id, so nothing is ever measured twice by accident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Name of the codec, that of its source file: 1 to 40 of `[A-Za-z0-9_-]`.
    pub codec: String,
    /// SHA-256 of the source.
    pub source: Digest,
    /// Values of its parameters; what is missing takes its default.
    pub parameters: Parameters,
    /// Clips by the SHA-256 of their frames, in order.
    pub clips: Vec<Digest>,
    /// GOP, quality indices, anchors, limits.
    pub settings: Settings,
}

/// A submission that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}, but must be {bound}")]
pub struct SubmissionError {
    /// The thing.
    pub what: &'static str,
    /// Its value.
    pub value: String,
    /// What it may be.
    pub bound: String,
}

impl Submission {
    /// Most clips of one experiment.
    pub const MAX_CLIPS: usize = 32;
    /// Most bytes of a codec's source.
    pub const MAX_SOURCE_BYTES: u64 = 256 << 10;

    /// Its id: a digest over source, parameters, clips and settings. The codec's name is not part of the question.
    #[must_use]
    pub fn id(&self) -> ExperimentId {
        let question = serde_json::json!([self.source, self.parameters, self.clips, self.settings]);
        ExperimentId::of(&Digest::of(question.to_string().as_bytes()))
    }

    /// Checks what can be checked without the codec: names, counts, ranges.
    pub fn check(&self) -> Result<(), SubmissionError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if self.codec.is_empty() || self.codec.len() > 40 || !self.codec.bytes().all(plain) {
            let start: String = self.codec.chars().take(80).collect();
            return wrong("codec name", format!("{start:?}"), "1 to 40 of [A-Za-z0-9_-]");
        }
        if self.parameters.len() > crate::Declaration::MAX_PARAMETERS {
            return wrong("number of parameters", self.parameters.len(), "at most 64");
        }
        for (name, value) in &self.parameters {
            if let ParameterValue::Float(number) = value
                && !number.is_finite()
            {
                // JSON has no such numbers: a record with one could not be read again.
                return wrong("parameter", format!("{name}={number}"), "a finite number");
            }
            let long = matches!(value, ParameterValue::Choice(text) if text.len() > 200);
            if name.len() > 40 || long {
                let name: String = name.chars().take(40).collect();
                let bound = "a name of at most 40 bytes with a value of at most 200";
                return wrong("parameter", format!("{name:?}"), bound);
            }
        }
        if self.clips.is_empty() || self.clips.len() > Self::MAX_CLIPS {
            return wrong("number of clips", self.clips.len(), format!("1 to {}", Self::MAX_CLIPS));
        }
        if let Some(clip) =
            (1..self.clips.len()).find(|index| self.clips[..*index].contains(&self.clips[*index]))
        {
            return wrong("clip", format!("{} given twice", self.clips[clip]), "given once");
        }
        self.settings.check()
    }
}

impl Settings {
    /// Most frames of a GOP.
    pub const MAX_GOP_FRAMES: u32 = 1024;
    /// Highest quality index.
    pub const MAX_QUALITY_INDEX: u8 = 63;
    /// Fewest points from which a BD-rate is stated.
    pub const MIN_POINTS: usize = 4;
    /// Most anchors of one experiment.
    pub const MAX_ANCHORS: usize = 16;

    /// Checks ranges, order and limits; whether the anchors exist is for the worker to say.
    pub fn check(&self) -> Result<(), SubmissionError> {
        let Self { gop_frames, quality_indices, anchors, limits } = self;
        if !(1..=Self::MAX_GOP_FRAMES).contains(gop_frames) {
            return wrong("GOP", gop_frames, format!("1 to {} frames", Self::MAX_GOP_FRAMES));
        }
        if quality_indices.len() < Self::MIN_POINTS || !quality_indices.is_sorted_by(|low, high| low < high) {
            let value = format!("{quality_indices:?}");
            return wrong("list of quality indices", value, "4 or more, ascending, none twice");
        }
        if let Some(index) = quality_indices.iter().find(|index| **index > Self::MAX_QUALITY_INDEX) {
            return wrong("quality index", index, format!("0 to {}", Self::MAX_QUALITY_INDEX));
        }
        if anchors.len() > Self::MAX_ANCHORS {
            return wrong("number of anchors", anchors.len(), format!("at most {}", Self::MAX_ANCHORS));
        }
        for (index, name) in anchors.iter().enumerate() {
            if name.len() > 40 {
                return wrong(
                    "anchor",
                    format!("a name of {} bytes", name.len()),
                    "a name of at most 40 bytes",
                );
            }
            if anchors[..index].contains(name) {
                return wrong("anchor", format!("{name} named twice"), "named once");
            }
        }
        limits.check()
    }
}

impl Limits {
    /// Nobody gets more than the lab's own limits, least of all a request or record that came from elsewhere.
    pub fn check(&self) -> Result<(), SubmissionError> {
        let most = Self::default();
        let pairs = [
            ("encode fuel per pixel", self.encode_fuel_per_pixel, most.encode_fuel_per_pixel),
            ("decode fuel per pixel", self.decode_fuel_per_pixel, most.decode_fuel_per_pixel),
            ("memory", self.memory_bytes, most.memory_bytes),
            ("output", self.output_bytes, most.output_bytes),
            ("raw GOP", self.gop_bytes, most.gop_bytes),
            ("deadline in ms", self.deadline_ms, most.deadline_ms),
            ("module size", self.module_bytes, most.module_bytes),
            ("function body size", self.body_bytes, most.body_bytes),
        ];
        match pairs.into_iter().find(|(_, value, most)| value > most) {
            Some((what, value, most)) => wrong(what, value, format!("at most {most}")),
            None => Ok(()),
        }
    }
}

fn wrong(
    what: &'static str,
    value: impl std::fmt::Display,
    bound: impl Into<String>,
) -> Result<(), SubmissionError> {
    Err(SubmissionError { what, value: value.to_string(), bound: bound.into() })
}

/// Who proposed an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// A person, through the API.
    Person,
    /// The lab itself: a starting codec with its defaults.
    Start,
    /// The numerical search.
    Search,
    /// The control arm: uniform over the declared ranges.
    Random,
}

impl Arm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Person, Self::Start, Self::Search, Self::Random];
}

impl std::fmt::Display for Arm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Person => "person",
            Self::Start => "start",
            Self::Search => "search",
            Self::Random => "random",
        })
    }
}

/// Where an experiment came from, written before anything was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Who proposed it.
    pub arm: Arm,
    /// What is tried and why, in a sentence or two; at most [`Origin::MAX_RATIONALE_BYTES`].
    pub rationale: String,
}

impl Origin {
    /// Most bytes of a rationale.
    pub const MAX_RATIONALE_BYTES: usize = 4096;
}

/// What is going on while a worker has the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Name of the worker.
    pub worker: String,
    /// When it claimed the experiment.
    pub claimed_at: Timestamp,
    /// When the claim lapses unless a heartbeat arrives.
    pub lease_expires_at: Timestamp,
    /// The phase it is in, once it has said so.
    pub phase: Option<Phase>,
    /// How far the phase is, 0 to 1, where that is known.
    pub progress: Option<f64>,
}

/// A failure without its evidence, which is in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureSummary {
    /// Whose it is.
    pub fault: Fault,
    /// The phase it happened in.
    pub phase: Phase,
    /// A stable name of its kind.
    pub kind: String,
    /// One sentence, at most [`FailureSummary::MAX_MESSAGE_BYTES`].
    pub message: String,
}

impl FailureSummary {
    /// Most bytes of the message.
    pub const MAX_MESSAGE_BYTES: usize = 1024;
}

impl From<&crate::Failure> for FailureSummary {
    fn from(failure: &crate::Failure) -> Self {
        let crate::Failure { fault, phase, kind, message, .. } = failure;
        let end = message.floor_char_boundary(Self::MAX_MESSAGE_BYTES);
        Self { fault: *fault, phase: *phase, kind: kind.clone(), message: message[..end].to_owned() }
    }
}

/// Saving against one anchor over all clips, at equal quality: BD-rate by PCHIP, in percent; negative needs fewer bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Saving {
    /// The anchor.
    pub anchor: String,
    /// Which quality is held equal.
    pub metric: Metric,
    /// Mean over the clips where a BD-rate is stated.
    pub bd_rate: f64,
    /// How many clips that are.
    pub clips: usize,
    /// Clips for which it was refused.
    pub refused: usize,
}

/// A rate point under 1 Mbit/s on its clip, with its quality: the earlier system's `target_achieved`, never without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnderMegabit {
    /// The clip.
    pub clip: Digest,
    /// The quality index.
    pub quality_index: u8,
    /// Bits a second.
    pub bitrate: f64,
    /// Luma PSNR there.
    pub psnr_y: crate::Decibels,
    /// Luma SSIM there.
    pub ssim_y: f64,
}

/// What an experiment showed, in brief; everything here is computed from its [`Record`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    /// The saving against the strongest anchor: the least favourable of the PSNR-Y savings. Absent unless one is stated
    /// against every anchor that was asked for, on every clip: leaving out a strong one would flatter.
    pub headline: Option<Saving>,
    /// Against every anchor, for every metric, where stated.
    pub savings: Vec<Saving>,
    /// Most decode fuel a luma pixel of any point.
    pub decode_fuel_per_pixel: Option<f64>,
    /// Most encode fuel a luma pixel of any point.
    pub encode_fuel_per_pixel: Option<f64>,
    /// Compressed size of the decoder.
    pub decoder_gzip_bytes: Option<u64>,
    /// The best-looking point under 1 Mbit/s, if there is one.
    pub under_megabit: Option<UnderMegabit>,
}

impl Findings {
    /// What `record` shows.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let stated = record.set.iter().filter_map(|set| {
            let spread = set.bd_rate?;
            let (anchor, metric) = (set.anchor.clone(), set.metric);
            Some(Saving { anchor, metric, bd_rate: spread.mean, clips: spread.clips, refused: set.refused })
        });
        let savings: Vec<Saving> = stated.collect();
        // Of the savings that can be stated the least favourable is worth nothing while a stronger anchor's was refused.
        let whole: Vec<&Saving> = savings
            .iter()
            .filter(|saving| saving.metric == Metric::PsnrY && saving.refused == 0)
            .filter(|saving| record.settings.anchors.contains(&saving.anchor))
            .collect();
        let against_all = whole.len() == record.settings.anchors.len();
        let strongest = whole.into_iter().max_by(|one, other| one.bd_rate.total_cmp(&other.bd_rate));
        let most = |cost: fn(&crate::Cost) -> f64| {
            record.points.iter().map(|point| cost(&point.cost)).reduce(f64::max)
        };
        let small = record.points.iter().filter(|point| point.bitrate < 1e6);
        let best = small.max_by(|one, other| one.quality.ssim_y.total_cmp(&other.quality.ssim_y));
        Self {
            headline: strongest.filter(|_| against_all).cloned(),
            decode_fuel_per_pixel: most(|cost| cost.decode_fuel_per_pixel),
            encode_fuel_per_pixel: most(|cost| cost.encode_fuel_per_pixel),
            decoder_gzip_bytes: record.codec.decoder.as_ref().map(|module| module.gzip_bytes),
            under_megabit: best.map(|point| UnderMegabit {
                clip: point.clip,
                quality_index: point.quality_index,
                bitrate: point.bitrate,
                psnr_y: point.quality.psnr_y,
                ssim_y: point.quality.ssim_y,
            }),
            savings,
        }
    }

    /// The saving against one anchor at equal luma PSNR.
    #[must_use]
    pub fn against(&self, anchor: &str) -> Option<&Saving> {
        self.savings.iter().find(|saving| saving.anchor == anchor && saving.metric == Metric::PsnrY)
    }
}

/// Where the bundle of an ended experiment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleRef {
    /// SHA-256 of `manifest.json`, which names every file.
    pub manifest: Digest,
    /// SHA-256 of `record.json`.
    pub record: Digest,
    /// Size of all files together.
    pub bytes: u64,
}

/// One experiment, as the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Id.
    pub id: ExperimentId,
    /// Counts experiments in the order of their submission, from 1.
    pub number: u64,
    /// Where it stands. `other`: cancelled, or a legacy record of no known status.
    pub status: Status,
    /// What was asked.
    pub submission: Submission,
    /// By whom and why.
    pub origin: Origin,
    /// When.
    pub submitted_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Which claim this is: counts up with every claim, so that a late report is recognised. 0 before the first.
    pub attempt: u32,
    /// Claims that ended by the infrastructure's fault: a worker lost, a disk full.
    pub lost_attempts: u32,
    /// What a worker is doing with it.
    pub work: Option<Work>,
    /// Phases that ended, of the latest attempt.
    pub phases: Vec<PhaseRecord>,
    /// Why it failed.
    pub failure: Option<FailureSummary>,
    /// What it showed.
    pub findings: Option<Findings>,
    /// Its bundle; failed experiments have one as well, unless it was the infrastructure that failed.
    pub bundle: Option<BundleRef>,
    /// Bundles of earlier attempts, oldest first, at most [`Experiment::MAX_EARLIER`].
    pub earlier: Vec<BundleRef>,
}

impl Experiment {
    /// How many earlier bundles are remembered.
    pub const MAX_EARLIER: usize = 10;

    /// Whether this worker holds it, under this attempt.
    #[must_use]
    pub fn is_held_by(&self, holder: &crate::api::Holder) -> bool {
        let worker = self.work.as_ref().map(|work| work.worker.as_str());
        self.status == Status::InProgress && self.attempt == holder.attempt && worker == Some(&holder.worker)
    }

    /// What a row of a list needs.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            id: self.id.clone(),
            number: self.number,
            status: self.status,
            codec: self.submission.codec.clone(),
            source: self.submission.source,
            parameters: self.submission.parameters.clone(),
            arm: self.origin.arm,
            submitted_at: self.submitted_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            attempt: self.attempt,
            work: self.work.clone(),
            failure: self.failure.clone(),
            findings: self.findings.clone(),
        }
    }
}

/// A row of a list of experiments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Id.
    pub id: ExperimentId,
    /// Counts experiments in the order of their submission, from 1.
    pub number: u64,
    /// Where it stands.
    pub status: Status,
    /// Name of the codec.
    pub codec: String,
    /// SHA-256 of its source.
    pub source: Digest,
    /// Parameters, as asked.
    pub parameters: Parameters,
    /// Who proposed it.
    pub arm: Arm,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Which claim this is.
    pub attempt: u32,
    /// What a worker is doing with it.
    pub work: Option<Work>,
    /// Why it failed.
    pub failure: Option<FailureSummary>,
    /// What it showed.
    pub findings: Option<Findings>,
}

/// How many experiments there are in each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Measured and verified.
    pub successful: u64,
    /// With a worker.
    pub in_progress: u64,
    /// Failed.
    pub failed: u64,
    /// Waiting for a worker.
    pub queued: u64,
    /// Cancelled, or legacy records of no known status.
    pub other: u64,
    /// All of them.
    pub total: u64,
}

impl Counts {
    /// Those in one status.
    #[must_use]
    pub const fn of(&self, status: Status) -> u64 {
        match status {
            Status::Queued => self.queued,
            Status::InProgress => self.in_progress,
            Status::Successful => self.successful,
            Status::Failed => self.failed,
            Status::Other => self.other,
        }
    }
}

impl Record {
    /// The question that it answers.
    #[must_use]
    pub fn submission(&self) -> Submission {
        Submission {
            codec: self.codec.name.clone(),
            source: self.codec.source_sha256,
            parameters: self.asked.clone(),
            clips: self.clips.iter().map(|clip| clip.id).collect(),
            settings: self.settings.clone(),
        }
    }

    /// The record without its per-frame series, which make up nearly all of its size: what a catalog keeps beside the
    /// bundle. Means and worst frames stay.
    #[must_use]
    pub fn without_series(mut self) -> Self {
        let points = self.points.iter_mut().map(|point| &mut point.quality);
        for quality in points.chain(self.anchors.iter_mut().map(|point| &mut point.quality)) {
            quality.frames = Vec::new();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission() -> Submission {
        Submission {
            codec: "transform".to_owned(),
            source: Digest::of(b"source"),
            parameters: Parameters::new(),
            clips: vec![Digest::of(b"clip")],
            settings: Settings {
                gop_frames: 64,
                quality_indices: vec![16, 24, 32, 40],
                anchors: vec!["x265-medium".to_owned()],
                limits: Limits::default(),
            },
        }
    }

    #[test]
    fn the_question_has_one_id_whatever_the_codec_is_called() {
        let (one, mut other) = (submission(), submission());
        other.codec = "renamed".to_owned();
        assert_eq!(one.id(), other.id());
        other.parameters.insert("lambda".to_owned(), ParameterValue::Float(1.5));
        assert_ne!(one.id(), other.id());
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_bound() {
        let refuse = |change: fn(&mut Submission)| {
            let mut wrong = submission();
            change(&mut wrong);
            wrong.check().unwrap_err().what
        };
        assert_eq!(submission().check(), Ok(()));
        assert_eq!(refuse(|wrong| wrong.codec = "../x".to_owned()), "codec name");
        assert_eq!(refuse(|wrong| wrong.clips.clear()), "number of clips");
        assert_eq!(refuse(|wrong| wrong.clips.push(wrong.clips[0])), "clip");
        assert_eq!(refuse(|wrong| wrong.settings.gop_frames = 0), "GOP");
        assert_eq!(
            refuse(|wrong| wrong.settings.quality_indices = vec![1, 2, 3, 3]),
            "list of quality indices"
        );
        assert_eq!(refuse(|wrong| wrong.settings.quality_indices = vec![1, 2, 3, 64]), "quality index");
        assert_eq!(refuse(|wrong| wrong.settings.limits.deadline_ms += 1), "deadline in ms");
        let nan = |wrong: &mut Submission| {
            wrong.parameters.insert("p".to_owned(), ParameterValue::Float(f64::NAN));
        };
        assert_eq!(refuse(nan), "parameter");
    }
}
