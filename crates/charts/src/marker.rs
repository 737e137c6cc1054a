//! Markers: each series has a shape of its own, so that colour is never all that tells them apart. And the legend that
//! names them.

use crate::theme::{BOX, series};
use plotters::coord::CoordTranslate;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters_backend::{BackendCoord, DrawingErrorKind};

/// Shapes beside the disc, as corners around the point.
const SHAPES: [&[(i32, i32)]; 5] = [
    &[(0, -5), (5, 4), (-5, 4)],
    &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
    &[(0, -6), (6, 0), (0, 6), (-6, 0)],
    &[(0, 5), (5, -4), (-5, -4)],
    &[
        (-2, -5),
        (2, -5),
        (2, -2),
        (5, -2),
        (5, 2),
        (2, 2),
        (2, 5),
        (-2, 5),
        (-2, 2),
        (-5, 2),
        (-5, -2),
        (-2, -2),
    ],
];

/// How far a line of the legend reaches.
const REACH: i32 = 24;

/// A point of a series; in the legend, in the middle of a piece of its line.
pub(crate) struct Marker<Coord> {
    at: Coord,
    index: usize,
    /// Width of the line.
    line: Option<u32>,
}

/// The marker of the series with this index.
pub(crate) const fn marker<Coord>(index: usize, at: Coord) -> Marker<Coord> {
    Marker { at, index, line: None }
}

/// A piece of the series' line with its marker, for the legend.
pub(crate) const fn key(index: usize, width: u32, at: BackendCoord) -> Marker<BackendCoord> {
    Marker { at, index, line: Some(width) }
}

/// A name in the legend. No-break spaces follow it: the backend guesses how wide a text is, and guesses too little.
pub(crate) fn named(name: &str) -> String {
    format!("{name}\u{a0}\u{a0}\u{a0}")
}

/// Draws the legend of what was labelled, the lines of its keys `area` wide.
pub(crate) fn legend<'a, DB: DrawingBackend + 'a, CT: CoordTranslate>(
    chart: &mut ChartContext<'a, DB, CT>,
    corner: SeriesLabelPosition,
    area: u32,
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    chart
        .configure_series_labels()
        .position(corner)
        .margin(12)
        .legend_area_size(area)
        .background_style(WHITE.mix(0.85))
        .border_style(BOX)
        .label_font(("sans-serif", 15))
        .draw()
}

impl<'a, Coord> PointCollection<'a, Coord> for &'a Marker<Coord> {
    type Point = &'a Coord;
    type IntoIter = std::iter::Once<&'a Coord>;

    fn point_iter(self) -> Self::IntoIter {
        std::iter::once(&self.at)
    }
}

impl<Coord, DB: DrawingBackend> Drawable<DB> for Marker<Coord> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        mut points: I,
        backend: &mut DB,
        _: (u32, u32),
    ) -> Result<(), DrawingErrorKind<DB::ErrorType>> {
        let Some((mut x, y)) = points.next() else { return Ok(()) };
        let color = series(self.index);
        if let Some(width) = self.line {
            backend.draw_line((x, y), (x + REACH, y), &color.stroke_width(width))?;
            x += REACH / 2;
        }
        match self.index.checked_sub(1) {
            None => backend.draw_circle((x, y), 4, &color.filled(), true),
            Some(other) => {
                let corners = SHAPES[other % SHAPES.len()].iter().map(|(right, down)| (x + right, y + down));
                backend.fill_polygon(corners, &color.filled())
            }
        }
    }
}
