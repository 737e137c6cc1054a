//! `points.csv`: every rate point of the codec and of the anchors (RFC 4180).

use crate::experiments::{FRESH, version};
use aiv1_model::{Digest, ExperimentId, Quality, Record, Retraction};
use aiv1_presign::ExperimentPath;
use aiv1_store::Error as StoreError;
use aiv1_web::{Path, Problem, Services, conditional_on};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use std::fmt::Display;

const COLUMNS: &str = "experiment,kind,name,clip,clip_name,quality_index,stream_bytes,payload_bytes,bitrate,psnr_y,psnr_u,\
    psnr_v,psnr_yuv,ssim_y,worst_psnr_y,worst_ssim_y,vmaf,encode_fuel_per_pixel,decode_fuel_per_pixel,stream_sha256,retracted_at";

pub(crate) async fn get(
    State(services): State<Services>,
    Path(of): Path<ExperimentPath>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let version = version(&services).await?;
    conditional_on(&request, &version, FRESH, async {
        let (record, retraction) = record(&services, &of.id).await?;
        let text = csv(&record, retraction.as_ref());
        let name = format!("attachment; filename=\"{}_points.csv\"", of.id);
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
            (header::CONTENT_DISPOSITION, name),
        ];
        Ok((headers, text).into_response())
    })
    .await
}

async fn record(services: &Services, id: &ExperimentId) -> Result<(Record, Option<Retraction>), Problem> {
    let experiment =
        services.catalog.experiment(id).await?.ok_or_else(|| StoreError::NoExperiment(id.clone()))?;
    let record = services.catalog.record(id).await?;
    let record =
        record.ok_or_else(|| Problem::NotFound(format!("{id} has no points: nothing of it is published")))?;
    Ok((record, experiment.retraction))
}

/// The last column says since when the result is taken back, if it is.
fn csv(record: &Record, retraction: Option<&Retraction>) -> String {
    let retracted_at = retraction.map(|retraction| retraction.at.to_string()).unwrap_or_default();
    let mut text = format!("{COLUMNS}\r\n");
    let clip_name =
        |id: Digest| record.clips.iter().find(|clip| clip.id == id).map_or("", |clip| clip.name.as_str());
    for point in &record.points {
        let mut row = Row::new(&mut text);
        row.text(record.id.as_str()).text("codec").text(&record.codec.name);
        row.value(point.clip).text(clip_name(point.clip)).value(point.quality_index);
        row.value(point.stream.bytes).value(point.stream.payload_bytes).value(point.bitrate);
        row.quality(&point.quality);
        row.value(point.cost.encode_fuel_per_pixel).value(point.cost.decode_fuel_per_pixel);
        row.value(point.stream.sha256).value(&retracted_at).end();
    }
    for point in &record.anchors {
        let mut row = Row::new(&mut text);
        row.text(record.id.as_str()).text("anchor").text(&point.encode.anchor);
        row.value(point.clip).text(clip_name(point.clip)).absent();
        row.value(point.stream_bytes).absent().value(point.bitrate);
        row.quality(&point.quality);
        row.absent().absent().value(point.stream_sha256).value(&retracted_at).end();
    }
    text
}

/// One line in the making.
struct Row<'t> {
    text: &'t mut String,
    first: bool,
}

impl<'t> Row<'t> {
    fn new(text: &'t mut String) -> Self {
        Self { text, first: true }
    }

    /// A number, a digest, a word of ours: nothing in it needs quotes.
    fn value(&mut self, value: impl Display) -> &mut Self {
        if !std::mem::take(&mut self.first) {
            self.text.push(',');
        }
        self.text.push_str(&value.to_string());
        self
    }

    /// A value that nobody measured.
    fn absent(&mut self) -> &mut Self {
        self.value("")
    }

    /// Anybody's text: quoted where needed, and never a formula to the program that opens the file.
    fn text(&mut self, text: &str) -> &mut Self {
        let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        let text = if formula { format!("'{text}") } else { text.to_owned() };
        if text.contains([',', '"', '\r', '\n']) {
            self.value(format!("\"{}\"", text.replace('"', "\"\"")))
        } else {
            self.value(text)
        }
    }

    fn quality(&mut self, quality: &Quality) -> &mut Self {
        for psnr in [quality.psnr_y, quality.psnr_u, quality.psnr_v, quality.psnr_yuv] {
            self.value(format!("{psnr:.6}"));
        }
        self.value(quality.ssim_y);
        self.value(format!("{:.6}", quality.worst_psnr_y)).value(quality.worst_ssim_y);
        match quality.vmaf {
            Some(vmaf) => self.value(vmaf),
            None => self.absent(),
        }
    }

    fn end(&mut self) {
        self.text.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_needed_and_never_a_formula() {
        let mut text = String::new();
        let mut row = Row::new(&mut text);
        row.text("plain")
            .text("a,\"b\"\r\nc")
            .text("=cmd|' /C calc'!A0")
            .text("-1+2")
            .absent()
            .value(1.5)
            .end();
        assert_eq!(text, "plain,\"a,\"\"b\"\"\r\nc\",'=cmd|' /C calc'!A0,'-1+2,,1.5\r\n");
    }
}
