//! The sheet a chart is drawn on, and how it is dressed for where it will be seen.

use crate::text::escaped;
use crate::{STYLESHEET, Theme};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Sizes of text: of labels, of axes, of captions.
const FONT_SIZES: [u32; 3] = [15, 16, 20];

/// What drawing fails with on any backend.
pub(crate) type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// A drawing area that becomes a string.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A chart's size, name and description.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    /// Width and height.
    pub(crate) size: (u32, u32),
    /// What it shows, in a few words.
    pub(crate) title: String,
    /// What is to be seen, in a sentence or two.
    pub(crate) description: String,
}

impl Sheet {
    /// Draws, and dresses the drawing.
    pub(crate) fn draw(
        &self,
        theme: Theme,
        draw: impl FnOnce(&Area<'_>) -> Result<(), DrawingAreaErrorKind<std::io::Error>>,
    ) -> String {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, self.size).into_drawing_area();
            let ground = if theme == Theme::Paper { root.fill(&WHITE) } else { Ok(()) };
            // The backend writes into a String: nothing there can fail but an area too small for its labels.
            let _ = ground.and_then(|()| draw(&root)).and_then(|()| root.present());
        }
        self.dress(&svg, theme)
    }

    fn dress(&self, svg: &str, theme: Theme) -> String {
        let Some((_, body)) = svg.split_once('>') else { return String::new() };
        if theme == Theme::Paper {
            return svg.to_owned();
        }
        let (width, height) = self.size;
        let (title, description) = (escaped(&self.title), escaped(&self.description));
        let style =
            if theme == Theme::Image { format!("<style>{STYLESHEET}</style>") } else { String::new() };
        let body = slim(body);
        format!(
            "<svg class=\"chart\" role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {width} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\"><title>{title}</title><desc>{description}</desc>{style}{body}"
        )
    }
}

/// The drawing without what is the default of SVG, or said once in the stylesheet: a page is to be small.
fn slim(body: &str) -> String {
    // Nothing but text is filled with black.
    const SAID: [&str; 6] = [
        " opacity=\"1\"",
        " stroke-width=\"1\"",
        " stroke=\"none\"",
        " font-family=\"sans-serif\"",
        " fill=\"#000000\"",
        "\n",
    ];
    let mut slim = SAID.iter().fold(body.to_owned(), |body, said| body.replace(said, ""));
    // The backend turns a size into pixels and writes every digit of it.
    for size in FONT_SIZES {
        let pixels = f64::from(size) / 1.24;
        slim = slim.replace(&format!("font-size=\"{pixels}\""), &format!("font-size=\"{pixels:.1}\""));
    }
    slim
}
