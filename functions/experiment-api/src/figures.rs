//! Whether the figures of a record follow from its own measurements.
//!
//! Rates follow from sizes, PSNR and SSIM from the per-frame series, savings from the points; all of it is computed again
//! with the code that workers use, and what differs is refused by name. What only decoding could show (that a stream gives
//! these squared errors) is left to whoever verifies the bundle.

mod difference;
mod shape;

use aiv1_model::api::ClipEntry;
use aiv1_model::{AnchorPoint, ClipInfo, Digest, Quality, RatePoint, Record, Status};
use aiv1_web::Problem;
use difference::{Difference, difference};

/// Refuses a record whose points are not those that were asked for, or whose figures do not follow from them.
pub(crate) fn check(record: &Record, known: &[ClipEntry]) -> Result<(), Problem> {
    check_clips(record, known)?;
    shape::check(record)?;
    let derived = derive(record)?;
    let value = |record| serde_json::to_value(record).map_err(Problem::internal);
    match difference(&value(record.clone().without_series())?, &value(derived)?) {
        None => Ok(()),
        Some(Difference { field, recorded, derived }) => {
            refuse(format!("record.{field} is {recorded}, but {derived} follows from what was measured"))
        }
    }
}

fn refuse<T>(text: String) -> Result<T, Problem> {
    Err(Problem::Refused(text))
}

/// The clips are described as the lab knows them: rates and costs are made of their sizes and durations.
fn check_clips(record: &Record, known: &[ClipEntry]) -> Result<(), Problem> {
    for (index, clip) in record.clips.iter().enumerate() {
        let Some(entry) = known.iter().find(|entry| entry.info.id == clip.id) else {
            return refuse(format!("record.clips[{index}] is {}, which /api/clips does not list", clip.id));
        };
        let known = &entry.info;
        let fits = [
            ("name", clip.name == known.name),
            ("format", clip.format == known.format),
            ("frames", clip.frames == known.frames),
            ("frame_limit", clip.frame_limit == known.frame_limit),
            ("class", clip.class == known.class),
            ("source.name", clip.source.name == known.source.name),
            ("source.sha256", clip.source.sha256 == known.source.sha256),
            ("source.bytes", clip.source.bytes == known.source.bytes),
        ];
        if let Some((field, _)) = fits.iter().find(|(_, fits)| !fits) {
            let id = clip.id;
            return refuse(format!(
                "record.clips[{index}].{field} is not that of the clip {id} in /api/clips"
            ));
        }
    }
    Ok(())
}

/// The record without its series, every figure made again.
fn derive(record: &Record) -> Result<Record, Problem> {
    let mut derived = record.clone().without_series();
    for (index, (point, made)) in record.points.iter().zip(&mut derived.points).enumerate() {
        *made = rate_point(point, clip_of(record, point.clip)?, &format!("points[{index}]"))?;
    }
    for (index, (point, made)) in record.anchors.iter().zip(&mut derived.anchors).enumerate() {
        *made = anchor_point(point, clip_of(record, point.clip)?, &format!("anchors[{index}]"))?;
    }
    let succeeded = record.status == Status::Successful;
    let comparisons = || aiv1_quality::comparisons(&derived.points, &derived.anchors);
    derived.comparisons = if succeeded { comparisons() } else { Vec::new() };
    derived.set = aiv1_quality::compare_set(&derived.comparisons);
    Ok(derived)
}

fn clip_of(record: &Record, id: Digest) -> Result<&ClipInfo, Problem> {
    let clip = record.clips.iter().find(|clip| clip.id == id);
    clip.ok_or_else(|| {
        Problem::Refused(format!("a point is of the clip {id}, which the record does not list"))
    })
}

fn rate_point(point: &RatePoint, clip: &ClipInfo, at: &str) -> Result<RatePoint, Problem> {
    let mut made = RatePoint { quality: quality(&point.quality, clip, at)?, ..point.clone() };
    made.stream.payload_bytes = point.stream.payload_bytes.min(point.stream.bytes);
    made.bitrate = clip.bitrate(point.stream.bytes);
    made.cost.encode_fuel_per_pixel = clip.per_pixel(point.cost.encode_fuel);
    made.cost.decode_fuel_per_pixel = clip.per_pixel(point.cost.decode_fuel);
    Ok(made)
}

fn anchor_point(point: &AnchorPoint, clip: &ClipInfo, at: &str) -> Result<AnchorPoint, Problem> {
    let quality = quality(&point.quality, clip, at)?;
    Ok(AnchorPoint { quality, bitrate: clip.bitrate(point.stream_bytes), ..point.clone() })
}

/// What the series of a clip's frames sums up to, without the series.
fn quality(recorded: &Quality, clip: &ClipInfo, at: &str) -> Result<Quality, Problem> {
    let frames = &recorded.frames;
    if frames.len() as u64 != clip.frames {
        let (has, frames) = (frames.len(), clip.frames);
        return refuse(format!(
            "record.{at}.quality.frames has {has} entries, but the clip has {frames} frames"
        ));
    }
    let chroma = (clip.format.frame_bytes() - clip.format.pixels()) / 2;
    let most = [clip.format.pixels(), chroma, chroma].map(|samples| samples.saturating_mul(255 * 255));
    let possible = |frame: &aiv1_model::FrameQuality| {
        frame.squared_error.iter().zip(most).all(|(error, most)| *error <= most)
            && (-1.0..=1.0).contains(&frame.ssim_y)
    };
    if let Some(frame) = frames.iter().position(|frame| !possible(frame)) {
        return refuse(format!("record.{at}.quality.frames[{frame}] is not what 8-bit frames can give"));
    }
    let (width, height) = (clip.format.width as usize, clip.format.height as usize);
    let made = aiv1_quality::summarise(width, height, frames.clone());
    let made = made.map_err(|error| Problem::Refused(format!("record.{at}.quality: {error}")))?;
    Ok(Quality { frames: Vec::new(), ..made })
}
