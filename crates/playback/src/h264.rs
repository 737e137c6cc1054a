//! Frames to H.264 access units, as MP4 wants them: lengths before the units, parameter sets apart.

use crate::Error;
use aiv1_model::{ColorInfo, VideoFormat};
use aiv1_video::FrameRef;
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, ColorPrimaries, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod,
    MatrixCoefficients, QpRange, RateControlMode, TransferCharacteristics, UsageType, VuiConfig,
};
use openh264::formats::YUVSource;

/// Longer side of the largest picture that the encoder takes.
pub const MAX_LONG_SIDE: u32 = 3840;

/// Shorter side of the largest picture that the encoder takes.
pub const MAX_SHORT_SIDE: u32 = 2160;

/// Least side that the encoder takes.
pub const MIN_SIDE: u32 = 16;

/// Finest quantiser that the encoder keeps to: it raises finer ones to this by itself.
pub const MIN_QUANTISER: u8 = 12;

/// Coarsest quantiser of H.264.
pub const MAX_QUANTISER: u8 = 51;

/// Bits a pixel that the stream's level allows for. The quantiser alone decides what is spent.
const LEVEL_BITS: f64 = 0.8;

/// Most that a level of H.264 in constrained baseline allows, in bits a second.
const MAX_RATE: f64 = 240e6;

/// An encoder of one video.
pub(crate) struct H264 {
    encoder: Encoder,
    width: usize,
    height: usize,
    frames: u64,
    parameter_sets: Option<ParameterSets>,
}

/// What a player needs before the first picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParameterSets {
    pub(crate) sequence: Vec<u8>,
    pub(crate) picture: Vec<u8>,
}

impl H264 {
    /// Coded at a constant quantiser, with a key frame every `interval` frames and no other.
    pub(crate) fn new(format: &VideoFormat, quantiser: u8, interval: u32) -> Result<Self, Error> {
        let (width, height) = (format.width & !1, format.height & !1);
        let (long, short) = (width.max(height), width.min(height));
        let unsupported = |what, value, bound| Err(Error::Unsupported { what, value, bound });
        if short < MIN_SIDE || long > MAX_LONG_SIDE || short > MAX_SHORT_SIDE {
            let bound = format!(
                "H.264 is written from {MIN_SIDE}x{MIN_SIDE} up to {MAX_LONG_SIDE}x{MAX_SHORT_SIDE}, or as much upright"
            );
            return unsupported("size", format!("{}x{}", format.width, format.height), bound);
        }
        if !(MIN_QUANTISER..=MAX_QUANTISER).contains(&quantiser) {
            let bound = format!("{MIN_QUANTISER} to {MAX_QUANTISER} are coded");
            return unsupported("quantiser", quantiser.to_string(), bound);
        }
        if interval == 0 {
            return unsupported("keyframe interval", interval.to_string(), "at least 1 frame".to_owned());
        }
        let rate =
            (format.pixels() as f64 * format.frame_rate.per_second() * LEVEL_BITS).clamp(1e6, MAX_RATE);
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(rate as u32))
            .max_frame_rate(FrameRate::from_hz(format.frame_rate.per_second() as f32))
            .rate_control_mode(RateControlMode::Quality)
            .qp(QpRange::new(quantiser, quantiser))
            .skip_frames(false)
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .scene_change_detect(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(interval))
            .num_threads(1)
            .vui(signal(format.color));
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|error| Error::Encode { frame: 0, reason: error.to_string() })?;
        let (width, height) = (width as usize, height as usize);
        Ok(Self { encoder, width, height, frames: 0, parameter_sets: None })
    }

    /// Size of the coded pictures: even.
    pub(crate) const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The parameter sets, once a frame has been coded.
    pub(crate) const fn parameter_sets(&self) -> Option<&ParameterSets> {
        self.parameter_sets.as_ref()
    }

    /// Codes `frame`, replaces what `sample` holds by its access unit, and says whether it is a key frame.
    pub(crate) fn encode(&mut self, frame: FrameRef<'_>, sample: &mut Vec<u8>) -> Result<bool, Error> {
        let index = self.frames;
        let fail = |reason: String| Error::Encode { frame: index, reason };
        let source = Source { frame, width: self.width, height: self.height };
        let stream = self.encoder.encode(&source).map_err(|error| fail(error.to_string()))?;
        sample.clear();
        let (mut sequence, mut picture) = (None, None);
        for layer in (0..stream.num_layers()).filter_map(|layer| stream.layer(layer)) {
            for unit in (0..layer.nal_count()).filter_map(|unit| layer.nal_unit(unit)) {
                let unit = without_start_code(unit);
                match unit.first().map(|header| header & 31) {
                    None => {}
                    Some(7) => sequence = Some(unit.to_vec()),
                    Some(8) => picture = Some(unit.to_vec()),
                    Some(_) => {
                        let length = u32::try_from(unit.len()).map_err(|error| fail(error.to_string()))?;
                        sample.extend_from_slice(&length.to_be_bytes());
                        sample.extend_from_slice(unit);
                    }
                }
            }
        }
        let kind = stream.frame_type();
        if sample.is_empty() || !matches!(kind, FrameType::IDR | FrameType::I | FrameType::P) {
            return Err(fail(format!("the encoder put out {} bytes of kind {kind:?}", sample.len())));
        }
        if let (Some(sequence), Some(picture)) = (sequence, picture) {
            let sets = ParameterSets { sequence, picture };
            if *self.parameter_sets.get_or_insert_with(|| sets.clone()) != sets {
                return Err(fail("the encoder changed its parameter sets".to_owned()));
            }
        }
        self.frames += 1;
        Ok(kind == FrameType::IDR)
    }
}

/// Cuts off `00 00 01` or `00 00 00 01`.
fn without_start_code(unit: &[u8]) -> &[u8] {
    let zeros = unit.iter().take_while(|&&byte| byte == 0).count();
    if zeros >= 2 && unit.get(zeros) == Some(&1) { &unit[zeros + 1..] } else { unit }
}

/// A frame cut to even sides, without a copy.
struct Source<'a> {
    frame: FrameRef<'a>,
    width: usize,
    height: usize,
}

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        let [y, u, v] = self.frame.planes();
        (y.width, u.width, v.width)
    }

    fn y(&self) -> &[u8] {
        self.frame.planes()[0].data
    }

    fn u(&self) -> &[u8] {
        self.frame.planes()[1].data
    }

    fn v(&self) -> &[u8] {
        self.frame.planes()[2].data
    }
}

/// The colour description for the sequence parameter set.
fn signal(color: ColorInfo) -> VuiConfig {
    use {ColorPrimaries as P, MatrixCoefficients as M, TransferCharacteristics as T};
    let primaries = [P::Bt709, P::Bt470M, P::Bt470BG, P::Smpte170M, P::Smpte240M, P::Film, P::Bt2020];
    let transfers = [
        T::Bt709,
        T::Bt470M,
        T::Bt470Bg,
        T::Smpte170M,
        T::Smpte240M,
        T::Linear,
        T::Srgb,
        T::Bt2020_10,
        T::Bt2020_12,
    ];
    let matrices =
        [M::Bt709, M::Fcc, M::Bt470Bg, M::Smpte170M, M::Smpte240M, M::Ycgco, M::Bt2020Ncl, M::Bt2020Cl];
    VuiConfig::new()
        .color_primaries(
            primaries.into_iter().find(|known| known.as_u8() == color.primaries).unwrap_or(P::Unspecified),
        )
        .transfer_characteristics(
            transfers.into_iter().find(|known| known.as_u8() == color.transfer).unwrap_or(T::Unspecified),
        )
        .matrix_coefficients(
            matrices.into_iter().find(|known| known.as_u8() == color.matrix).unwrap_or(M::Unspecified),
        )
        .full_range(color.full_range)
}
