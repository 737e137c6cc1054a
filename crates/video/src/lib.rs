//! Frames and where they come from: views of packed I420, Y4M, and clips read through ffmpeg, GOP by GOP.
//!
//! The lab knows one sample format, 8-bit planar YUV 4:2:0; what a file holds otherwise is converted by name
//! ([`aiv1_model::Conversion`]) or refused. No decoder is written here: ffmpeg, run as a program, reads what people
//! have, and a bug in a demuxer stays in another process.

mod frame;

pub use frame::{FrameRef, Gop, PlaneRef};
