//! Where a chart will be seen, and the colours it is drawn in.

use plotters::style::RGBColor;

/// Rules that recolour the charts of [`Theme::Page`]: to be part of the page's stylesheet.
pub const STYLESHEET: &str = include_str!("theme.css");

/// Where a chart will be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// A file of its own: fixed colours on white, fixed size.
    Paper,
    /// Inside a page that has [`STYLESHEET`]: no background, as wide as its place, named for screen readers.
    Page,
    /// An image that a page refers to: such an image sees no stylesheet, so it carries its own.
    Image,
}

/// Colours of Okabe and Ito, which stay apart for colour-blind eyes.
const SERIES: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    // Not black, which is the colour of the text: the stylesheet must be able to tell them apart.
    RGBColor(17, 17, 17),
];

/// Lines that have a label.
pub(crate) const RULE: RGBColor = RGBColor(205, 205, 205);
/// Lines that have none.
pub(crate) const FAINT: RGBColor = RGBColor(238, 238, 238);
/// The line of the legend's box.
pub(crate) const BOX: RGBColor = RGBColor(200, 200, 200);

/// The colour of the series with this index.
pub(crate) const fn series(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}
