//! Pieces of pages, as functions.

mod figures;
mod ledger;
mod parts;

pub(crate) use figures::{chart, ruler};
pub(crate) use ledger::{ledger, pager, progress_of};
pub(crate) use parts::{arm_of, badge, card, footage, headline, parameters_in_brief, table, under_megabit};
