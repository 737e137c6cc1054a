//! The built command, used as people use it: on made and real footage, with codecs that behave and codecs that do not,
//! on bundles that are whole and bundles that are not.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests report by panicking")]

mod bad_input;
mod browser;
mod damage;
mod hostile;
mod interruption;
mod one_experiment;
