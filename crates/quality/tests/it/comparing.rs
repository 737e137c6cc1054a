//! Comparisons over clips, anchors and metrics, and their summary.

use aiv1_model::{
    AnchorEncode, AnchorPoint, Cost, Decibels, Digest, Metric, PlaneError, Quality, RatePoint, Refusal,
    StreamInfo,
};
use aiv1_quality::{compare_set, comparisons, spread};

/// Of `psnr` dB on every plane, with an SSIM that falls as the error rises.
fn quality(psnr: f64) -> Quality {
    let decibels = Decibels::Finite(psnr);
    Quality {
        planes: [PlaneError { squared_error: 1, samples: 1 }; 3],
        psnr_y: decibels,
        psnr_u: decibels,
        psnr_v: decibels,
        psnr_yuv: decibels,
        ssim_y: 1.0 - 10_f64.powf(-psnr / 20.0),
        worst_psnr_y: decibels,
        worst_psnr_frame: 0,
        worst_ssim_y: 0.0,
        worst_ssim_frame: 0,
        vmaf: None,
        frames: Vec::new(),
    }
}

const STEPS: [(u64, f64); 4] = [(1_000, 30.0), (2_000, 33.0), (4_000, 36.0), (8_000, 39.0)];

fn tested(clip: &str) -> Vec<RatePoint> {
    let cost = Cost {
        encode_fuel: 0,
        decode_fuel: 0,
        encode_fuel_per_pixel: 0.0,
        decode_fuel_per_pixel: 0.0,
        encode_ms: 0,
        decode_ms: 0,
        peak_memory_bytes: 0,
    };
    let digest = Digest::of(b"");
    let point = |(bytes, psnr)| RatePoint {
        clip: Digest::of(clip.as_bytes()),
        quality_index: 0,
        stream: StreamInfo {
            path: String::new(),
            sha256: digest,
            bytes,
            payload_bytes: 0,
            decoded_sha256: digest,
        },
        bitrate: bytes as f64,
        quality: quality(psnr),
        cost,
    };
    STEPS.into_iter().map(point).collect()
}

/// Points of an anchor that needs `factor` times the bytes.
fn anchored(clip: &str, anchor: &str, factor: u64) -> Vec<AnchorPoint> {
    let point = |(bytes, psnr)| AnchorPoint {
        clip: Digest::of(clip.as_bytes()),
        encode: AnchorEncode {
            anchor: anchor.to_owned(),
            tuning: String::new(),
            encoder: String::new(),
            command: Vec::new(),
        },
        stream_sha256: Digest::of(b""),
        stream_bytes: bytes * factor,
        path: String::new(),
        bitrate: (bytes * factor) as f64,
        quality: quality(psnr),
    };
    STEPS.into_iter().map(point).collect()
}

#[test]
fn every_clip_meets_every_anchor_on_every_metric_in_order() {
    let points = [tested("b"), tested("a")].concat();
    let anchors = [
        anchored("a", "x265", 2),
        anchored("a", "av1", 4),
        anchored("b", "av1", 1),
        anchored("b", "x265", 8),
    ];
    let all = comparisons(&points, &anchors.concat());
    let seen: Vec<_> = all.iter().map(|one| (one.clip, one.anchor.as_str(), one.metric)).collect();
    let mut expected = Vec::new();
    for clip in ["b", "a"] {
        for anchor in ["x265", "av1"] {
            expected.extend(Metric::ALL.map(|metric| (Digest::of(clip.as_bytes()), anchor, metric)));
        }
    }
    assert_eq!(seen, expected);
    let rates: Vec<f64> = all.iter().map(|one| one.bd_rate.pchip.unwrap().round()).collect();
    assert_eq!(rates, [-88.0, -88.0, -88.0, 0.0, 0.0, 0.0, -50.0, -50.0, -50.0, -75.0, -75.0, -75.0]);

    let set = compare_set(&all);
    let names: Vec<_> = set.iter().map(|one| (one.anchor.as_str(), one.metric, one.refused)).collect();
    let all_metrics = |anchor| Metric::ALL.map(|metric| (anchor, metric, 0));
    assert_eq!(names, [all_metrics("x265"), all_metrics("av1")].concat());
    let x265 = set[0].bd_rate.unwrap();
    assert!((x265.mean + 68.75).abs() < 1e-6 && (x265.min + 87.5).abs() < 1e-6 && x265.clips == 2);
}

#[test]
fn a_set_with_one_refusal_has_no_mean() {
    let mut points = [tested("a"), tested("b")].concat();
    points[7].quality = Quality { psnr_y: Decibels::Lossless, ..quality(39.0) };
    let anchors = [anchored("a", "x265", 2), anchored("b", "x265", 2)].concat();
    let all = comparisons(&points, &anchors);
    assert_eq!(all[3].bd_rate.refusal, Some(Refusal::NotFinite { curve: "test".to_owned() }));
    let set = compare_set(&all);
    assert_eq!((set[0].bd_rate, set[0].refused), (None, 1));
    assert_eq!((set[1].bd_rate.map(|spread| spread.clips), set[1].refused), (Some(2), 0));
}

#[test]
fn a_clip_that_one_side_lacks_is_refused_and_not_left_out() {
    let anchors = [anchored("a", "x265", 2), anchored("b", "x265", 2), anchored("a", "av1", 2)].concat();
    let all = comparisons(&tested("a"), &anchors);
    assert_eq!(all.len(), 2 * 2 * 3);
    assert_eq!(all[6].bd_rate.refusal, Some(Refusal::TooFewPoints { test: 0, anchor: 4 }));
    assert_eq!(all[9].bd_rate.refusal, Some(Refusal::TooFewPoints { test: 0, anchor: 0 }));
    assert!(compare_set(&all).iter().all(|one| one.bd_rate.is_none() && one.refused == 1));
    assert!(comparisons(&tested("a"), &[]).is_empty() && compare_set(&[]).is_empty());
}

#[test]
fn an_ssim_of_one_has_no_place_on_a_curve() {
    let mut points = tested("a");
    points[3].quality.ssim_y = 1.0;
    let all = comparisons(&points, &anchored("a", "x265", 2));
    assert_eq!(all[2].bd_rate.refusal, Some(Refusal::NotFinite { curve: "test".to_owned() }));
    assert_eq!(all[0].bd_rate.refusal, None);
}

#[test]
fn a_spread_needs_numbers() {
    assert_eq!(spread(&[]), None);
    assert_eq!(spread(&[1.0, f64::NAN]), None);
    let spread = spread(&[4.0, -2.0, 1.0, 3.0]).unwrap();
    assert_eq!((spread.mean, spread.median, spread.min, spread.max, spread.clips), (1.5, 2.0, -2.0, 4.0, 4));
    assert_eq!(aiv1_quality::spread(&[5.0, 1.0, 2.0]).map(|spread| spread.median), Some(2.0));
}
