//! The suite that every backend passes.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

mod support;

use support::open;

aiv1_store::contract_tests!(open);
