//! Frames to a browser-playable MP4: H.264, index first.
//!
//! The MP4 is a preview of a stream, a cache that can be made again; what is measured is the stream. So it is made to
//! play everywhere and to be written fast, not to be small:
//!
//! - **H.264 by openh264, constrained baseline, one constant quantiser.** A bit rate would spend the errors of the preview
//!   where the codec under test is good; a quantiser keeps them below its own everywhere. x264 and ffmpeg are not linked, so
//!   that a function can rebuild a video with nothing installed.
//! - **One thread.** The binding gives one slice a picture, which openh264 cannot share out; whoever decodes the stream has
//!   the other core.
//! - **Memory is bounded.** [`Mp4Encoder`] hands out every sample as it comes and keeps 4 bytes a frame and 4 a key frame
//!   ([`Mp4Encoder::table_bytes`]); the index, which players want first, is known last. Who can write a beginning after what
//!   follows it, as a store that takes an object in parts can, needs no disk.
//! - **A file is all or nothing.** [`Mp4Writer`] spools the samples beside the destination; index and samples are put
//!   together, synced, and renamed into place; any error, and any drop before the end, leaves nothing behind. The price is
//!   twice the file's size of disk for a moment. `kill -9` leaves a `.aiv1-preview-*.part`, for the sweep of the folder's
//!   owner.
//! - **The same frames give the same bytes**: no dates, no names.
//!
//! The container is written through `mp4-atom`, which knows every atom used here.

mod encoder;
mod error;
mod h264;
mod index;
mod writer;

pub use encoder::{Mp4Encoder, Options, Summary};
pub use error::Error;
pub use h264::{MAX_LONG_SIDE, MAX_QUANTISER, MAX_SHORT_SIDE, MIN_QUANTISER, MIN_SIDE};
pub use writer::Mp4Writer;

/// Whether the encoder was built with its assembly, twice as fast as without: nasm was there when this crate was built.
/// Where nasm was installed afterwards, `cargo clean -p openh264-sys2 -p aiv1-playback` makes both look again.
#[must_use]
pub const fn has_assembly() -> bool {
    cfg!(h264_assembly)
}
