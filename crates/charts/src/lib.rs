//! Charts as SVG: rate–distortion curves, the progress of a search, predictions and what was measured, quality frame by
//! frame.
//!
//! Decisions: `plotters` draws, on its SVG backend, so that nothing is rendered in the browser; a chart is drawn once in
//! fixed colours and, on a page, recoloured by the attribute selectors of [`STYLESHEET`], so that it follows light and
//! dark without a second copy; every curve has a marker of its own beside its colour; names come from outside and are
//! cut and cleaned before they are drawn. A chart never stands alone: whoever shows it puts its figures nearby.

mod calibration;
mod frames;
mod marker;
mod rate_distortion;
mod search;
mod sheet;
mod text;
mod theme;
mod ticks;

pub use calibration::{Predictions, calibration};
pub use frames::frames;
pub use rate_distortion::{rate_distortion, rate_distortion_on};
pub use search::{Budget, SearchCurve, search_progress};
pub use theme::{STYLESHEET, Theme};

#[cfg(test)]
mod tests;
