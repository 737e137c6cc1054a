//! Writing, front to back, with nothing in memory but the index.

use super::format::{FRAME_HASH_LEN, Footer, GopHead, INDEX_MARKER, record_hasher};
use super::{Header, StreamError};
use aiv1_model::{Hasher, Limits};
use std::io::Write;

/// A stream in the making.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    file_hash: Hasher,
    header: Header,
    checksum: [u8; 8],
    limits: Limits,
    index: Vec<u8>,
    counts: Footer,
    bytes: u64,
    payload_bytes: u64,
}

/// A stream that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Bytes of the file.
    pub bytes: u64,
    /// Of these, bytes of payloads.
    pub payload_bytes: u64,
    /// SHA-256 of the file.
    pub sha256: aiv1_model::Digest,
    /// Groups of pictures.
    pub gops: u32,
    /// Frames.
    pub frames: u32,
}

impl<W: Write> Writer<W> {
    /// Checks the header and writes it.
    pub fn new(out: W, header: Header, limits: &Limits) -> Result<Self, StreamError> {
        header.check(limits)?;
        let bytes = header.to_bytes();
        let mut checksum = [0; 8];
        checksum.copy_from_slice(&bytes[bytes.len() - 8..]);
        let mut writer = Self {
            out,
            file_hash: Hasher::new(),
            header,
            checksum,
            limits: *limits,
            index: vec![INDEX_MARKER],
            counts: Footer { gops: 0, frames: 0 },
            bytes: 0,
            payload_bytes: 0,
        };
        writer.put(&bytes)?;
        Ok(writer)
    }

    /// Writes a group of pictures: what the encoder returned, and the hash of each frame that it decodes to
    /// ([`aiv1_model::Digest::short`] of the packed frame).
    pub fn write_gop(
        &mut self,
        payload: &[u8],
        frame_hashes: &[[u8; FRAME_HASH_LEN]],
    ) -> Result<(), StreamError> {
        let (count, most) = (frame_hashes.len() as u64, u64::from(self.header.gop_frames));
        if count == 0 || count > most {
            let bound = format!("1 to {most}");
            return Err(StreamError::Field { field: "frames of a GOP", value: count, bound });
        }
        let frames = count as u16;
        let bound = crate::output_bound(&self.limits, self.header.gop_len(frames)).min(u32::MAX.into());
        if payload.len() as u64 > bound {
            let (field, value) = ("bytes of a payload", payload.len() as u64);
            return Err(StreamError::Field { field, value, bound: format!("at most {bound}") });
        }
        let payload_len = payload.len() as u32;
        let total = self.counts.frames.checked_add(u32::from(frames)).ok_or_else(|| StreamError::Field {
            field: "frames of a stream",
            value: u64::from(self.counts.frames) + count,
            bound: format!("at most {}", u32::MAX),
        })?;
        let hashes = frame_hashes.as_flattened();
        let mut hasher = record_hasher(self.checksum, self.counts.gops, frames, payload_len);
        hasher.update(hashes);
        hasher.update(payload);
        let head = GopHead { frames, payload_len, hash: hasher.finish() };
        self.put(&head.to_bytes())?;
        self.put(hashes)?;
        self.put(payload)?;
        self.index.extend_from_slice(&frames.to_le_bytes());
        self.index.extend_from_slice(&payload_len.to_le_bytes());
        self.counts = Footer { gops: self.counts.gops + 1, frames: total };
        self.payload_bytes += u64::from(payload_len);
        Ok(())
    }

    /// Writes index and footer, flushes, and gives the sink back.
    pub fn finish(mut self) -> Result<(W, Finished), StreamError> {
        if self.counts.gops == 0 {
            return Err(StreamError::Field { field: "GOPs", value: 0, bound: "at least 1".into() });
        }
        let index = std::mem::take(&mut self.index);
        let footer = self.counts.to_bytes(self.checksum, &index);
        self.put(&index)?;
        self.put(&footer)?;
        self.out.flush().map_err(|source| StreamError::Io { what: "finishing the stream", source })?;
        let Self { out, file_hash, counts, bytes, payload_bytes, .. } = self;
        let Footer { gops, frames } = counts;
        Ok((out, Finished { bytes, payload_bytes, sha256: file_hash.finish(), gops, frames }))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.out.write_all(bytes).map_err(|source| StreamError::Io { what: "writing the stream", source })?;
        self.file_hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
