//! The queue's consumer: an expired preview or archive, rebuilt from what is stored for ever.
//!
//! [`Rebuilder::rebuild`] makes one thing: a preview from its stream and its codec's decoder, group of pictures by group of
//! pictures, every frame held to the hash that the stream has of it; or an archive from the objects that a manifest names,
//! byte for byte as `aiv1 export` packs it. [`serve`] takes one job after the other from the catalog.
//!
//! Decisions:
//!
//! - **Memory is bounded by groups of pictures in flight**, not by the video or the bundle: everything passes through a
//!   scratch folder, and objects are put from files.
//! - **The lab's own limits hold**, whatever a record says: a rebuild is asked for by anybody.
//! - **How a decoder is compiled is handed in** ([`Compiler`]): in a confined child where there can be one (feature
//!   `child`), in this process where the process itself is the sandbox.
//! - **A failure says whose it is**, in the reason that the page shows.

mod bundle;
mod compiler;
mod error;
mod rebuilder;
mod scratch;
mod serve;
mod video;

pub use compiler::{Compiler, InProcess};
pub use error::Error;
pub use rebuilder::{Rebuilder, Rebuilt};
pub use serve::{LEASE, serve};
