//! The fixed parts: header, record head, index entry, footer. All integers are little-endian.

use super::StreamError;
use aiv1_model::{ColorInfo, Digest, FrameRate, Hasher, Limits, VideoFormat};

/// Version of the format that is read and written.
pub const VERSION: u16 = 1;
/// Largest width and height.
pub const MAX_DIMENSION: u32 = 16_384;
/// Largest quality index.
pub const MAX_QUALITY: u8 = 63;

pub(super) const HEADER_LEN: usize = 105;
const HEADER_CHECKED: usize = HEADER_LEN - 8;
pub(super) const GOP_MARKER: u8 = b'G';
pub(super) const INDEX_MARKER: u8 = b'I';
/// Marker, frame count, payload length, hash.
pub(super) const GOP_HEAD_LEN: usize = 39;
pub(super) const FRAME_HASH_LEN: usize = 8;
pub(super) const INDEX_ENTRY_LEN: usize = 6;
pub(super) const FOOTER_LEN: usize = 20;
const MAGIC: &[u8; 8] = b"\x89AiV1\r\n\x1a";
const END_MAGIC: &[u8; 4] = b"1ViA";

/// What a stream says about itself before its first group of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Size, rate and colour.
    pub format: VideoFormat,
    /// Most frames of a group of pictures.
    pub gop_frames: u16,
    /// The quality index it was encoded at, 0 to 63.
    pub quality: u8,
    /// SHA-256 of the decoder module's WebAssembly file.
    pub decoder: Digest,
    /// SHA-256 of the source frames: the clip's identity.
    pub clip: Digest,
}

impl Header {
    /// Raw bytes of a group of `frames` pictures.
    #[must_use]
    pub fn gop_len(&self, frames: u16) -> u64 {
        self.format.frame_bytes() * u64::from(frames)
    }

    /// Checks every field, and the largest group of pictures against the limits.
    pub fn check(&self, limits: &Limits) -> Result<(), StreamError> {
        let within = |field, value: u64, least: u64, most: u64| {
            let bound = || format!("{least} to {most}");
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(StreamError::Field { field, value, bound: bound() })
            }
        };
        within("width", self.format.width.into(), 1, MAX_DIMENSION.into())?;
        within("height", self.format.height.into(), 1, MAX_DIMENSION.into())?;
        within("frame rate numerator", self.format.frame_rate.numerator.into(), 1, u32::MAX.into())?;
        within("frame rate denominator", self.format.frame_rate.denominator.into(), 1, u32::MAX.into())?;
        within("frames of a GOP", self.gop_frames.into(), 1, u16::MAX.into())?;
        within("quality index", self.quality.into(), 0, MAX_QUALITY.into())?;
        within("raw bytes of a GOP", self.gop_len(self.gop_frames), 1, limits.gop_bytes)
    }

    #[cfg(feature = "encode")]
    pub(super) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let VideoFormat { width, height, frame_rate, color } = self.format;
        let mut fields = Vec::with_capacity(HEADER_LEN);
        fields.extend_from_slice(MAGIC);
        fields.extend_from_slice(&VERSION.to_le_bytes());
        for word in [width, height, frame_rate.numerator, frame_rate.denominator] {
            fields.extend_from_slice(&word.to_le_bytes());
        }
        fields.extend([color.primaries, color.transfer, color.matrix, u8::from(color.full_range)]);
        fields.extend_from_slice(&self.gop_frames.to_le_bytes());
        fields.push(self.quality);
        fields.extend_from_slice(self.decoder.as_bytes());
        fields.extend_from_slice(self.clip.as_bytes());
        fields.extend_from_slice(&Digest::of(&fields).short());
        let mut bytes = [0; HEADER_LEN];
        bytes.copy_from_slice(&fields);
        bytes
    }

    /// Reads and checks a header; the eight bytes are its checksum, which every record's hash begins with.
    pub(super) fn from_bytes(
        bytes: &[u8; HEADER_LEN],
        limits: &Limits,
    ) -> Result<(Self, [u8; 8]), StreamError> {
        let mut fields = Fields(bytes);
        if fields.array::<8>() != *MAGIC {
            return Err(StreamError::NotAStream);
        }
        let found = fields.u16();
        if found != VERSION {
            return Err(StreamError::Version { found, known: VERSION });
        }
        let (checked, checksum) = (&bytes[..HEADER_CHECKED], Fields(&bytes[HEADER_CHECKED..]).array::<8>());
        if Digest::of(checked).short() != checksum {
            return Err(StreamError::Checksum { part: "the header".into() });
        }
        let (width, height) = (fields.u32(), fields.u32());
        let frame_rate = FrameRate { numerator: fields.u32(), denominator: fields.u32() };
        let [primaries, transfer, matrix, range] = fields.array();
        if range > 1 {
            return Err(StreamError::Field {
                field: "full range",
                value: range.into(),
                bound: "0 or 1".into(),
            });
        }
        let color = ColorInfo { primaries, transfer, matrix, full_range: range == 1 };
        let header = Self {
            format: VideoFormat { width, height, frame_rate, color },
            gop_frames: fields.u16(),
            quality: fields.array::<1>()[0],
            decoder: Digest::from_bytes(fields.array()),
            clip: Digest::from_bytes(fields.array()),
        };
        header.check(limits)?;
        Ok((header, checksum))
    }
}

/// Begins the hash of a record: it binds the record to its stream and to its place in it.
pub(super) fn record_hasher(header_checksum: [u8; 8], index: u32, frames: u16, payload_len: u32) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.update(&header_checksum);
    hasher.update(&index.to_le_bytes());
    hasher.update(&frames.to_le_bytes());
    hasher.update(&payload_len.to_le_bytes());
    hasher
}

/// What a record begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct GopHead {
    pub(super) frames: u16,
    pub(super) payload_len: u32,
    pub(super) hash: Digest,
}

impl GopHead {
    #[cfg(feature = "encode")]
    pub(super) fn to_bytes(self) -> [u8; GOP_HEAD_LEN] {
        let mut bytes = [0; GOP_HEAD_LEN];
        bytes[0] = GOP_MARKER;
        bytes[1..3].copy_from_slice(&self.frames.to_le_bytes());
        bytes[3..7].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[7..].copy_from_slice(self.hash.as_bytes());
        bytes
    }

    /// `None` if this is no record at all.
    pub(super) fn from_bytes(bytes: &[u8; GOP_HEAD_LEN]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let marker = fields.array::<1>()[0];
        let head = Self {
            frames: fields.u16(),
            payload_len: fields.u32(),
            hash: Digest::from_bytes(fields.array()),
        };
        (marker == GOP_MARKER).then_some(head)
    }

    /// Bytes of the record after its head.
    pub(super) fn body_len(&self) -> u64 {
        FRAME_HASH_LEN as u64 * u64::from(self.frames) + u64::from(self.payload_len)
    }
}

/// Counts at the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) gops: u32,
    pub(super) frames: u32,
}

impl Footer {
    /// The footer of an index; its checksum covers the header's, the index and the counts.
    pub(super) fn to_bytes(self, header_checksum: [u8; 8], index: &[u8]) -> [u8; FOOTER_LEN] {
        let mut hasher = Hasher::new();
        hasher.update(&header_checksum);
        hasher.update(index);
        hasher.update(&self.gops.to_le_bytes());
        hasher.update(&self.frames.to_le_bytes());
        let mut bytes = [0; FOOTER_LEN];
        bytes[..4].copy_from_slice(&self.gops.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.frames.to_le_bytes());
        bytes[8..16].copy_from_slice(&hasher.finish().short());
        bytes[16..].copy_from_slice(END_MAGIC);
        bytes
    }

    /// The counts, unchecked; `None` if the file does not end as a stream does.
    pub(super) fn from_bytes(bytes: &[u8; FOOTER_LEN]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let footer = Self { gops: fields.u32(), frames: fields.u32() };
        let _checksum = fields.array::<8>();
        (fields.array::<4>() == *END_MAGIC).then_some(footer)
    }
}

/// Takes fixed-size fields off the front of bytes that are known to be long enough.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk::<N>() else { return [0; N] };
        self.0 = rest;
        *field
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }
}
