//! What is done to the pictures of a file before they are measured: each step said, everything else refused.

use crate::Error;
use crate::color::{HLG, PQ, color};
use crate::limits::{MAX_SIDE, MIN_SIDE};
use crate::probe::{PixelFormat, Probe, SideData};
use aiv1_model::{ColorInfo, Conversion};
use std::path::Path;

/// The scaler's flags: exact arithmetic, the same in every build of ffmpeg.
const SCALER: &str = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact";

/// BT.709, where the conversion from RGB brings the pictures.
const BT709: u8 = 1;

/// The filters, what comes out of them, and what they did.
#[derive(Debug)]
pub(crate) struct Plan {
    /// ffmpeg's filter chain; it fails if a picture is of another size or format than the first.
    pub(crate) filters: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) color: ColorInfo,
    pub(crate) conversions: Vec<Conversion>,
}

/// Decides, or refuses by name.
pub(crate) fn plan(path: &Path, probe: &Probe) -> Result<Plan, Error> {
    refuse(path, probe)?;
    let mut conversions = Vec::new();
    let mut said = |what: &str, from: String, to: String, how: &str| {
        let (what, how) = (what.to_owned(), how.to_owned());
        conversions.push(Conversion { what, from, to, how });
    };
    if probe.video_streams > 1 {
        let how = format!("-map 0:{}", probe.stream.index);
        said("streams", format!("{} video streams", probe.video_streams), "the first".to_owned(), &how);
    }
    let aspect = probe.stream.sample_aspect_ratio.as_str();
    if !matches!(aspect, "" | "0:1" | "1:1" | "N/A") {
        said(
            "pixel_aspect",
            aspect.to_owned(),
            "1:1".to_owned(),
            "the samples are kept, the aspect ratio is not",
        );
    }
    let (mut width, mut height) = (probe.picture.width & !1, probe.picture.height & !1);
    let mut filters = guard(probe, width, height);
    if (width, height) != (probe.picture.width, probe.picture.height) {
        let from = format!("{}x{}", probe.picture.width, probe.picture.height);
        let how = format!("crop={width}:{height}:0:0 (the last column or row)");
        said("odd_size", from, format!("{width}x{height}"), &how);
    }
    let mut color = color(probe);
    let pixels = &probe.pixels;
    if let Some(scale) = scale(pixels, &mut color) {
        if pixels.is("rgb") {
            said("chroma", pixels.name.clone(), "yuv420p, BT.709, limited range".to_owned(), &scale);
        } else if pixels.is_gray() || (pixels.log2_chroma_w, pixels.log2_chroma_h) != (1, 1) {
            said("chroma", pixels.name.clone(), "yuv420p".to_owned(), &scale);
        }
        if pixels.depth() != 8 {
            said(
                "bit_depth",
                format!("{} bits ({})", pixels.depth(), pixels.name),
                "8 bits".to_owned(),
                &scale,
            );
        }
        filters = format!("{filters},{scale}");
    }
    if let Some((degrees, filter)) = rotation(path, &probe.stream.side_data_list)? {
        if degrees != 180 {
            (width, height) = (height, width);
        }
        said("rotation", format!("to be turned {degrees} degrees clockwise"), "turned".to_owned(), filter);
        filters = format!("{filters},{filter}");
    }
    if width < MIN_SIDE || height < MIN_SIDE {
        let reason = format!("at least {MIN_SIDE}x{MIN_SIDE} is measured");
        let fix = "enlarge it: ffmpeg -i INPUT -vf scale=64:-2 OUTPUT.mkv";
        return Err(Error::refused(path, "size", format!("{width}x{height}"), reason, fix));
    }
    Ok(Plan { filters, width, height, color, conversions })
}

/// What has no conversion that the lab would call the same clip.
fn refuse(path: &Path, probe: &Probe) -> Result<(), Error> {
    let (stream, picture, pixels) = (&probe.stream, &probe.picture, &probe.pixels);
    let (width, height) = (picture.width, picture.height);
    if width.max(height) > MAX_SIDE {
        let reason = format!("at most {MAX_SIDE}x{MAX_SIDE} is read");
        let fix = "reduce it: ffmpeg -i INPUT -vf scale=1920:-2 OUTPUT.mkv";
        return Err(Error::refused(path, "size", format!("{width}x{height}"), reason, fix));
    }
    for transfer in [&picture.color_transfer, &stream.color_transfer].into_iter().flatten() {
        if transfer == PQ || transfer == HLG {
            let reason = "HDR has no 8-bit form that the metrics of this lab hold for";
            let fix = "tone-map it first: ffmpeg -i INPUT -vf zscale=t=linear:npl=100,tonemap=hable,\
                       zscale=p=bt709:t=bt709:m=bt709,format=yuv420p OUTPUT.mkv";
            return Err(Error::refused(path, "transfer", transfer.as_str(), reason, fix));
        }
    }
    if stream.side_data_list.iter().any(|data| data.side_data_type.starts_with("DOVI")) {
        let fix = "tone-map it first, with a player that knows it";
        return Err(Error::refused(path, "transfer", "Dolby Vision", "HDR is not measured", fix));
    }
    let fields = matches!(stream.field_order.as_str(), "tt" | "bb" | "tb" | "bt");
    if fields || picture.interlaced_frame != 0 {
        let order = match stream.field_order.as_str() {
            "tt" => "tt (interlaced, top field first)",
            "bb" => "bb (interlaced, bottom field first)",
            "tb" => "tb (interlaced, top coded first, bottom shown first)",
            "bt" => "bt (interlaced, bottom coded first, top shown first)",
            _ => "unknown (the first picture is interlaced)",
        };
        let fix = "deinterlace it first: ffmpeg -i INPUT -vf bwdif=send_frame -c:v ffv1 OUTPUT.mkv";
        return Err(Error::refused(path, "field order", order, "only whole frames are measured", fix));
    }
    let alpha = stream.tags.get("alpha_mode").is_some_and(|mode| mode != "0");
    if pixels.is("alpha") || alpha {
        let value = if alpha { "alpha_mode" } else { pixels.name.as_str() };
        let fix = "flatten it first: ffmpeg -i INPUT -vf format=yuv420p -c:v ffv1 OUTPUT.mkv";
        return Err(Error::refused(path, "pixel format", value, "it has an alpha channel", fix));
    }
    if pixels.is("hwaccel") || pixels.name.starts_with("xyz") || pixels.name.starts_with("bayer") {
        let fix = "convert it first: ffmpeg -i INPUT -vf format=yuv420p -c:v ffv1 OUTPUT.mkv";
        return Err(Error::refused(
            path,
            "pixel format",
            pixels.name.as_str(),
            "it is not YUV, RGB or gray",
            fix,
        ));
    }
    Ok(())
}

/// Filters that pass pictures of the first one's size and format, cropped to an even size, and fail on any other:
/// with `-noauto_conversion_filters` a change of either in mid-stream is an error instead of a silent rescaling.
pub(crate) fn guard(probe: &Probe, width: u32, height: u32) -> String {
    let format = match probe.picture.pix_fmt.as_str() {
        // Two names of the same samples, according to ffmpeg's version.
        "yuv420p" | "yuvj420p" => "yuv420p|yuvj420p",
        other => other,
    };
    let (from_width, from_height) = (probe.picture.width, probe.picture.height);
    format!(
        "format=pix_fmts={format},\
         crop=w='if(eq(iw,{from_width})*eq(ih,{from_height}),{width},-1)':h={height}:x=0:y=0:exact=1"
    )
}

/// The filter to 8-bit 4:2:0, unless the pictures are that already.
fn scale(pixels: &PixelFormat, color: &mut ColorInfo) -> Option<String> {
    if matches!(pixels.name.as_str(), "yuv420p" | "yuvj420p") {
        return None;
    }
    if pixels.is("rgb") {
        (color.matrix, color.full_range) = (BT709, false);
        return Some(format!(
            "scale=in_range=full:out_range=limited:out_color_matrix=bt709:flags={SCALER},format=pix_fmts=yuv420p"
        ));
    }
    let range = if color.full_range { "full" } else { "limited" };
    Some(format!("scale=in_range={range}:out_range={range}:flags={SCALER},format=pix_fmts=yuv420p"))
}

/// The turn that the display matrix asks for, clockwise, and the filter that does it. Flips, skews and scalings are
/// refused.
fn rotation(path: &Path, side_data: &[SideData]) -> Result<Option<(u32, &'static str)>, Error> {
    let Some(text) = side_data.iter().find_map(|data| data.displaymatrix.as_deref()) else { return Ok(None) };
    let rows = text.lines().filter_map(|line| line.split_once(':'));
    let matrix: Vec<i64> =
        rows.flat_map(|(_, row)| row.split_whitespace().filter_map(|value| value.parse().ok())).collect();
    let linear = [0, 1, 3, 4].map(|index| matrix.get(index).copied().unwrap_or(0).signum());
    let units = matrix.iter().enumerate().all(|(index, &value)| match index {
        0 | 1 | 3 | 4 => matches!(value.abs(), 0 | 0x1_0000),
        _ => true,
    });
    match linear {
        [1, 0, 0, 1] if units => Ok(None),
        [0, 1, -1, 0] if units => Ok(Some((90, "transpose=clock"))),
        [-1, 0, 0, -1] if units => Ok(Some((180, "hflip,vflip"))),
        [0, -1, 1, 0] if units => Ok(Some((270, "transpose=cclock"))),
        _ => {
            let value = matrix.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let reason = "only turns by 90, 180 and 270 degrees are applied";
            let fix = "apply it first: ffmpeg -i INPUT -c:v ffv1 OUTPUT.mkv";
            Err(Error::refused(path, "display matrix", value, reason, fix))
        }
    }
}
