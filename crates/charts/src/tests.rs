//! What a chart is, whatever it shows.

use super::*;
use aiv1_model::{Decibels, FrameQuality, PlaneError, Quality};

fn curves() -> Vec<SearchCurve> {
    let hostile = "<script>alert(1)</script>\u{202e}\u{1b}[31m".to_owned();
    vec![
        SearchCurve {
            name: "search".to_owned(),
            steps: vec![(1.0, 30.0), (7.0, 12.5), (20.0, -3.0)],
            spent: 41.0,
        },
        SearchCurve { name: hostile, steps: vec![(2.0, 31.0), (9.0, f64::NAN), (11.0, 20.0)], spent: 13.0 },
    ]
}

fn quality(count: usize) -> Quality {
    let frame = |index: usize| FrameQuality {
        squared_error: [if index % 50 == 49 { 0 } else { 4_000 + (index as u64 * 37) % 900 }, 10, 10],
        ssim_y: 0.97 + (index % 7) as f64 * 1e-3,
    };
    let plane = PlaneError { squared_error: 4_000 * count as u64, samples: 6_400 * count as u64 };
    Quality {
        planes: [plane; 3],
        psnr_y: plane.psnr(),
        psnr_u: plane.psnr(),
        psnr_v: plane.psnr(),
        psnr_yuv: plane.psnr(),
        ssim_y: 0.97,
        worst_psnr_y: Decibels::Finite(49.1),
        worst_psnr_frame: 3,
        worst_ssim_y: 0.97,
        worst_ssim_frame: 0,
        vmaf: None,
        frames: (0..count).map(frame).collect(),
    }
}

/// Colours that an SVG names.
fn colors(svg: &str) -> std::collections::BTreeSet<&str> {
    svg.match_indices("\"#").map(|(at, _)| &svg[at + 1..at + 8]).collect()
}

#[test]
fn on_a_page_every_colour_follows_the_theme() {
    for svg in [
        search_progress(&curves(), Budget::Experiments, Theme::Page),
        frames(&quality(300), "a clip", Theme::Page),
    ] {
        assert!(svg.starts_with("<svg class=\"chart\" role=\"img\" aria-label=\""), "{}", &svg[..80]);
        assert!(svg.ends_with("</svg>") && !svg.contains("style="));
        for color in colors(&svg) {
            assert!(STYLESHEET.contains(&format!("\"{color}\"")), "{color} has no rule");
        }
    }
}

#[test]
fn names_are_escaped_and_cannot_turn_the_text() {
    let svg = search_progress(&curves(), Budget::Experiments, Theme::Page);
    assert!(svg.contains("&lt;script&gt;"));
    assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains('\u{1b}'));
}

#[test]
fn an_arm_with_one_step_has_a_line_to_all_that_it_has_evaluated_over_whole_numbers() {
    let curve = |name: &str, spent| SearchCurve { name: name.to_owned(), steps: vec![(1.0, -4.0)], spent };
    let lines = |svg: &str| svg.matches("stroke-width=\"3\"").count();
    let svg = search_progress(&[curve("random", 3.0)], Budget::Experiments, Theme::Page);
    // One in the legend, one from the first evaluation to the third.
    assert_eq!(lines(&svg), 2, "{svg}");
    for count in 0..=3 {
        assert_eq!(svg.matches(&format!(">{count}</text>")).count(), 1, "label {count}");
    }
}

#[test]
fn an_image_carries_its_own_stylesheet() {
    let svg = frames(&quality(300), "a clip", Theme::Image);
    assert!(svg.contains("<style>svg.chart{") && svg.contains("prefers-color-scheme"));
}

#[test]
fn a_long_series_is_drawn_in_groups_and_says_so() {
    let svg = frames(&quality(20_000), "a clip", Theme::Image);
    assert!(svg.contains("23 frames are drawn as one"));
    assert!(svg.len() < 60_000, "{} bytes", svg.len());
    assert!(!frames(&quality(200), "a clip", Theme::Image).contains("drawn as one"));
}

#[test]
fn nothing_to_draw_is_still_a_chart() {
    for svg in [
        search_progress(&[], Budget::Experiments, Theme::Page),
        search_progress(&[], Budget::Dollars, Theme::Page),
        calibration(&[], Theme::Page),
        frames(&quality(0), "", Theme::Page),
        rate_distortion(&[], Theme::Paper),
    ] {
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}

#[test]
fn money_has_fractions_and_its_labels_say_them() {
    let curve = SearchCurve { name: "llm".to_owned(), steps: vec![(0.2, 3.0), (0.5, -4.0)], spent: 0.9 };
    let svg = search_progress(&[curve], Budget::Dollars, Theme::Page);
    for label in ["0", "0.2", "0.4", "0.8", "cost of the model, US dollars"] {
        assert!(svg.contains(&format!(">{label}</text>")), "{label}: {svg}");
    }
}

#[test]
fn a_prediction_is_a_point_and_what_is_no_number_is_none() {
    let points = vec![(-5.0, -3.0), (-2.0, 1.5), (f64::NAN, 1.0)];
    let svg = calibration(&[Predictions { name: "search".to_owned(), points }], Theme::Page);
    // One in the legend.
    assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
    assert!(svg.contains(">predicted BD-rate, %</text>"));
}
