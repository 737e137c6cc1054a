//! Groups of pictures as a codec sees them: 8-bit planar YUV 4:2:0, packed frame after frame.

/// Picture size and frame count of one group of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Luma width in pixels, at least 1.
    pub width: usize,
    /// Luma height in pixels, at least 1.
    pub height: usize,
    /// Number of frames, at least 1.
    pub frames: usize,
}

impl Shape {
    /// Width of each chroma plane: half the luma width, rounded up.
    #[must_use]
    pub const fn chroma_width(&self) -> usize {
        self.width.div_ceil(2)
    }

    /// Height of each chroma plane: half the luma height, rounded up.
    #[must_use]
    pub const fn chroma_height(&self) -> usize {
        self.height.div_ceil(2)
    }

    /// Bytes of one luma plane.
    #[must_use]
    pub const fn luma_len(&self) -> usize {
        self.width * self.height
    }

    /// Bytes of one chroma plane.
    #[must_use]
    pub const fn chroma_len(&self) -> usize {
        self.chroma_width() * self.chroma_height()
    }

    /// Bytes of one frame: luma, then U, then V, without padding.
    #[must_use]
    pub const fn frame_len(&self) -> usize {
        self.luma_len() + 2 * self.chroma_len()
    }

    /// Bytes of the whole group.
    #[must_use]
    pub const fn gop_len(&self) -> usize {
        self.frames * self.frame_len()
    }

    /// Width and height of a plane: 0 is Y, 1 is U, 2 is V.
    #[must_use]
    pub const fn plane_size(&self, plane: usize) -> (usize, usize) {
        if plane == 0 { (self.width, self.height) } else { (self.chroma_width(), self.chroma_height()) }
    }

    fn plane_range(&self, frame: usize, plane: usize) -> core::ops::Range<usize> {
        assert!(frame < self.frames, "frame {frame} of {}", self.frames);
        assert!(plane < 3, "plane {plane} of 3");
        let start = frame * self.frame_len()
            + match plane {
                0 => 0,
                1 => self.luma_len(),
                _ => self.luma_len() + self.chroma_len(),
            };
        let len = if plane == 0 { self.luma_len() } else { self.chroma_len() };
        start..start + len
    }
}

/// The pictures to encode.
#[derive(Clone, Copy, Debug)]
pub struct Gop<'a> {
    shape: Shape,
    data: &'a [u8],
}

impl<'a> Gop<'a> {
    /// Views `data` as pictures; `None` if its length is not [`Shape::gop_len`].
    #[must_use]
    pub fn new(shape: Shape, data: &'a [u8]) -> Option<Self> {
        (data.len() == shape.gop_len()).then_some(Self { shape, data })
    }

    /// Size and frame count.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// One plane of one frame, rows packed: 0 is Y, 1 is U, 2 is V.
    ///
    /// # Panics
    /// If `frame` or `plane` is out of range.
    #[must_use]
    pub fn plane(&self, frame: usize, plane: usize) -> &'a [u8] {
        &self.data[self.shape.plane_range(frame, plane)]
    }

    /// All frames, packed.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.data
    }
}

/// The pictures to decode into; they start out as zeros.
#[derive(Debug)]
pub struct GopMut<'a> {
    shape: Shape,
    data: &'a mut [u8],
}

impl<'a> GopMut<'a> {
    /// Views `data` as pictures; `None` if its length is not [`Shape::gop_len`].
    #[must_use]
    pub fn new(shape: Shape, data: &'a mut [u8]) -> Option<Self> {
        (data.len() == shape.gop_len()).then_some(Self { shape, data })
    }

    /// Size and frame count.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// One plane of one frame to read back (as a reference picture, say).
    ///
    /// # Panics
    /// If `frame` or `plane` is out of range.
    #[must_use]
    pub fn plane(&self, frame: usize, plane: usize) -> &[u8] {
        &self.data[self.shape.plane_range(frame, plane)]
    }

    /// One plane of one frame to write, rows packed.
    ///
    /// # Panics
    /// If `frame` or `plane` is out of range.
    pub fn plane_mut(&mut self, frame: usize, plane: usize) -> &mut [u8] {
        &mut self.data[self.shape.plane_range(frame, plane)]
    }

    /// All frames, packed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_round_chroma_up() {
        let shape = Shape { width: 5, height: 3, frames: 2 };
        assert_eq!(shape.plane_size(1), (3, 2));
        assert_eq!(shape.frame_len(), 15 + 2 * 6);
        assert_eq!(shape.gop_len(), 54);
    }

    #[test]
    fn planes_lie_where_packed_i420_puts_them() {
        let shape = Shape { width: 2, height: 2, frames: 2 };
        let data: Vec<u8> = (0..12).collect();
        let gop = Gop::new(shape, &data).unwrap();
        assert_eq!(gop.plane(0, 0), [0, 1, 2, 3]);
        assert_eq!(gop.plane(1, 1), [10]);
        assert_eq!(gop.plane(1, 2), [11]);
        assert!(Gop::new(shape, &data[1..]).is_none());
    }
}
