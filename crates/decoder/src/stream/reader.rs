//! Reading: strictly, or what is left of a stream.

use super::format::{
    FOOTER_LEN, FRAME_HASH_LEN, Fields, Footer, GOP_HEAD_LEN, GopHead, HEADER_LEN, INDEX_ENTRY_LEN,
    INDEX_MARKER, record_hasher,
};
use super::{Header, StreamError};
use aiv1_model::Limits;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

/// Where a group of pictures lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GopInfo {
    /// Number of its first frame in the stream.
    pub first_frame: u64,
    /// Its frames.
    pub frames: u16,
    /// Bytes of its payload.
    pub payload_len: u32,
    offset: u64,
}

/// A group of pictures, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GopRecord {
    /// Its number in the stream.
    pub index: u32,
    /// Number of its first frame in the stream.
    pub first_frame: u64,
    /// Its frames.
    pub frames: u16,
    /// What the encoder returned.
    pub payload: Vec<u8>,
    /// Of each frame, the first 8 bytes of the SHA-256 of the packed decoded frame.
    pub frame_hashes: Vec<[u8; FRAME_HASH_LEN]>,
}

/// A stream, open for reading.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    header: Header,
    checksum: [u8; 8],
    limits: Limits,
    gops: Vec<GopInfo>,
    frames: u64,
    truncated: bool,
}

impl<R: Read + Seek> Reader<R> {
    /// Opens a complete stream: header, index and footer must be there, agree, and account for every byte of the file.
    /// The records themselves are checked as they are read.
    pub fn open(source: R, limits: &Limits) -> Result<Self, StreamError> {
        let (mut reader, len) = Self::begin(source, limits)?;
        reader.read_index(len)?;
        Ok(reader)
    }

    /// Opens what there is of a stream: the whole groups of pictures at its front, each read once and checked. Only a
    /// broken header is an error. [`Reader::is_truncated`] says whether anything was missing or wrong.
    pub fn salvage(source: R, limits: &Limits) -> Result<Self, StreamError> {
        let (mut reader, len) = Self::begin(source, limits)?;
        if reader.read_index(len).is_ok() && reader.check_records() {
            return Ok(reader);
        }
        (reader.gops, reader.frames, reader.truncated) = (Vec::new(), 0, true);
        let mut offset = HEADER_LEN as u64;
        while let Some((gop, end)) = reader.gop_at(offset, len)? {
            reader.gops.push(gop);
            let index = reader.gops.len() as u32 - 1;
            match reader.read_gop(index) {
                Ok(_) => {}
                Err(StreamError::Io { what, source }) => return Err(StreamError::Io { what, source }),
                Err(_) => {
                    reader.gops.pop();
                    break;
                }
            }
            reader.frames += u64::from(gop.frames);
            offset = end;
        }
        Ok(reader)
    }

    /// What the stream says about itself.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The limits it was opened with.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Number of groups of pictures.
    pub const fn gop_count(&self) -> u32 {
        self.gops.len() as u32
    }

    /// Number of frames.
    pub const fn frame_count(&self) -> u64 {
        self.frames
    }

    /// Where the groups of pictures lie.
    pub fn gops(&self) -> &[GopInfo] {
        &self.gops
    }

    /// Bytes of all payloads.
    pub fn payload_bytes(&self) -> u64 {
        self.gops.iter().map(|gop| u64::from(gop.payload_len)).sum()
    }

    /// Whether this is less than a whole stream.
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The group of pictures that holds a frame.
    pub fn gop_of_frame(&self, frame: u64) -> Option<u32> {
        let after = self.gops.partition_point(|gop| gop.first_frame <= frame);
        (frame < self.frames).then(|| after as u32 - 1)
    }

    /// Reads a group of pictures and checks its hash.
    pub fn read_gop(&mut self, index: u32) -> Result<GopRecord, StreamError> {
        let no_such = StreamError::NoSuchGop { index, count: self.gop_count() };
        let gop = *self.gops.get(index as usize).ok_or(no_such)?;
        self.seek(gop.offset)?;
        let broken = || StreamError::Checksum { part: format!("GOP {index}") };
        let head = GopHead::from_bytes(&self.read_array("the head of a GOP")?).ok_or_else(broken)?;
        for (what, left, right) in [
            ("frames of a GOP in its record and in the index", head.frames.into(), gop.frames.into()),
            ("payload bytes of a GOP in its record and in the index", head.payload_len, gop.payload_len),
        ] {
            if left != right {
                return Err(StreamError::Inconsistent { what, left: left.into(), right: right.into() });
            }
        }
        // The index was checked against the limits and the length of the file before it was believed.
        let mut frame_hashes = vec![[0; FRAME_HASH_LEN]; usize::from(gop.frames)];
        let mut payload = vec![0; gop.payload_len as usize];
        self.read_exact(frame_hashes.as_flattened_mut(), "the frame hashes of a GOP")?;
        self.read_exact(&mut payload, "the payload of a GOP")?;
        let mut hasher = record_hasher(self.checksum, index, gop.frames, gop.payload_len);
        hasher.update(frame_hashes.as_flattened());
        hasher.update(&payload);
        if hasher.finish() != head.hash {
            return Err(broken());
        }
        Ok(GopRecord { index, first_frame: gop.first_frame, frames: gop.frames, payload, frame_hashes })
    }

    fn begin(mut source: R, limits: &Limits) -> Result<(Self, u64), StreamError> {
        let seeking = |source| StreamError::Io { what: "seeking in the stream", source };
        let len = source.seek(SeekFrom::End(0)).map_err(seeking)?;
        source.rewind().map_err(seeking)?;
        let mut bytes = [0; HEADER_LEN];
        let there = (len as usize).min(HEADER_LEN);
        read_exact(&mut source, &mut bytes[..there], "the header", len)?;
        let parsed = Header::from_bytes(&bytes, limits);
        if there < HEADER_LEN && !matches!(parsed, Err(StreamError::NotAStream)) {
            return Err(StreamError::Truncated { within: "the header", len });
        }
        let (header, checksum) = parsed?;
        let (gops, frames, truncated) = (Vec::new(), 0, false);
        Ok((Self { source, header, checksum, limits: *limits, gops, frames, truncated }, len))
    }

    fn read_index(&mut self, len: u64) -> Result<(), StreamError> {
        let truncated = |within| StreamError::Truncated { within, len };
        let footer_at = len.checked_sub(FOOTER_LEN as u64).filter(|at| *at > HEADER_LEN as u64);
        let footer_at = footer_at.ok_or_else(|| truncated("a GOP"))?;
        self.seek(footer_at)?;
        let footer_bytes = self.read_array::<FOOTER_LEN>("the footer")?;
        let footer =
            Footer::from_bytes(&footer_bytes).ok_or_else(|| truncated("a GOP, the index or the footer"))?;
        // Before anything is allocated: each GOP has a record and an entry, so their number fits the file.
        let least = (GOP_HEAD_LEN + FRAME_HASH_LEN + INDEX_ENTRY_LEN) as u64;
        let most = (footer_at - HEADER_LEN as u64 - 1) / least;
        if footer.gops == 0 || u64::from(footer.gops) > most {
            let bound = format!("1 to {most} in a file of {len} bytes");
            return Err(StreamError::Field { field: "GOPs", value: footer.gops.into(), bound });
        }
        let mut index = vec![0; 1 + INDEX_ENTRY_LEN * footer.gops as usize];
        let index_at = footer_at - index.len() as u64;
        self.seek(index_at)?;
        self.read_exact(&mut index, "the index")?;
        if footer.to_bytes(self.checksum, &index) != footer_bytes || index[0] != INDEX_MARKER {
            return Err(StreamError::Checksum { part: "the index".into() });
        }
        let mut gops = Vec::with_capacity(footer.gops as usize);
        let (mut offset, mut first_frame) = (HEADER_LEN as u64, 0);
        for entry in index[1..].as_chunks::<INDEX_ENTRY_LEN>().0 {
            let mut fields = Fields(entry);
            let (frames, payload_len) = (fields.u16(), fields.u32());
            self.check_gop(frames, payload_len)?;
            gops.push(GopInfo { first_frame, frames, payload_len, offset });
            first_frame += u64::from(frames);
            offset +=
                GOP_HEAD_LEN as u64 + FRAME_HASH_LEN as u64 * u64::from(frames) + u64::from(payload_len);
        }
        if offset != index_at {
            let what = "bytes of all records, by the index and by the file";
            return Err(StreamError::Inconsistent { what, left: offset, right: index_at });
        }
        if first_frame != u64::from(footer.frames) {
            let what = "frames, by the index and by the footer";
            return Err(StreamError::Inconsistent { what, left: first_frame, right: footer.frames.into() });
        }
        (self.gops, self.frames) = (gops, first_frame);
        Ok(())
    }

    /// Whether every record holds.
    fn check_records(&mut self) -> bool {
        (0..self.gop_count()).all(|index| self.read_gop(index).is_ok())
    }

    /// A record at `offset` that could lie within the file, with the offset after it.
    fn gop_at(&mut self, offset: u64, len: u64) -> Result<Option<(GopInfo, u64)>, StreamError> {
        let body = offset + GOP_HEAD_LEN as u64;
        if body > len {
            return Ok(None);
        }
        self.seek(offset)?;
        let Some(head) = GopHead::from_bytes(&self.read_array("the head of a GOP")?) else { return Ok(None) };
        let end = body + head.body_len();
        let fits = end <= len && self.check_gop(head.frames, head.payload_len).is_ok();
        let GopHead { frames, payload_len, .. } = head;
        Ok(fits.then_some((GopInfo { first_frame: self.frames, frames, payload_len, offset }, end)))
    }

    fn check_gop(&self, frames: u16, payload_len: u32) -> Result<(), StreamError> {
        let most = self.header.gop_frames;
        if frames == 0 || frames > most {
            let bound = format!("1 to {most}");
            return Err(StreamError::Field { field: "frames of a GOP", value: frames.into(), bound });
        }
        let bound = crate::output_bound(&self.limits, self.header.gop_len(frames));
        if u64::from(payload_len) > bound {
            let (field, bound) = ("bytes of a payload", format!("at most {bound}"));
            return Err(StreamError::Field { field, value: payload_len.into(), bound });
        }
        Ok(())
    }

    fn seek(&mut self, offset: u64) -> Result<(), StreamError> {
        let seeking = |source| StreamError::Io { what: "seeking in the stream", source };
        self.source.seek(SeekFrom::Start(offset)).map(drop).map_err(seeking)
    }

    fn read_array<const N: usize>(&mut self, within: &'static str) -> Result<[u8; N], StreamError> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes, within)?;
        Ok(bytes)
    }

    fn read_exact(&mut self, buffer: &mut [u8], within: &'static str) -> Result<(), StreamError> {
        read_exact(&mut self.source, buffer, within, 0)
    }
}

fn read_exact<R: Read>(
    source: &mut R,
    buffer: &mut [u8],
    within: &'static str,
    len: u64,
) -> Result<(), StreamError> {
    source.read_exact(buffer).map_err(|error| match error.kind() {
        // Only if the file became shorter while it was read.
        ErrorKind::UnexpectedEof => StreamError::Truncated { within, len },
        _ => StreamError::Io { what: "reading the stream", source: error },
    })
}
