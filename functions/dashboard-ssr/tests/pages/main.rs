//! The pages, in process, over a real embedded store with a clock that is moved by hand.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

mod caching;
mod content;
mod efficacy;
mod errors;
mod held_out;
mod hostile;
mod journal;
mod legacy;
mod lineage;
mod links;
mod sample;
mod site;
mod snapshots;
mod standing;
mod video;
