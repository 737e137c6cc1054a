//! The store against servers that speak AWS, over real HTTP with real signatures: the suite that every backend passes, what
//! this one promises beyond it, and how it fares where network and services fail.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

mod contract;
mod damage;
mod faults;
mod objects;
mod pieces;
mod requests;
mod services;
mod support;
