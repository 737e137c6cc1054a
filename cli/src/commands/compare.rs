//! `aiv1 compare`: records side by side, as tables and as an RD plot.

use super::{Context, OK};
use crate::arguments::Compare;
use crate::table::{Table, absent, bitrate};
use crate::{plot, setup};
use aiv1_lab::{Bundle, Error};
use aiv1_model::{Comparison, Digest, Metric, ModuleInfo, RatePoint, Record, Status};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Prints the tables; `--plot` draws the curves.
pub(crate) fn compare(context: &Context, arguments: &Compare) -> Result<ExitCode, Error> {
    let home = setup::home()?;
    let open = |path: &std::path::PathBuf| Bundle::open(path, home.root());
    let bundles = arguments.bundles.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let records: Vec<&Record> = bundles.iter().map(Bundle::record).collect();
    let mut lines = table(&records);
    if let Some(path) = &arguments.plot {
        let svg = plot::rate_distortion(&records);
        std::fs::write(path, svg).map_err(Error::file("write", path))?;
        lines.push(String::new());
        lines.push(format!("plot: {}", path.display()));
    }
    context.result(&records.iter().map(|record| summary(record)).collect::<Vec<_>>(), &lines);
    Ok(OK)
}

/// Rate points, savings with their certificates, and set figures of several records.
pub(crate) fn table(records: &[&Record]) -> Vec<String> {
    let mut lines = points(records);
    lines.push(String::new());
    lines.push(
        "Rate at equal quality against each anchor (BD-rate: negative needs less), with its certificate"
            .into(),
    );
    lines.extend(savings(records));
    let over_set = set(records);
    if !over_set.is_empty() {
        lines.push(String::new());
        lines.push("Over all clips: mean (least … greatest)".into());
        lines.extend(over_set);
    }
    lines
}

fn points(records: &[&Record]) -> Vec<String> {
    let head = [
        "codec",
        "clip",
        "q",
        "rate",
        "PSNR-Y",
        "PSNR-YUV",
        "SSIM-Y",
        "worst",
        "enc fuel/px",
        "dec fuel/px",
        "decoder",
    ];
    let mut table = Table::new(&head);
    for record in records {
        let decoder = record
            .codec
            .decoder
            .as_ref()
            .map(|ModuleInfo { bytes, gzip_bytes, .. }| format!("{bytes} B ({gzip_bytes} gz)"));
        for RatePoint { clip, quality_index, bitrate: rate, quality, cost, .. } in &record.points {
            table.row(vec![
                record.codec.name.clone(),
                clip_name(record, clip),
                quality_index.to_string(),
                bitrate(*rate),
                format!("{:.2}", quality.psnr_y),
                format!("{:.2}", quality.psnr_yuv),
                format!("{:.4}", quality.ssim_y),
                format!("{:.2}", quality.worst_psnr_y),
                format!("{:.0}", cost.encode_fuel_per_pixel),
                format!("{:.1}", cost.decode_fuel_per_pixel),
                absent(decoder.clone()),
            ]);
        }
        if record.points.is_empty() {
            let status = if record.status == Status::Failed { "failed" } else { "no points" };
            table.row(vec![record.codec.name.clone(), status.to_owned()]);
        }
    }
    table.lines()
}

/// One row a codec, clip and anchor; columns for the metrics.
fn savings(records: &[&Record]) -> Vec<String> {
    let mut table = Table::new(&[
        "codec",
        "clip",
        "anchor",
        "PSNR-Y",
        "PSNR-YUV",
        "SSIM-Y",
        "overlap",
        "points",
        "PCHIP-Akima",
    ]);
    let mut refusals = Vec::new();
    for record in records {
        let mut rows: BTreeMap<(usize, usize), Vec<&Comparison>> = BTreeMap::new();
        for comparison in &record.comparisons {
            let clip = record.clips.iter().position(|clip| clip.id == comparison.clip).unwrap_or(usize::MAX);
            let anchors = &record.settings.anchors;
            let anchor = anchors.iter().position(|name| *name == comparison.anchor).unwrap_or(usize::MAX);
            rows.entry((clip, anchor)).or_default().push(comparison);
        }
        for row in rows.values() {
            let Some(first) = row.first() else { continue };
            let (name, clip) = (&record.codec.name, clip_name(record, &first.clip));
            let mut cells = vec![name.clone(), clip.clone(), first.anchor.clone()];
            for metric in Metric::ALL {
                let comparison = row.iter().find(|comparison| comparison.metric == metric);
                cells.push(absent(comparison.and_then(|one| one.bd_rate.pchip).map(percent)));
                if let Some(refusal) = comparison.and_then(|one| one.bd_rate.refusal.as_ref()) {
                    refusals.push(format!(
                        "  — {name} on {clip} against {} in {metric}: {refusal}",
                        first.anchor
                    ));
                }
            }
            let certificate = &first.bd_rate.certificate;
            cells.push(format!("{:.0} %", certificate.overlap * 100.0));
            cells.push(format!("{}/{}", certificate.test_points, certificate.anchor_points));
            cells.push(absent(certificate.interpolation_gap.map(|gap| format!("{gap:.2}"))));
            table.row(cells);
        }
    }
    let mut lines = table.lines();
    if !refusals.is_empty() {
        lines.push("not stated:".into());
        lines.extend(refusals);
    }
    lines
}

fn set(records: &[&Record]) -> Vec<String> {
    let mut table = Table::new(&["codec", "anchor", "metric", "BD-rate", "median", "clips"]);
    let mut any = false;
    for record in records.iter().filter(|record| record.clips.len() > 1) {
        for one in &record.set {
            let figure = one.bd_rate.map(|spread| {
                format!("{} ({} … {})", percent(spread.mean), percent(spread.min), percent(spread.max))
            });
            let refused = format!("— (refused on {} clips)", one.refused);
            table.row(vec![
                record.codec.name.clone(),
                one.anchor.clone(),
                one.metric.to_string(),
                figure.unwrap_or(refused),
                absent(one.bd_rate.map(|spread| percent(spread.median))),
                absent(one.bd_rate.map(|spread| spread.clips.to_string())),
            ]);
            any = true;
        }
    }
    if any { table.lines() } else { Vec::new() }
}

fn percent(value: f64) -> String {
    format!("{value:+.1} %")
}

fn clip_name(record: &Record, id: &Digest) -> String {
    let clip = record.clips.iter().find(|clip| clip.id == *id);
    clip.map_or_else(|| id.abbreviated(), |clip| clip.name.clone())
}

fn summary(record: &Record) -> serde_json::Value {
    serde_json::json!({ "id": record.id, "codec": record.codec.name, "status": record.status,
        "comparisons": record.comparisons, "set": record.set })
}
