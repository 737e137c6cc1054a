//! The suite that every backend passes, over real HTTP with real signatures.

use crate::support::open;

aiv1_store::contract_tests!(open);
