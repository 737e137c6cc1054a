//! The decoder from outside, in one binary.
#![cfg(feature = "encode")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod compile;
mod guests;
mod parallel;
mod sandbox;
mod stream;
