//! A brief for tests.

use super::{Brief, Curve, CurvePoint, Parent, Spent};
use aiv1_model::{
    ClipClass, ClipInfo, ColorInfo, Decibels, Digest, ExperimentId, Findings, FrameRate, Limits, Metric,
    ParameterValue, Saving, Settings, SourceFile, VideoFormat,
};

/// A small codec, measured on one clip.
pub(crate) fn brief() -> Brief {
    let frame_rate = FrameRate { numerator: 25, denominator: 1 };
    let digest = Digest::of(b"clip");
    let clip = ClipInfo {
        id: digest,
        name: "street".to_owned(),
        format: VideoFormat { width: 352, height: 288, frame_rate, color: ColorInfo::UNSPECIFIED },
        frames: 50,
        frame_limit: None,
        class: ClipClass::Nonpristine,
        source: SourceFile { name: "street.mp4".to_owned(), sha256: digest, bytes: 1, bundled: None },
        conversions: Vec::new(),
    };
    let point = |quality_index, bitrate, psnr_y, ssim_y, fuel| CurvePoint {
        quality_index,
        bitrate,
        psnr_y: Decibels::Finite(psnr_y),
        ssim_y,
        decode_fuel_per_pixel: fuel,
    };
    let curve = |anchor, point| Curve { anchor, clip: "street".to_owned(), points: vec![point] };
    let reference = "x265-medium".to_owned();
    let saving =
        Saving { anchor: reference.clone(), metric: Metric::PsnrY, bd_rate: 14.25, clips: 1, refused: 0 };
    let findings = Findings {
        headline: Some(saving.clone()),
        savings: vec![saving],
        decode_fuel_per_pixel: Some(120.0),
        encode_fuel_per_pixel: Some(900.0),
        bits_per_pixel: None,
        decoder_gzip_bytes: Some(4_000),
        under_megabit: None,
    };
    let parent = Parent {
        id: ExperimentId::of(&Digest::of(b"parent")),
        name: "small".to_owned(),
        source: "pub const ABOUT: &str = \"small\";\nfn step() -> u8 { 1 }\n".to_owned(),
        parameters: [("radius".to_owned(), ParameterValue::Int(8))].into(),
        findings: Some(findings),
        curves: vec![curve(None, point(Some(16), 901_000.0, 38.0, 0.96, Some(120.0)))],
    };
    Brief {
        clips: vec![clip],
        settings: Settings {
            gop_frames: 64,
            quality_indices: vec![16, 24, 32, 40],
            anchors: vec![reference.clone()],
            limits: Limits::default(),
        },
        anchors: vec![curve(Some(reference.clone()), point(None, 812_500.0, 38.25, 0.961, None))],
        reference,
        parent,
        champion: None,
        earlier: Vec::new(),
        tries: Vec::new(),
        spent: Spent::default(),
    }
}
