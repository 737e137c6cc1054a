//! The loop: proposes configurations of the starting codecs, queues them, and learns from what comes back.
//!
//! [`Orchestrator::step`] looks at the catalog and does at most one thing; [`Orchestrator::run`] repeats it. Three
//! [`Designer`]s propose: [`Start`] (every codec as its author left it), [`Search`] (a surface fitted to what was measured) and
//! [`Random`] (the control arm, without which nobody could say what the search is worth).
//!
//! Decisions: nothing is remembered but what the catalog has, and a proposal is a function of seed, history and
//! iteration number, so that pulling the plug anywhere changes nothing; every proposal names every parameter, so that a
//! default given and a default left out are one question; results are compared against one fixed anchor, and only where
//! clips and settings are the same; whether something was asked before is for the catalog to say, in the same
//! transaction that would queue it.

mod config;
mod day;
mod designer;
mod designs;
mod error;
mod history;
pub mod llm;
mod orchestrator;
mod predict;
mod promotion;
mod question;
mod search;
mod space;
mod surface;
mod words;

pub use config::{Budget, Config};
pub use designer::{Ask, Designer, Proposal, Random, Start};
pub use designs::MAX_TRIES;
pub use error::Error;
pub use history::{Evaluation, History, MAX_HISTORY, Outcome};
pub use orchestrator::{Orchestrator, Step, Stopped};
pub use promotion::LOOK_STEP;
pub use question::{Question, StartingCodec, USUAL_REFERENCE};
pub use search::Search;
pub use space::Space;
