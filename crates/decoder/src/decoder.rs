//! The decoding half.

use crate::sandbox::{Budget, Guest};
use crate::stream::{GopRecord, Header, MAX_DIMENSION};
use crate::{Error, Module, Result, Role};
use aiv1_model::{Digest, Limits, VideoFormat};
use aiv1_video::FrameRef;
use std::time::Duration;

/// The version of the contract that this host speaks.
pub(crate) const ABI: u32 = 1;

/// A decoder module.
#[derive(Clone, Debug)]
pub struct Decoder {
    module: Module,
    limits: Limits,
}

impl Decoder {
    /// Asks the module for its version.
    pub fn new(module: Module, limits: &Limits) -> Result<Self> {
        module.expect_role(Role::Decoder)?;
        check_abi(&mut Guest::start(&module, Budget::for_pixels(limits, 0, 0))?)?;
        Ok(Self { module, limits: *limits })
    }

    /// The module.
    #[must_use]
    pub const fn module(&self) -> &Module {
        &self.module
    }

    /// The limits it runs under.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Decodes a payload to `frames` pictures of `width` by `height`, in a fresh instance that sees nothing else.
    pub fn decode_gop(&self, payload: &[u8], width: u32, height: u32, frames: u32) -> Result<DecodedGop> {
        let expected = self.gop_len(width, height, frames)?;
        let pixels = u64::from(width) * u64::from(height) * u64::from(frames);
        let budget = Budget::for_pixels(&self.limits, self.limits.decode_fuel_per_pixel, pixels);
        let mut guest = Guest::start(&self.module, budget)?;
        let head: Vec<u8> = [width, height, frames].into_iter().flat_map(u32::to_le_bytes).collect();
        let head = guest.give(&head)?;
        let bytes = guest.give(payload)?;
        let call = "decode";
        let range = guest.call_for_bytes(call, (head.0, head.1, bytes.0, bytes.1))?;
        if u64::from(range.1) != expected {
            return Err(Error::WrongLength { call, length: range.1.into(), expected });
        }
        let (fuel, wall) = (guest.fuel_used(), guest.elapsed());
        let size = (width as usize, height as usize);
        Ok(DecodedGop { guest, range, size, frame_len: range.1 as usize / frames as usize, fuel, wall })
    }

    /// Decodes a record of a stream and checks each frame against the hash that the stream has of it.
    pub fn decode_record(&self, header: &Header, record: &GopRecord) -> Result<DecodedGop> {
        let VideoFormat { width, height, .. } = header.format;
        let gop = self.decode_gop(&record.payload, width, height, record.frames.into())?;
        gop.check(record)?;
        Ok(gop)
    }

    fn gop_len(&self, width: u32, height: u32, frames: u32) -> Result<u64> {
        let dimensions = 1..=MAX_DIMENSION;
        if !dimensions.contains(&width) || !dimensions.contains(&height) || frames == 0 {
            let reason =
                format!("{frames} pictures of {width}x{height}, at most {MAX_DIMENSION}x{MAX_DIMENSION}");
            return Err(Error::Request { reason });
        }
        let (chroma_width, chroma_height) = (u64::from(width.div_ceil(2)), u64::from(height.div_ceil(2)));
        let frame_len = u64::from(width) * u64::from(height) + 2 * chroma_width * chroma_height;
        let expected = frame_len * u64::from(frames);
        if expected > self.limits.gop_bytes {
            let reason = format!("a GOP of {expected} bytes, at most {}", self.limits.gop_bytes);
            return Err(Error::Request { reason });
        }
        Ok(expected)
    }
}

/// A decoded group of pictures, still in the memory of the instance that decoded it.
pub struct DecodedGop {
    guest: Guest,
    range: (u32, u32),
    size: (usize, usize),
    frame_len: usize,
    fuel: u64,
    wall: Duration,
}

impl DecodedGop {
    /// All frames, packed.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.guest.view(self.range)
    }

    /// The frames in order.
    #[must_use]
    pub fn frames(&self) -> impl ExactSizeIterator<Item = FrameRef<'_>> {
        let (width, height) = self.size;
        let frame = move |data| {
            // The length was checked against the pictures' size when they were decoded.
            FrameRef::new(width, height, data).unwrap_or_else(|| unreachable!("a frame of another size"))
        };
        self.data().chunks_exact(self.frame_len).map(frame)
    }

    /// Number of frames.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        self.range.1 as usize / self.frame_len
    }

    /// Fuel the whole call used: the same on every machine.
    #[must_use]
    pub const fn fuel(&self) -> u64 {
        self.fuel
    }

    /// Time it took.
    #[must_use]
    pub const fn wall(&self) -> Duration {
        self.wall
    }

    /// Most memory the guest had.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> u64 {
        self.guest.peak_memory()
    }

    /// The hash of each frame, as a stream stores it.
    #[must_use]
    pub fn frame_hashes(&self) -> Vec<[u8; 8]> {
        self.data().chunks_exact(self.frame_len).map(|frame| Digest::of(frame).short()).collect()
    }

    /// Compares each frame with the hash that a stream has of it.
    pub fn check(&self, record: &GopRecord) -> Result<()> {
        let computed = self.frame_hashes();
        let differs = |(index, (stored, computed)): (u64, (&[u8; 8], &[u8; 8]))| {
            let hex = |hash: &[u8; 8]| format!("{:016x}", u64::from_be_bytes(*hash));
            let frame = record.first_frame + index;
            (stored != computed).then(|| Error::FrameHash {
                frame,
                stored: hex(stored),
                computed: hex(computed),
            })
        };
        let pairs = (0..).zip(record.frame_hashes.iter().zip(&computed));
        if record.frame_hashes.len() != computed.len() {
            let (length, expected) = (computed.len() as u64, record.frame_hashes.len() as u64);
            return Err(Error::WrongLength { call: "decode", length, expected });
        }
        pairs.into_iter().find_map(differs).map_or(Ok(()), Err)
    }
}

impl std::fmt::Debug for DecodedGop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut gop = formatter.debug_struct("DecodedGop");
        gop.field("size", &self.size).field("frames", &self.frame_count()).finish_non_exhaustive()
    }
}

pub(crate) fn check_abi(guest: &mut Guest) -> Result<()> {
    let found = guest.call::<_, i32>("abi", ())?;
    if found == ABI as i32 { Ok(()) } else { Err(Error::Abi { found, expected: ABI }) }
}
