//! `aiv1 compare`: records side by side, as tables and as an RD plot.

use super::{Context, OK, home};
use crate::arguments::Compare;
use crate::table::{Table, absent, bitrate};
use aiv1_charts::Theme;
use aiv1_lab::{Bundle, Error};
use aiv1_model::{Comparison, Digest, Metric, ModuleInfo, RatePoint, Record};
use std::process::ExitCode;

/// Prints the tables; `--plot` draws the curves.
pub(crate) fn compare(context: &Context, arguments: &Compare) -> Result<ExitCode, Error> {
    let home = home()?;
    let open = |path: &std::path::PathBuf| Bundle::open(path, &home);
    let bundles = arguments.bundles.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let records: Vec<&Record> = bundles.iter().map(Bundle::record).collect();
    let mut lines = table(&records);
    if let Some(path) = &arguments.plot {
        let svg = aiv1_charts::rate_distortion(&records, Theme::Paper);
        std::fs::write(path, svg).map_err(Error::file("write", path))?;
        lines.push(String::new());
        lines.push(format!("plot: {}", path.display()));
    }
    context.result(&records.iter().map(|record| summary(record)).collect::<Vec<_>>(), &lines)?;
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
        let name = label(records, record);
        let decoder = record
            .codec
            .decoder
            .as_ref()
            .map(|ModuleInfo { bytes, gzip_bytes, .. }| format!("{bytes} B ({gzip_bytes} gz)"));
        for RatePoint { clip, quality_index, bitrate: rate, quality, cost, .. } in &record.points {
            table.row(vec![
                name.clone(),
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
        match &record.failure {
            Some(failure) => table.row(vec![name, format!("failed: {}", failure.kind)]),
            None if record.points.is_empty() => table.row(vec![name, "no points".to_owned()]),
            None => {}
        }
    }
    table.lines()
}

/// One row a comparison, with the certificate of that very comparison; below, why some are not stated.
fn savings(records: &[&Record]) -> Vec<String> {
    let head = ["codec", "clip", "anchor", "metric", "BD-rate", "overlap", "points", "PCHIP-Akima gap"];
    let mut table = Table::new(&head);
    let mut refusals: Vec<(String, String, Vec<String>)> = Vec::new();
    for record in records {
        let (name, anchors) = (label(records, record), &record.settings.anchors);
        let place = |one: &Comparison| {
            let clip = record.clips.iter().position(|clip| clip.id == one.clip);
            let anchor = anchors.iter().position(|name| *name == one.anchor);
            let metric = Metric::ALL.iter().position(|metric| *metric == one.metric);
            [clip, anchor, metric].map(|place| place.unwrap_or(usize::MAX))
        };
        let mut rows: Vec<&Comparison> = record.comparisons.iter().collect();
        rows.sort_by_key(|one| place(one));
        for Comparison { clip, anchor, metric, bd_rate } in rows {
            let clip = clip_name(record, clip);
            let certificate = &bd_rate.certificate;
            table.row(vec![
                name.clone(),
                clip.clone(),
                anchor.clone(),
                metric.to_string(),
                absent(bd_rate.pchip.map(percent)),
                format!("{:.0} %", certificate.overlap * 100.0),
                format!("{}/{}", certificate.test_points, certificate.anchor_points),
                absent(certificate.interpolation_gap.map(|gap| format!("{gap:.2}"))),
            ]);
            if let Some(refusal) = &bd_rate.refusal {
                let (pair, reason) = (format!("{name} on {clip} against {anchor}"), refusal.to_string());
                let same = refusals.iter_mut().find(|(other, why, _)| *other == pair && *why == reason);
                match same {
                    Some((_, _, metrics)) => metrics.push(metric.to_string()),
                    None => refusals.push((pair, reason, vec![metric.to_string()])),
                }
            }
        }
    }
    let mut lines = table.lines();
    if !refusals.is_empty() {
        lines.push("not stated:".into());
        let line = |(pair, reason, metrics): (String, String, Vec<String>)| {
            format!("  {pair}: {reason} ({})", metrics.join(", "))
        };
        lines.extend(refusals.into_iter().map(line));
    }
    lines
}

/// The codec's name, with the start of its record's id where several go by that name.
fn label(records: &[&Record], record: &Record) -> String {
    let name = &record.codec.name;
    if records.iter().filter(|other| other.codec.name == *name).count() == 1 {
        return name.clone();
    }
    format!("{name} {}", record.id.to_string().chars().take(12).collect::<String>())
}

fn set(records: &[&Record]) -> Vec<String> {
    let mut table = Table::new(&["codec", "anchor", "metric", "BD-rate", "median", "clips"]);
    let mut any = false;
    for record in records.iter().filter(|record| record.clips.len() > 1) {
        let name = label(records, record);
        for one in &record.set {
            let figure = one.bd_rate.map(|spread| {
                format!("{} ({} … {})", percent(spread.mean), percent(spread.min), percent(spread.max))
            });
            let refused = format!("— (refused on {} clips)", one.refused);
            table.row(vec![
                name.clone(),
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
