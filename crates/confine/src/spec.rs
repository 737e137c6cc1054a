//! What travels between parent and helper: one frame of JSON each way.

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;

/// Longest frame that is read.
pub(crate) const MAX_FRAME: usize = 1 << 20;
/// Longest report of the helper.
pub(crate) const MAX_REPORT: usize = 16 << 10;
const MAGIC: &[u8; 8] = b"confine1";
/// Bytes of a frame before its JSON.
pub(crate) const FRAME_HEAD: usize = 12;
/// Exit code of a helper that reported why it could not become the program.
pub(crate) const REFUSED: u8 = 125;

/// Everything the helper needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) parent: u32,
    pub(crate) nonce: u64,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: PathBuf,
    pub(crate) grants: Vec<(Grant, PathBuf)>,
    pub(crate) limits: Limits,
    pub(crate) best_effort: bool,
}

/// What may be done beneath a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Grant {
    Read,
    Execute,
    Write,
}

/// Limits on what one process of the run may use; a limit that is absent is inherited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU time in seconds.
    pub cpu_seconds: Option<u64>,
    /// Address space in bytes.
    pub address_space: Option<u64>,
    /// Largest file it may write, in bytes.
    pub file_size: Option<u64>,
    /// Open descriptors.
    pub open_files: Option<u64>,
    /// Processes of the user (the kernel does not hold the superuser to it).
    pub processes: Option<u64>,
}

/// What the helper says before it becomes the program, or instead.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    Ready { landlock: bool, tcp_denied: bool, network_namespace: bool },
    Unsupported { missing: String },
    Path { path: PathBuf, reason: String },
    Setup { step: String, reason: String },
    Execute { nonce: u64, reason: String },
}

/// The frame of a value: magic, length, JSON.
pub(crate) fn frame<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_vec(value)?;
    let mut frame = Vec::with_capacity(FRAME_HEAD + json.len());
    frame.extend_from_slice(MAGIC);
    frame.extend_from_slice(&(json.len() as u32).to_le_bytes());
    frame.extend_from_slice(&json);
    Ok(frame)
}

/// Length of the JSON behind a frame's head, if it is one and no longer than `limit`.
pub(crate) fn frame_len(head: &[u8; FRAME_HEAD], limit: usize) -> Option<usize> {
    let (magic, len) = head.split_first_chunk::<8>()?;
    let len = u32::from_le_bytes(len.try_into().ok()?) as usize;
    (magic == MAGIC && len <= limit).then_some(len)
}

/// Splits the first frame off `bytes`.
pub(crate) fn split_frame(bytes: &[u8]) -> Option<(Report, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<FRAME_HEAD>()?;
    let (json, rest) = rest.split_at_checked(frame_len(head, MAX_REPORT)?)?;
    Some((serde_json::from_slice(json).ok()?, rest))
}
