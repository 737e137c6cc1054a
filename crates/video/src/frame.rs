//! Views of packed I420 frames: Y, then U, then V, rows without padding, chroma rounded up.

use aiv1_model::VideoFormat;
use std::io::{self, Read};

/// One plane of a frame; rows are packed, so the stride is the width.
#[derive(Clone, Copy, Debug)]
pub struct PlaneRef<'a> {
    /// Width in samples.
    pub width: usize,
    /// Height in samples.
    pub height: usize,
    /// `width * height` samples, row by row.
    pub data: &'a [u8],
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef<'a> {
    width: usize,
    height: usize,
    data: &'a [u8],
}

impl<'a> FrameRef<'a> {
    /// Views `data` as a frame of `width` by `height` luma samples; `None` if its length is another.
    #[must_use]
    pub fn new(width: usize, height: usize, data: &'a [u8]) -> Option<Self> {
        (data.len() == frame_len(width, height)).then_some(Self { width, height, data })
    }

    /// Luma width.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Luma height.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The packed samples.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Y, U and V.
    #[must_use]
    pub fn planes(&self) -> [PlaneRef<'a>; 3] {
        let (luma, chroma) = self.data.split_at(self.width * self.height);
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let (u, v) = chroma.split_at(width * height);
        [
            PlaneRef { width: self.width, height: self.height, data: luma },
            PlaneRef { width, height, data: u },
            PlaneRef { width, height, data: v },
        ]
    }
}

/// A group of pictures in memory: up to a GOP of frames, packed one after the other. Its buffer is reused.
#[derive(Clone, Debug)]
pub struct Gop {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl Gop {
    /// No frames yet, of the size of `format`.
    #[must_use]
    pub const fn empty(format: &VideoFormat) -> Self {
        Self { width: format.width as usize, height: format.height as usize, data: Vec::new() }
    }

    /// Takes packed frames; `None` if `data` is not a whole number of frames.
    #[must_use]
    pub fn from_data(format: &VideoFormat, data: Vec<u8>) -> Option<Self> {
        let (width, height) = (format.width as usize, format.height as usize);
        data.len().is_multiple_of(frame_len(width, height)).then_some(Self { width, height, data })
    }

    /// Luma width.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Luma height.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Bytes of one frame.
    #[must_use]
    pub const fn frame_len(&self) -> usize {
        frame_len(self.width, self.height)
    }

    /// Number of frames.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.data.len() / self.frame_len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// All samples.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The frames in order.
    #[must_use]
    pub fn frames(&self) -> impl ExactSizeIterator<Item = FrameRef<'_>> {
        self.data.chunks_exact(self.frame_len()).map(|data| FrameRef {
            width: self.width,
            height: self.height,
            data,
        })
    }

    /// Forgets the frames and keeps the buffer.
    pub fn clear(&mut self) {
        self.data.clear();
    }

    /// Replaces the frames by the next ones of `reader`, at most `max_frames`, read straight into the buffer; the number
    /// of whole frames and of bytes of an incomplete one at the end, which are dropped. Memory that cannot be had is
    /// an error of kind [`io::ErrorKind::OutOfMemory`].
    pub fn fill(&mut self, reader: &mut dyn Read, max_frames: usize) -> io::Result<(usize, usize)> {
        self.data.clear();
        let length = self.frame_len().checked_mul(max_frames).ok_or(io::ErrorKind::OutOfMemory)?;
        self.data.try_reserve_exact(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let read = reader.take(length as u64).read_to_end(&mut self.data)?;
        let rest = read % self.frame_len();
        self.data.truncate(read - rest);
        Ok((self.len(), rest))
    }

    /// Appends a frame of the same size; `false` if it has another.
    pub fn push(&mut self, frame: FrameRef<'_>) -> bool {
        let fits = (frame.width, frame.height) == (self.width, self.height);
        if fits {
            self.data.extend_from_slice(frame.data);
        }
        fits
    }
}

const fn frame_len(width: usize, height: usize) -> usize {
    width * height + 2 * width.div_ceil(2) * height.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::{ColorInfo, FrameRate};

    #[test]
    fn an_odd_frame_splits_into_its_planes() {
        let data: Vec<u8> = (0..5 * 3 + 2 * 3 * 2).collect();
        let frame = FrameRef::new(5, 3, &data).unwrap();
        let [y, u, v] = frame.planes();
        assert_eq!((y.data.len(), u.width, u.height), (15, 3, 2));
        assert_eq!((u.data[0], v.data[0]), (15, 21));
        assert!(FrameRef::new(5, 3, &data[1..]).is_none());
    }

    #[test]
    fn a_gop_counts_its_frames() {
        let frame_rate = FrameRate { numerator: 25, denominator: 1 };
        let format = VideoFormat { width: 2, height: 2, frame_rate, color: ColorInfo::UNSPECIFIED };
        let mut gop = Gop::empty(&format);
        assert!(gop.push(FrameRef::new(2, 2, &[1; 6]).unwrap()));
        assert!(!gop.push(FrameRef::new(4, 2, &[1; 12]).unwrap()));
        assert_eq!(gop.len(), 1);
        assert_eq!(gop.frames().count(), 1);
        assert!(Gop::from_data(&format, vec![0; 7]).is_none());
    }

    #[test]
    fn a_gop_is_filled_with_whole_frames() {
        let frame_rate = FrameRate { numerator: 25, denominator: 1 };
        let format = VideoFormat { width: 2, height: 2, frame_rate, color: ColorInfo::UNSPECIFIED };
        let mut gop = Gop::empty(&format);
        let mut bytes: &[u8] = &[7; 6 * 3 + 2];
        assert_eq!(gop.fill(&mut bytes, 2).unwrap(), (2, 0));
        assert_eq!(gop.fill(&mut bytes, 2).unwrap(), (1, 2));
        assert_eq!((gop.len(), gop.data().len()), (1, 6));
        assert_eq!(gop.fill(&mut bytes, 2).unwrap(), (0, 0));
        assert!(gop.fill(&mut bytes, usize::MAX).is_err());
    }
}
