//! What a chart is, whatever it shows.

use super::*;
use aiv1_model::{Decibels, FrameQuality, PlaneError, Quality};

fn curves() -> Vec<SearchCurve> {
    let hostile = "<script>alert(1)</script>\u{202e}\u{1b}[31m".to_owned();
    vec![
        SearchCurve {
            name: "search".to_owned(),
            steps: vec![(1, 30.0), (7, 12.5), (20, -3.0)],
            evaluations: 41,
        },
        SearchCurve { name: hostile, steps: vec![(2, 31.0), (9, f64::NAN), (11, 20.0)], evaluations: 13 },
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
    for svg in [search_progress(&curves(), Theme::Page), frames(&quality(300), "a clip", Theme::Page)] {
        assert!(svg.starts_with("<svg class=\"chart\" role=\"img\" aria-label=\""), "{}", &svg[..80]);
        assert!(svg.ends_with("</svg>") && !svg.contains("style="));
        for color in colors(&svg) {
            assert!(STYLESHEET.contains(&format!("\"{color}\"")), "{color} has no rule");
        }
    }
}

#[test]
fn names_are_escaped_and_cannot_turn_the_text() {
    let svg = search_progress(&curves(), Theme::Page);
    assert!(svg.contains("&lt;script&gt;"));
    assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains('\u{1b}'));
}

#[test]
fn an_arm_with_one_step_has_a_line_to_all_that_it_has_evaluated_over_whole_numbers() {
    let curve =
        |name: &str, evaluations| SearchCurve { name: name.to_owned(), steps: vec![(1, -4.0)], evaluations };
    let lines = |svg: &str| svg.matches("stroke-width=\"3\"").count();
    let svg = search_progress(&[curve("random", 3)], Theme::Page);
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
        search_progress(&[], Theme::Page),
        frames(&quality(0), "", Theme::Page),
        rate_distortion(&[], Theme::Paper),
    ] {
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}
