//! Bounds on what is read; every refusal names one.

/// Widest and highest picture, in pixels a side.
pub const MAX_SIDE: u32 = 8192;

/// Least side of a picture after conversion, in pixels.
pub const MIN_SIDE: u32 = 16;

/// Slowest frame rate, in frames a second.
pub const MIN_FRAME_RATE: f64 = 1.0;

/// Fastest frame rate, in frames a second.
pub const MAX_FRAME_RATE: f64 = 1000.0;

/// Most coded pictures of a file: more than a day at 30 a second. Their timestamps are held while a clip is opened.
pub const MAX_PICTURES: usize = 1 << 22;

/// Most bytes of ffprobe's description of a file.
pub const MAX_PROBE_BYTES: u64 = 16 << 20;

/// Most bytes kept of what ffmpeg prints; the rest is read and dropped.
pub const MAX_MESSAGE_BYTES: usize = 2048;

/// Containers that are opened, by ffmpeg's names. Playlists and scripts (hls, dash, concat, sdp, …) open further files
/// or the network, image readers expand patterns: none of them is here.
pub const CONTAINERS: &str = "mov,mp4,matroska,webm,avi,ivf,mpegts,mpeg,mpegvideo,m4v,h264,hevc,vvc,obu,av1,\
                              yuv4mpegpipe,flv,ogg,asf,mxf,nut,vc1,h263,dirac";
