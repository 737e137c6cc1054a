//! `/efficacy`: which way of proposing codecs gets further for the same number of experiments and for the same money, and
//! how well predictions hold. From the catalog's records only.

mod calibration;
mod progress;

use crate::error::PageError;
use crate::layout::{self, Head, Section};
use crate::pages::held_out;
use crate::render::{HTML, Pages};
use aiv1_model::Arm;
use aiv1_store::Query;
use aiv1_web::Problem;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;

/// Arms that propose on and on, and so can be held against one another; and the baseline they start from.
const SEARCHING: [Arm; 3] = [Arm::Search, Arm::Random, Arm::Llm];

/// `GET /efficacy`
pub(crate) async fn page(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, PageError> {
    pages.answer(&headers, "/efficacy", HTML, |_| render(&pages)).await
}

async fn render(pages: &Pages) -> Result<maud::Markup, PageError> {
    let catalog = &pages.services.catalog;
    let newest = async |arm| {
        let query = Query { arm: Some(arm), limit: Query::MAX_LIMIT, ..Query::default() };
        Ok::<_, Problem>(catalog.list(&query).await?.experiments)
    };
    let milestones = async { Ok::<_, Problem>(catalog.milestones().await?) };
    let state = async { Ok::<_, Problem>(catalog.loop_state().await?) };
    let (milestones, state, model, search) =
        tokio::try_join!(milestones, state, newest(Arm::Llm), newest(Arm::Search))?;
    let head = Head {
        title: "Efficacy",
        description: "How far a language model, a numerical search and chance get with the same number of experiments and the \
            same money, and how well their predictions hold.",
        path: Some("/efficacy"),
        section: Some(Section::Efficacy),
        ..Head::default()
    };
    let arms = progress::arms(&milestones, &state);
    let body = html! {
        h1 { "Does it work?" }
        p.lead { "How far each way of proposing codecs gets for the same number of experiments, and for the same money; and how well what was expected came true." }
        (progress::section(&arms))
        (calibration::section(&[(Arm::Llm, model), (Arm::Search, search)]))
        section #held-out aria-labelledby="held-out-heading" {
            h2 #held-out-heading { "Looks at held-out clips" }
            (held_out::looks(&state))
        }
        (caveats())
    };
    Ok(layout::page(&pages.services.site, &head, &body))
}

fn caveats() -> maud::Markup {
    html! {
        section #caveats aria-labelledby="caveats-heading" {
            h2 #caveats-heading { "What this does not say" }
            ul {
                li { "Each curve is one run, not a mean over many: how much of a difference is luck cannot be read from it. No significance is claimed." }
                li { "The arms do not see the same codecs. The numerical search and its random control turn the parameters of codecs that are there; a language model writes source. What one finds, the others may build on." }
                li { "The figure is the headline on the clips that designers see. Whether it holds elsewhere is for the held-out clips to say." }
                li { "What was retracted is left out. What would have been the best in its place shows only from the arm’s next improvement on." }
            }
        }
    }
}
