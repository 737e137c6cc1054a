//! Frames and where they come from: views of packed I420, Y4M, and clips read through ffmpeg, GOP by GOP.
//!
//! The lab knows one sample format, 8-bit planar YUV 4:2:0; what a file holds otherwise is converted by name
//! ([`aiv1_model::Conversion`]) or refused ([`Error::Refused`]). No decoder is written here: ffmpeg, run as a program,
//! reads what people have, and a bug in a demuxer stays in another process. Linking libavcodec was rejected for that.
//!
//! Decisions:
//!
//! - **A damaged frame is an error.** ffmpeg runs with `-xerror -err_detect explode`, and whatever it prints as an error
//!   fails the clip even if it goes on, since going on means concealing. Packets are counted beforehand, without decoding,
//!   and held against what the container declares and what the decoder puts out. The price: a file with a blemish that
//!   players forgive has to be copied losslessly first; the error says how.
//! - **A file name is only a name**: `file:` in front of it, the `file` protocol alone, and a list of containers without
//!   playlists and images ([`limits::CONTAINERS`]). Nothing is opened but the file, least of all the network.
//! - **No surprise in mid-stream**: a picture of another size or format than the first fails the filter chain.
//! - **Converted and said**: more than 8 bits, other chroma than 4:2:0, rotation, odd sizes (the last column or row goes),
//!   variable rate (every frame once, at the average), several streams, pixels that are not square, edit lists.
//! - **Refused**: HDR (PQ, HLG, Dolby Vision), interlaced, alpha, flips, sizes and rates past [`limits`].

mod clip;
mod color;
mod error;
mod ffmpeg;
mod frame;
pub mod limits;
mod plan;
mod probe;
mod process;
mod reader;
mod stream;
mod timing;
mod y4m;

pub use clip::{Clip, ClipOptions};
pub use error::Error;
pub use ffmpeg::{Config, FFMPEG_VARIABLE, FFPROBE_VARIABLE, Ffmpeg};
pub use frame::{FrameRef, Gop, PlaneRef};
pub use reader::ClipReader;
pub use stream::decode_stream;
pub use y4m::{MAX_LINE, Y4mError, Y4mReader, Y4mWriter};
