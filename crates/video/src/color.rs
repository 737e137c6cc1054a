//! ffmpeg's names of colour properties as the code points of ITU-T H.273.

use crate::probe::Probe;
use aiv1_model::ColorInfo;

/// Unspecified.
const UNSPECIFIED: u8 = 2;

const PRIMARIES: &[(&str, u8)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("film", 8),
    ("bt2020", 9),
    ("smpte428", 10),
    ("smpte431", 11),
    ("smpte432", 12),
    ("ebu3213", 22),
];

const TRANSFERS: &[(&str, u8)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("gamma22", 4),
    ("bt470bg", 5),
    ("gamma28", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("linear", 8),
    ("log100", 9),
    ("log316", 10),
    ("iec61966-2-4", 11),
    ("bt1361e", 12),
    ("iec61966-2-1", 13),
    ("bt2020-10", 14),
    ("bt2020-12", 15),
    (PQ, 16),
    ("smpte428", 17),
    (HLG, 18),
];

const MATRICES: &[(&str, u8)] = &[
    ("gbr", 0),
    ("bt709", 1),
    ("fcc", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("ycgco", 8),
    ("bt2020nc", 9),
    ("bt2020c", 10),
    ("smpte2085", 11),
    ("chroma-derived-nc", 12),
    ("chroma-derived-c", 13),
    ("ictcp", 14),
];

/// The perceptual quantiser of SMPTE ST 2084, as ffmpeg calls it.
pub(crate) const PQ: &str = "smpte2084";

/// Hybrid log-gamma, as ffmpeg calls it.
pub(crate) const HLG: &str = "arib-std-b67";

/// The colour of the pictures as they are coded: what the first picture says, else what the container says.
pub(crate) fn color(probe: &Probe) -> ColorInfo {
    let (picture, stream) = (&probe.picture, &probe.stream);
    let code = |table: &[(&str, u8)], picture: &Option<String>, stream: &Option<String>| {
        let find = |name: &Option<String>| {
            let name = name.as_deref()?;
            table.iter().find(|(known, _)| *known == name).map(|&(_, code)| code)
        };
        find(picture).or_else(|| find(stream)).unwrap_or(UNSPECIFIED)
    };
    ColorInfo {
        primaries: code(PRIMARIES, &picture.color_primaries, &stream.color_primaries),
        transfer: code(TRANSFERS, &picture.color_transfer, &stream.color_transfer),
        matrix: code(MATRICES, &picture.color_space, &stream.color_space),
        full_range: is_full_range(probe),
    }
}

/// Full range by the picture, else by the container, else by ffmpeg's old names `yuvj…`.
fn is_full_range(probe: &Probe) -> bool {
    let said = |range: &Option<String>| match range.as_deref() {
        Some("pc") => Some(true),
        Some("tv") => Some(false),
        _ => None,
    };
    said(&probe.picture.color_range)
        .or_else(|| said(&probe.stream.color_range))
        .unwrap_or_else(|| probe.picture.pix_fmt.starts_with("yuvj"))
}
