//! One experiment, from a codec's source file to a verified bundle.
//!
//! [`Lab::run`] takes a [`Request`] through its phases: the source is policed ([`policy`]) and compiled in a confined
//! child ([`build`], with the compiler that [`toolchain`] finds); anchors are made ready ([`measure_anchors`]); every
//! clip is encoded GOP by GOP on all cores; what was *stored* is decoded twice and measured; rates are compared; the
//! record and everything it rests on is sealed into a [`Bundle`] and moved into place in one step.
//! [`Lab::verify`] goes the other way: from a bundle's bytes to every figure of its record.
//!
//! Decisions: what a candidate does wrong is a published record with a [`aiv1_model::Failure`], never an `Err`; a
//! rename is the only way anything appears in the results folder; the clip is read once for all quality indices, and
//! memory is bounded by GOPs in flight, not by the clip.

pub mod build;
pub mod machine;
pub mod policy;
pub mod toolchain;

mod anchors;
mod bundle;
mod cascade;
mod error;
mod execution;
mod experiment;
mod home;
mod measure;
mod observer;
mod parallel;
mod rederive;
mod request;
mod run_directory;
mod verification;

pub use aiv1_model::chain;
pub use anchors::{ANCHORS, Anchor, CachedPoint, default_anchors, find as find_anchor, measure_anchors};
pub use build::{BuildError, Builder, BuiltCodec};
pub use bundle::{Bundle, RECORD};
pub use cascade::TRIAL_FRAMES;
pub use error::Error;
pub use experiment::{CARRIED_CLIP_BYTES, Lab, Published, declaration};
pub use home::{CACHE_VARIABLE, Home, NoHome};
pub use observer::{Event, Observer, Silent, Stoppable};
pub use rederive::{Difference, Verdict, Verifier, VerifyOptions};
pub use request::Request;
pub use run_directory::RunDirectory;
pub use toolchain::Toolchain;
