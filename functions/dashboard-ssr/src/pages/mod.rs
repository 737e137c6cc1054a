//! One module a page: a handler that reads what the page needs, and the page as functions.

pub(crate) mod blog;
pub(crate) mod clips;
pub(crate) mod codecs;
pub(crate) mod compare;
pub(crate) mod dashboard;
pub(crate) mod efficacy;
pub(crate) mod experiment;
pub(crate) mod frames;
mod held_out;
pub(crate) mod journal;
pub(crate) mod legacy;
pub(crate) mod lineage;
pub(crate) mod method;
mod overview;
pub(crate) mod workers;

pub(crate) use overview::Front;
