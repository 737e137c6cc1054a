//! The queue's consumer: an expired preview or archive, rebuilt from what is stored for ever.
//!
//! [`Rebuilder::rebuild`] makes one thing: a preview from its stream and its codec's decoder, group of pictures by group of
//! pictures, every frame held to the hash that the stream has of it; or an archive from the objects that a manifest names,
//! byte for byte as `aiv1 export` packs it. [`serve`] takes one job after the other from the catalog, [`handle`] those that
//! messages of a queue ask for.
//!
//! Decisions:
//!
//! - **Memory and disk are bounded**: what is made goes to the store as it is made, samples first and the index of the
//!   file, which belongs before them, last. Memory holds groups of pictures in flight; the scratch folder one stream, or one
//!   file of a bundle, and is asked for room beforehand.
//! - **The lab's own limits hold**, whatever a record says: a rebuild is asked for by anybody. A record can only lower one,
//!   the memory of a decoder, to what was measured.
//! - **How a decoder is compiled is handed in** ([`Compiler`]): in a child that is confined as far as there is something
//!   to confine it with.
//! - **A failure says whose it is**, in the reason that the page shows. The infrastructure's, where it may pass, gives the
//!   job back; it is counted, and fails with the last reason when that was once too often.
//! - **A job is held by a lease** that is renewed while it runs: a consumer that was killed is missed within two minutes.
//!   Where messages tell what there is to do, housekeeping announces once a minute what was lost or given back; the message
//!   that was not done comes back when the queue's visibility timeout is over, and finds it done.
//! - **One decoder at a time**: what a stopped job left running ends before the next begins, or the process ends with it
//!   ([`Handled::busy`]).

mod bundle;
mod compiler;
mod error;
mod held;
mod pipe;
mod queue;
mod rebuilder;
mod scratch;
mod serve;
mod video;

pub use compiler::{Compiler, function_compiler};
pub use error::Error;
pub use held::LEASE;
pub use queue::{Figures, Handled, MARGIN, handle};
pub use rebuilder::{Rebuilder, Rebuilt};
pub use serve::serve;
