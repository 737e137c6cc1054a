//! BD-rates against values computed by others, and refusals.

use aiv1_model::Refusal;
use aiv1_quality::{GREATEST_GAP, LEAST_OVERLAP, Point, bd_rate};
use proptest::prelude::*;

fn curve(points: &[(f64, f64)]) -> Vec<Point> {
    points.iter().map(|&(rate, quality)| Point { rate, quality }).collect()
}

/// Eight significant digits and more: the same formulas in another order.
fn assert_near(what: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() < 1e-8 * theirs.abs().max(1.0), "{what}: {ours} here, {theirs} there");
}

/// Curves, and their BD-rates by PCHIP and by Akima as scipy 1.17.1 (`PchipInterpolator`, `Akima1DInterpolator`, their
/// `integrate` over the common quality) and the `PyPI` package bjontegaard 1.3.0 of FAU Erlangen (`bd_rate(anchor, test,
/// method='pchip' | 'akima', min_overlap=0)`) both compute them, to all digits printed.
#[test]
fn bd_rates_equal_those_of_scipy_and_of_the_bjontegaard_package() {
    let decibels = |ssim: f64| -10.0 * (1.0 - ssim).log10();
    let cases = [
        (
            "the sample curves of Anserw/Bjontegaard_metric (its one polynomial over all points gives 31.397)",
            curve(&[(893.34, 40.39), (407.8, 37.21), (204.93, 34.17), (112.75, 31.24)]),
            curve(&[(686.76, 40.28), (309.58, 37.18), (157.11, 34.24), (85.95, 31.42)]),
            (31.379_878_202_397_627, 31.383_988_984_341_16),
        ),
        (
            "the example of FAU-LMS/bjontegaard: x265 presets",
            curve(&[(9787.80, 40.121), (4469.00, 38.651), (2451.52, 36.970), (1356.24, 34.987)]),
            curve(&[(9487.76, 40.037), (4593.60, 38.615), (2486.44, 36.845), (1358.24, 34.851)]),
            (-4.417_485_350_589_045, -4.425_245_156_997_493),
        ),
        (
            "seven points against five",
            curve(&[
                (120.0, 28.1),
                (210.0, 30.4),
                (400.0, 32.9),
                (777.0, 35.0),
                (1500.0, 36.8),
                (2900.0, 38.1),
                (6100.0, 39.5),
            ]),
            curve(&[(150.0, 27.5), (390.0, 31.2), (990.0, 34.9), (2500.0, 37.3), (6900.0, 39.9)]),
            (-26.881_099_196_747_37, -26.799_764_021_752_694),
        ),
        (
            "SSIM in decibels",
            curve(
                &[0.91, 0.945, 0.967, 0.981]
                    .map(decibels)
                    .into_iter()
                    .zip([500.0, 1000.0, 2000.0, 4000.0])
                    .map(|(q, r)| (r, q))
                    .collect::<Vec<_>>(),
            ),
            curve(
                &[0.90, 0.942, 0.968, 0.980]
                    .map(decibels)
                    .into_iter()
                    .zip([600.0, 1300.0, 2600.0, 5200.0])
                    .map(|(q, r)| (r, q))
                    .collect::<Vec<_>>(),
            ),
            (-25.151_009_798_399_37, -25.145_940_455_347_46),
        ),
    ];
    for (what, test, anchor, (pchip, akima)) in cases {
        let result = bd_rate(&test, &anchor);
        assert_eq!(result.refusal, None, "{what}");
        assert_near(what, result.pchip.unwrap(), pchip);
        assert_near(what, result.akima.unwrap(), akima);
        assert_near(what, result.certificate.interpolation_gap.unwrap(), (pchip - akima).abs());
        assert!(result.certificate.test_monotone && result.certificate.anchor_monotone);
    }
}

#[test]
fn half_the_rate_everywhere_is_minus_fifty_percent() {
    let anchor = curve(&[(200.0, 30.0), (400.0, 32.0), (800.0, 34.0), (1600.0, 36.0)]);
    let test: Vec<Point> =
        anchor.iter().map(|&Point { rate, quality }| Point { rate: rate / 2.0, quality }).collect();
    let result = bd_rate(&test, &anchor);
    assert_near("PCHIP", result.pchip.unwrap(), -50.0);
    assert_near("Akima", result.akima.unwrap(), -50.0);
    let certificate = result.certificate;
    assert_eq!((certificate.test_points, certificate.anchor_points), (4, 4));
    assert_eq!((certificate.overlap_low, certificate.overlap_high), (Some(30.0), Some(36.0)));
    assert_near("overlap", certificate.overlap, 1.0);
}

#[test]
fn an_interpolation_gap_is_refused_and_its_size_kept() {
    // scipy and bjontegaard: 107.28321319907872 by PCHIP, 383.75845088854453 by Akima (1,488 by one polynomial).
    let test = curve(&[(100.0, 30.0), (101.0, 32.0), (400.0, 33.0), (1600.0, 33.5), (6400.0, 40.0)]);
    let anchor = curve(&[(90.0, 30.5), (300.0, 33.0), (900.0, 35.5), (2700.0, 38.0)]);
    let result = bd_rate(&test, &anchor);
    assert_eq!((result.pchip, result.akima), (None, None));
    let Some(Refusal::InterpolationGap { gap, most }) = result.refusal else { panic!("{result:?}") };
    assert_near("gap", gap, 383.758_450_888_544_53 - 107.283_213_199_078_72);
    assert_near("most", most, GREATEST_GAP);
}

#[test]
fn what_carries_no_figure_is_refused_with_its_reason() {
    let good = [(100.0, 30.0), (200.0, 32.0), (400.0, 34.0), (800.0, 36.0)];
    let with = |at: usize, point: (f64, f64)| {
        let mut points = good;
        points[at] = point;
        curve(&points)
    };
    let good = curve(&good);
    let refusal = |test: &[Point], anchor: &[Point]| bd_rate(test, anchor).refusal;
    assert_eq!(refusal(&good[..3], &good), Some(Refusal::TooFewPoints { test: 3, anchor: 4 }));
    assert_eq!(refusal(&good, &[]), Some(Refusal::TooFewPoints { test: 4, anchor: 0 }));
    let finite = |curve: &str| Some(Refusal::NotFinite { curve: curve.to_owned() });
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
        assert_eq!(refusal(&with(0, (bad, 30.0)), &good), finite("test"), "rate {bad}");
        assert_eq!(refusal(&good, &with(3, (bad, 36.0))), finite("anchor"), "rate {bad}");
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        assert_eq!(refusal(&with(3, (800.0, bad)), &good), finite("test"), "quality {bad}");
    }
    let monotone = Some(Refusal::NotMonotone { curve: "test".to_owned() });
    let twice_a_rate = with(1, (100.0, 32.0));
    let twice_a_quality = with(1, (200.0, 30.0));
    let hardly_apart = with(1, (200.0, 30.0 + 1e-9));
    let falling = with(1, (200.0, 29.0));
    for test in [twice_a_rate, twice_a_quality, hardly_apart, falling] {
        let result = bd_rate(&test, &good);
        assert_eq!(result.refusal, monotone, "{test:?}");
        assert!(!result.certificate.test_monotone && result.certificate.anchor_monotone);
    }
    let shifted = |by: f64| {
        good.iter().map(|point| Point { quality: point.quality + by, ..*point }).collect::<Vec<_>>()
    };
    let apart = bd_rate(&shifted(10.0), &good);
    assert_eq!(apart.refusal, Some(Refusal::LittleOverlap { overlap: 0.0, least: LEAST_OVERLAP }));
    assert_eq!((apart.certificate.overlap_low, apart.certificate.overlap_high), (None, None));
    let Some(Refusal::LittleOverlap { overlap, .. }) = refusal(&shifted(4.0), &good) else { panic!() };
    assert_near("overlap", overlap, 1.0 / 3.0);
    assert_eq!(refusal(&shifted(3.0), &good), None, "half of it is enough");
}

fn rising() -> impl Strategy<Value = Vec<Point>> {
    let steps = prop::collection::vec((0.1_f64..1.5, 0.5_f64..4.0), 4..9);
    (1e2_f64..1e5, 25_f64..30.0, steps).prop_map(|(rate, quality, steps)| {
        let mut at = Point { rate, quality };
        steps
            .into_iter()
            .map(|(octaves, decibels)| {
                at = Point { rate: at.rate * octaves.exp2(), quality: at.quality + decibels };
                at
            })
            .collect()
    })
}

fn anything() -> impl Strategy<Value = Vec<Point>> {
    let tame = (1e-3_f64..1e18, -1e6_f64..1e6);
    let point = prop_oneof![(any::<f64>(), any::<f64>()), tame];
    prop::collection::vec(point.prop_map(|(rate, quality)| Point { rate, quality }), 0..8)
}

proptest! {
    #[test]
    fn whatever_the_points_there_is_a_finite_figure_or_a_refusal(
        test in prop_oneof![anything(), rising()],
        anchor in prop_oneof![anything(), rising()],
    ) {
        let result = bd_rate(&test, &anchor);
        prop_assert_eq!(result.pchip.is_some(), result.refusal.is_none());
        prop_assert_eq!(result.akima.is_some(), result.refusal.is_none());
        let certificate = &result.certificate;
        let numbers = [result.pchip, result.akima, certificate.overlap_low, certificate.overlap_high,
            certificate.interpolation_gap, Some(certificate.overlap)];
        prop_assert!(numbers.into_iter().flatten().all(f64::is_finite), "{:?}", result);
        prop_assert!((0.0..=1.0).contains(&certificate.overlap));
    }

    #[test]
    fn exchanging_the_codecs_inverts_the_ratio_and_order_does_not_matter(one in rising(), other in rising()) {
        let (forth, back) = (bd_rate(&one, &other), bd_rate(&other, &one));
        if let (Some(forth), Some(back)) = (forth.pchip, back.pchip) {
            prop_assert!(((1.0 + forth / 100.0) * (1.0 + back / 100.0) - 1.0).abs() < 1e-9);
        }
        let reversed: Vec<Point> = one.iter().copied().rev().collect();
        prop_assert_eq!(bd_rate(&reversed, &other), forth);
    }

    #[test]
    fn a_curve_against_a_multiple_of_itself_is_that_multiple(curve in rising(), factor in 0.2_f64..5.0) {
        let scaled: Vec<Point> = curve.iter().map(|point| Point { rate: point.rate * factor, ..*point }).collect();
        let result = bd_rate(&scaled, &curve);
        prop_assert!((result.pchip.unwrap() - 100.0 * (factor - 1.0)).abs() < 1e-6, "{:?}", result);
        prop_assert!((result.akima.unwrap() - 100.0 * (factor - 1.0)).abs() < 1e-6, "{:?}", result);
    }
}
