//! A typed client of the REST API: for workers, for `aiv1 verify URL`, for programs of one's own.
//!
//! Decisions:
//!
//! - **Bounded both ways.** Every answer is read up to a bound and within a time; files go from and to disk in pieces, and
//!   are only there under their name once size and digest are right.
//! - **Only what may be said twice is said twice.** Reads, and what the API promises to take again (reports of work, uploads,
//!   submissions with a key), are tried again after a pause when the network or the server is in the way; nothing else.
//! - **The token goes to the API alone**, never along with a link, which is its own permission.
//! - **A token may be replaced while a client lives**: one that is refused is read again from a [`TokenSource`], if there is
//!   one, and the call is made once more with the new one. The one before is kept for servers that know no newer.
//! - **Text from the other side is hostile**: it is bounded and has no control characters by the time it is an error.

mod client;
mod error;
mod files;
mod http;
mod operate;
mod retry;
mod token;
mod work;

pub use client::{Client, Submitted};
pub use error::Error;
pub use operate::{Course, Order};
pub use retry::Retry;
pub use token::TokenSource;
