//! A worker: claims work, runs the lab on it, reports; `/health` and `/metrics`.
//!
//! It talks to the functions over HTTP with a token, whether they run in the same process or in another country. What
//! it owns is a folder: the run under way and the clips it has fetched ([`ClipCache`]). Nothing of value is in it.
//!
//! Decisions:
//!
//! - **A lease is kept, or the work is dropped.** Heartbeats go out a quarter of the lease apart, from a task that no run
//!   can hold up. Once the server says that the lease is lost, or must have lapsed because nobody answers, the run is told
//!   to stop and nothing is reported: somebody else has the work.
//! - **Whose fault it is**: what the codec does wrong is in the record that the lab publishes; every other error is the
//!   infrastructure's, reported as such and tried again by whoever claims next.
//! - **In the cloud it is told by SSM** where the lab is and by which token it is known; the token is read again once it
//!   is refused, so that tokens are replaced without touching a worker.
//! - **Stopping gives back.** On shutdown the work is given back at once, while the run still winds down.
//! - **Idle time verifies**: a worker without work derives published experiments again, see [`config::AUDITS`].
//! - **No substitute clip, ever**: a clip is what its digests say, or the experiment fails as infrastructure.

mod attempt;
mod audit;
mod clips;
pub mod config;
mod error;
mod fetch;
mod health;
mod lease;
mod metrics;
mod parameters;
mod persist;
pub mod process;
mod progress;
mod publish;
mod worker;

pub use clips::{Bounds, CachedClip, ClipCache, ClipError};
pub use config::Config;
pub use error::Error;
pub use fetch::{FetchError, fetch_bundle};
pub use worker::Worker;
