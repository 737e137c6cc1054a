//! Quality frame by frame: luma PSNR above, luma SSIM below.

use crate::Theme;
use crate::rate_distortion::bounds;
use crate::sheet::{Drawn, Sheet};
use crate::text::plain;
use crate::theme::{BOX, FAINT, RULE, series};
use crate::ticks::Amount;
use aiv1_model::{Decibels, Quality};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Most points of a line: a sheet is not much wider in pixels. More frames than that are drawn in groups.
const MOST: usize = 900;

/// One group of frames: the first, the mean and the least of it; `None` where no frame has a finite value.
type Group = (f64, Option<(f64, f64)>);

/// Draws the series of one rate point.
#[must_use]
pub fn frames(quality: &Quality, name: &str, theme: Theme) -> String {
    let count = quality.frames.len();
    let samples = quality.planes[0].samples / count.max(1) as u64;
    let psnr = quality
        .frames
        .iter()
        .map(|frame| Decibels::from_squared_error(frame.squared_error[0], samples).finite());
    let (psnr, size) = groups(psnr);
    let (ssim, _) =
        groups(quality.frames.iter().map(|frame| frame.ssim_y.is_finite().then_some(frame.ssim_y)));
    let grouped = if size > 1 {
        format!(" {size} frames are drawn as one: their mean and their least.")
    } else {
        String::new()
    };
    let sheet = Sheet {
        size: (960, 480),
        title: format!("Quality frame by frame: {}", plain(name)),
        description: format!(
            "Luma PSNR and luma SSIM of {count} frames. Worst frame: PSNR {} at frame {}, SSIM {:.4} at frame {}. Frames \
             without error have no finite PSNR and are left out.{grouped}",
            quality.worst_psnr_y, quality.worst_psnr_frame, quality.worst_ssim_y, quality.worst_ssim_frame
        ),
    };
    sheet.draw(theme, |root| {
        let (above, below) = root.split_vertically(250);
        panel(&above, "PSNR-Y, dB", &psnr, (0, 0.5), count)?;
        panel(&below, "SSIM-Y", &ssim, (2, 0.002), count)
    })
}

/// At most [`MOST`] groups of equal size, and that size.
fn groups(values: impl ExactSizeIterator<Item = Option<f64>>) -> (Vec<Group>, usize) {
    let size = values.len().div_ceil(MOST).max(1);
    let values: Vec<Option<f64>> = values.collect();
    let group = |(index, group): (usize, &[Option<f64>])| {
        let finite = || group.iter().flatten();
        let least = finite().copied().reduce(f64::min);
        let mean = finite().sum::<f64>() / finite().count() as f64;
        ((index * size) as f64, least.map(|least| (mean, least)))
    };
    (values.chunks(size).enumerate().map(group).collect(), size)
}

fn panel<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    name: &str,
    groups: &[Group],
    (index, room): (usize, f64),
    count: usize,
) -> Drawn<DB> {
    let values = || groups.iter().filter_map(|group| group.1);
    let (worst, best) = bounds(values().flat_map(|(mean, least)| [mean, least]));
    let room = room.max((best - worst) * 0.08);
    let last = (count.max(2) - 1) as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(Amount::counted(last), worst - room..best + room)?;
    let digits = if best - worst > 4.0 { 0 } else { 3_usize.saturating_sub(usize::from(best > 2.0) * 2) };
    chart
        .configure_mesh()
        .x_desc("frame")
        .y_desc(name)
        .x_label_formatter(&|frame| format!("{frame:.0}"))
        .y_label_formatter(&move |value| format!("{value:.digits$}"))
        .y_labels(6)
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .max_light_lines(1)
        .bold_line_style(RULE)
        .light_line_style(FAINT)
        .draw()?;
    let least = |(frame, group): &Group| group.map(|(_, least)| (*frame, least));
    let mean = |(frame, group): &Group| group.map(|(mean, _)| (*frame, mean));
    if groups.len() < count {
        for run in runs(groups.iter().map(least)) {
            chart.draw_series(LineSeries::new(run, BOX.stroke_width(1)))?;
        }
    }
    for run in runs(groups.iter().map(mean)) {
        chart.draw_series(LineSeries::new(run, series(index).stroke_width(2)))?;
    }
    Ok(())
}

/// Unbroken pieces: a line never runs across a frame that has no value.
fn runs(points: impl Iterator<Item = Option<(f64, f64)>>) -> Vec<Vec<(f64, f64)>> {
    let mut runs = vec![Vec::new()];
    for point in points {
        match (point, runs.last_mut()) {
            (Some(point), Some(run)) => run.push(point),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}
