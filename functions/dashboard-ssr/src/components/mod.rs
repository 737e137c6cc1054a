//! Pieces of pages, as functions.

mod figures;
mod ledger;
mod marks;
mod parts;

pub(crate) use figures::{chart, ruler};
pub(crate) use ledger::{ledger, progress_of};
pub(crate) use marks::{attention, marks, retraction, struck};
pub(crate) use parts::{
    arm_of, badge, card, footage, headline, pager, parameters_in_brief, table, under_megabit,
};
