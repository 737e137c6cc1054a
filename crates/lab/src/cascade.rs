//! The cascade: what a candidate must pass before the whole clip set is spent on it, cheapest first.
//!
//! Parsed and policed, compiled, unlike what was measured before, held to the contract on a few synthetic frames, tried on
//! the first frames of the first clip; then the first clip whole, held against the bar; then the rest. Whoever fails on the
//! way has cost seconds.

use crate::bundle::digest_of_file;
use crate::error::{Error, Failed};
use crate::execution::{Codec, Stage, WrittenStream};
use crate::observer::Event;
use crate::request::Request;
use aiv1_decoder::EncodeRequest;
use aiv1_model::{
    AnchorPoint, Bar, ColorInfo, Digest, Evidence, Fault, FrameRate, KnownModules, Parameters, RatePoint,
    VideoFormat,
};
use aiv1_video::{Clip, Gop};
use std::fmt::Write as _;

/// Frames of the first clip that a candidate is tried on.
pub const TRIAL_FRAMES: u32 = 8;

/// Synthetic pictures: both sides odd, so that chroma planes are rounded up, and no multiple of a block.
const SYNTHETIC: VideoFormat = VideoFormat {
    width: 51,
    height: 35,
    frame_rate: FrameRate { numerator: 25, denominator: 1 },
    color: ColorInfo::UNSPECIFIED,
};
const SYNTHETIC_FRAMES: usize = 3;

/// What became of encoding under a bar.
pub(crate) struct Executed {
    /// The streams, clip by clip; of the first clip alone where that fell below the bar.
    pub(crate) streams: Vec<Vec<WrittenStream>>,
    /// Points of the first clip, where they had to be known before the rest was encoded.
    pub(crate) measured: Vec<RatePoint>,
    /// The first clip fell below the bar.
    pub(crate) below: Option<Failed>,
}

impl Stage<'_> {
    /// Encodes and decodes a few synthetic frames, each twice: what comes out must be of the right size, and the same.
    pub(crate) fn check_contract(&self) -> Result<(), Failed> {
        self.observer.event(&Event::Working("checking the contract"));
        let VideoFormat { width, height, .. } = SYNTHETIC;
        let step = format!("contract check: {SYNTHETIC_FRAMES} synthetic frames of {width}x{height}");
        self.twice(&SYNTHETIC, &synthetic()).map_err(|failed| failed.during(&step))
    }

    /// Encodes and decodes the first frames of a clip, each twice.
    pub(crate) fn trial(&self, clip: &Clip) -> Result<(), Failed> {
        let frames = TRIAL_FRAMES.min(self.request.settings.gop_frames);
        self.observer.event(&Event::Working(&format!("trying {frames} frames of {}", clip.info.name)));
        let mut gop = Gop::empty(&clip.info.format);
        let mut reader = clip.reader(&self.lab.ffmpeg).map_err(Error::from)?;
        reader.read_gop(frames as usize, &mut gop).map_err(Error::from)?;
        let step = format!("trial: the first {frames} frames");
        let tried = self.twice(&clip.info.format, &gop);
        tried.map_err(|failed| failed.during(&step).at(clip.info.id, middle(self.request)))
    }

    fn twice(&self, format: &VideoFormat, gop: &Gop) -> Result<(), Failed> {
        let Codec { encoder, decoder, .. } = self.codec;
        let numbers = encoder.declaration().numbers(&self.request.parameters).map_err(Error::from)?;
        let VideoFormat { width, height, frame_rate, .. } = *format;
        let request = EncodeRequest { quality: middle(self.request), frame_rate, numbers: &numbers };
        let encode = || {
            self.go_on()?;
            Ok::<_, Failed>(encoder.encode_gop(&request, gop)?)
        };
        let (first, second) = (encode()?, encode()?);
        same("encodes of the same frames", &(&first.bytes, first.fuel), &(&second.bytes, second.fuel))?;
        let decode = || {
            self.go_on()?;
            Ok::<_, Failed>(decoder.decode_gop(&first.bytes, width, height, gop.len() as u32)?)
        };
        let (one, two) = (decode()?, decode()?);
        same("decodes of the same bytes", &(one.data(), one.fuel()), &(two.data(), two.fuel()))
    }

    /// Encodes the first clip and holds it against what is known and the bar; then the rest.
    pub(crate) fn encode_clips(&self, anchors: &[AnchorPoint]) -> Result<Executed, Failed> {
        let request = self.request;
        let mut done = Executed { streams: Vec::new(), measured: Vec::new(), below: None };
        for (index, clip) in request.clips.iter().enumerate() {
            let streams = self.encode_clip(clip)?;
            if index == 0 {
                self.refuse_duplicate(clip, &streams)?;
                if let Some(bar) = &request.bar {
                    let points = streams.iter().map(|stream| self.verify_point(clip, stream));
                    done.measured = points.collect::<Result<_, _>>()?;
                    done.below = below(bar, clip, &done.measured, anchors);
                }
            }
            done.streams.push(streams);
            if done.below.is_some() {
                break;
            }
        }
        Ok(done)
    }

    /// Streams that were all measured before say nothing new, whatever wrote them.
    fn refuse_duplicate(&self, clip: &Clip, streams: &[WrittenStream]) -> Result<(), Failed> {
        let known = &self.request.duplicate_of;
        if known.iter().all(|known| known.streams.is_empty()) {
            return Ok(());
        }
        let digests = streams.iter().map(|stream| digest_of_file(&self.folder.join(&stream.path)));
        let digests: Vec<Digest> = digests.collect::<Result<_, _>>()?;
        let Some(known) = known.iter().find(|known| known.streams == digests) else { return Ok(()) };
        let message = format!(
            "all {} streams of the clip {} are those of {}, byte for byte",
            digests.len(),
            clip.info.name,
            known.experiment
        );
        Err(Failed::new(Fault::Candidate, "duplicate_streams", message).at(clip.info.id, None))
    }
}

/// Refuses modules that were measured before with the same parameters, whatever their source looks like.
pub(crate) fn refuse_duplicate(
    known: &[KnownModules],
    encoder: Digest,
    decoder: Digest,
    parameters: &Parameters,
) -> Result<(), Failed> {
    let same = |known: &&KnownModules| {
        (known.encoder, known.decoder) == (encoder, decoder) && known.parameters == *parameters
    };
    let Some(known) = known.iter().find(same) else { return Ok(()) };
    let message = format!(
        "the source compiles to the encoder {} and the decoder {}, which {} measured with the same parameters",
        encoder.abbreviated(),
        decoder.abbreviated(),
        known.experiment
    );
    Err(Failed::new(Fault::Candidate, "duplicate_modules", message))
}

/// Two results of the same call must be the same, down to what they cost.
pub(crate) fn same<T: PartialEq>(what: &str, first: &(T, u64), second: &(T, u64)) -> Result<(), Failed> {
    if first == second {
        return Ok(());
    }
    let differs = if first.0 == second.0 { "the same result" } else { "another result" };
    let message =
        format!("of two {what} the second gave {differs}, with {} fuel after {}", second.1, first.1);
    Err(Failed::new(Fault::Candidate, "not_deterministic", message))
}

/// Why the first clip does not reach the bar, with its figures.
fn below(bar: &Bar, clip: &Clip, points: &[RatePoint], anchors: &[AnchorPoint]) -> Option<Failed> {
    let anchors: Vec<AnchorPoint> =
        anchors.iter().filter(|point| point.clip == clip.info.id).cloned().collect();
    let comparisons = aiv1_quality::comparisons(points, &anchors);
    let against = || comparisons.iter().filter(|one| one.anchor == bar.anchor);
    let said = match Bar::rate(against()) {
        Some(rate) if rate <= bar.bd_rate_at_most => return None,
        Some(rate) => format!("its BD-rate is {rate:+.2} %"),
        None => match against().find_map(|one| one.bd_rate.refusal.as_ref()) {
            Some(refusal) => format!("its BD-rate is refused: {refusal}"),
            None => "it has no BD-rate".to_owned(),
        },
    };
    let Bar { anchor, bd_rate_at_most } = bar;
    let message =
        format!("on the first clip, against {anchor}, {said}; the bar is {bd_rate_at_most:+.2} % at most");
    let mut figures = String::new();
    for RatePoint { quality_index, stream, quality, .. } in points {
        let psnr =
            quality.psnr_y.finite().map_or_else(|| "lossless".to_owned(), |psnr| format!("{psnr:.3} dB"));
        let _ = writeln!(figures, "quality index {quality_index}: {} bytes, PSNR-Y {psnr}", stream.bytes);
    }
    let mut failed = Failed::new(Fault::Candidate, "below_the_bar", message).at(clip.info.id, None);
    failed.evidence.push(Evidence::new("figures of the first clip", &figures));
    Some(failed)
}

/// The quality index that a candidate is tried at.
fn middle(request: &Request<'_>) -> u8 {
    let indices = &request.settings.quality_indices;
    indices.get(indices.len() / 2).copied().unwrap_or_default()
}

/// Slopes that move from frame to frame under a texture, the same every time.
fn synthetic() -> Gop {
    let mut gop = Gop::empty(&SYNTHETIC);
    let length = gop.frame_len();
    let sample = |at: usize| {
        let (frame, place) = (at / length, at % length);
        let (x, y) = (place % SYNTHETIC.width as usize, place / SYNTHETIC.width as usize);
        ((x + 2 * frame) * 3 + y * 2 + (x * y + frame) % 7 * 5) as u8
    };
    if let Some(filled) = Gop::from_data(&SYNTHETIC, (0..SYNTHETIC_FRAMES * length).map(sample).collect()) {
        gop = filled;
    }
    gop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_synthetic_frames_are_whole_and_no_two_are_the_same() {
        let gop = synthetic();
        assert_eq!(gop.len(), SYNTHETIC_FRAMES);
        let frames: Vec<&[u8]> = gop.data().chunks(gop.frame_len()).collect();
        assert!(frames[0] != frames[1] && frames[1] != frames[2]);
    }

    #[test]
    fn unequal_decodes_and_unequal_costs_are_not_deterministic() {
        // No module can be made to do it, since each call has an instance of its own: so the check itself is tested.
        let canary = aiv1_model::CANARIES.iter().find(|canary| canary.name == "unequal_decodes").unwrap();
        assert!(same("decodes", &("frames", 7), &("frames", 7)).is_ok());
        for second in [("other frames", 7), ("frames", 8)] {
            let failed = same("decodes", &("frames", 7), &second).unwrap_err();
            assert_eq!((failed.fault, failed.kind.as_str()), (Fault::Candidate, canary.expected));
        }
    }

    #[test]
    fn modules_are_duplicates_only_with_the_same_parameters() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let known = KnownModules {
            experiment: aiv1_model::ExperimentId::of(&digest("question")),
            encoder: digest("encoder"),
            decoder: digest("decoder"),
            parameters: Parameters::new(),
            streams: Vec::new(),
        };
        let named = known.experiment.to_string();
        let other = Parameters::from([("step".to_owned(), aiv1_model::ParameterValue::Int(2))]);
        let refuse = |decoder: &str, parameters: &Parameters| {
            refuse_duplicate(std::slice::from_ref(&known), digest("encoder"), digest(decoder), parameters)
        };
        assert!(refuse("decoder", &other).is_ok() && refuse("another", &Parameters::new()).is_ok());
        let failed = refuse("decoder", &Parameters::new()).unwrap_err();
        assert!(failed.kind == "duplicate_modules" && failed.message.contains(&named), "{failed:?}");
    }
}
