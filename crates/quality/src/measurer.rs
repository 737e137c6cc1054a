//! Frames in, [`Quality`] out.

use crate::Error;
use crate::kernel::Kernel;
use crate::luma::Scratch;
use aiv1_model::{Decibels, FrameQuality, PlaneError, Quality};
use aiv1_video::{FrameRef, Gop};

/// Least side of a frame, in luma samples: a window of SSIM is 8×8. ffmpeg divides 0 by 0 below it and prints `nan`.
pub const LEAST_SIDE: usize = 8;
/// Greatest side of a frame, in luma samples; keeps what is allocated for a frame's width small.
pub const GREATEST_SIDE: usize = 65_535;

/// Measures decoded frames against their source, in order, one pair at a time.
#[derive(Clone, Debug)]
pub struct Measurer {
    width: usize,
    height: usize,
    kernel: Kernel,
    scratch: Scratch,
    frames: Vec<FrameQuality>,
}

impl Measurer {
    /// For frames of `width` by `height` luma samples.
    ///
    /// # Errors
    /// [`Error::Size`] if a side is less than [`LEAST_SIDE`] or more than [`GREATEST_SIDE`].
    pub fn new(width: usize, height: usize) -> Result<Self, Error> {
        let sides = LEAST_SIDE..=GREATEST_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(Error::Size { width, height });
        }
        Ok(Self { width, height, kernel: Kernel::detect(), scratch: Scratch::new(width), frames: Vec::new() })
    }

    /// Number of frames measured so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames.len() as u64
    }

    /// Measures the next pair of frames.
    ///
    /// # Errors
    /// [`Error::FrameSize`] if either has another size; nothing is measured then.
    pub fn push(&mut self, source: FrameRef<'_>, decoded: FrameRef<'_>) -> Result<FrameQuality, Error> {
        let (source_size, decoded_size) = (size_of(source), size_of(decoded));
        let expected_size = (self.width, self.height);
        if source_size != expected_size || decoded_size != expected_size {
            return Err(Error::FrameSize { frame: self.frames(), source_size, decoded_size, expected_size });
        }
        let quality = self.kernel.frame(source, decoded, &mut self.scratch);
        self.frames.push(quality);
        Ok(quality)
    }

    /// Measures the next pair of groups of pictures.
    ///
    /// # Errors
    /// [`Error::FrameCount`] if one is shorter, counted from the first frame of the video and before anything of the
    /// group is measured; [`Error::FrameSize`].
    pub fn push_gop(&mut self, source: &Gop, decoded: &Gop) -> Result<(), Error> {
        if source.len() != decoded.len() {
            let before = self.frames();
            return Err(Error::FrameCount {
                source_frames: before + source.len() as u64,
                decoded_frames: before + decoded.len() as u64,
            });
        }
        source
            .frames()
            .zip(decoded.frames())
            .try_for_each(|(source, decoded)| self.push(source, decoded).map(drop))
    }

    /// Quality of the whole series.
    ///
    /// # Errors
    /// [`Error::NoFrames`] if nothing was pushed.
    pub fn finish(self) -> Result<Quality, Error> {
        summarise(self.width, self.height, self.frames)
    }

    /// Quality of the whole series, which must be as long as the source.
    ///
    /// # Errors
    /// [`Error::FrameCount`] if another number of frames than `source_frames` was pushed; [`Error::NoFrames`].
    pub fn finish_checked(self, source_frames: u64) -> Result<Quality, Error> {
        let decoded_frames = self.frames();
        if decoded_frames != source_frames {
            return Err(Error::FrameCount { source_frames, decoded_frames });
        }
        self.finish()
    }
}

/// Measures two videos of `width` by `height` in lock-step, to the end of both.
///
/// # Errors
/// [`Error::FrameCount`] if one is shorter (the rest of the longer is counted, not measured); as [`Measurer`] otherwise.
pub fn measure<'a, 'b>(
    width: usize,
    height: usize,
    source: impl IntoIterator<Item = FrameRef<'a>>,
    decoded: impl IntoIterator<Item = FrameRef<'b>>,
) -> Result<Quality, Error> {
    let mut measurer = Measurer::new(width, height)?;
    let (mut source, mut decoded) = (source.into_iter(), decoded.into_iter());
    loop {
        let (source_rest, decoded_rest) = match (source.next(), decoded.next()) {
            (Some(source), Some(decoded)) => {
                measurer.push(source, decoded)?;
                continue;
            }
            (None, None) => return measurer.finish(),
            (Some(_), None) => (1 + source.count() as u64, 0),
            (None, Some(_)) => (0, 1 + decoded.count() as u64),
        };
        let both = measurer.frames();
        return Err(Error::FrameCount {
            source_frames: both + source_rest,
            decoded_frames: both + decoded_rest,
        });
    }
}

fn size_of(frame: FrameRef<'_>) -> (usize, usize) {
    (frame.width(), frame.height())
}

/// (4·Y + U + V) / 6 of the PSNR of the three planes, in dB.
///
/// A plane without error has no finite PSNR. If that holds for all three the result is lossless; if not, such a plane
/// counts as if its squared error were 1, the least there is: a lower bound of the true (infinite) figure that never
/// falls when an error is removed.
#[must_use]
pub fn psnr_yuv(planes: &[PlaneError; 3]) -> Decibels {
    if planes.iter().all(|plane| plane.squared_error == 0) {
        return Decibels::Lossless;
    }
    let weighted = planes.iter().zip([4.0, 1.0, 1.0]).map(|(plane, weight)| {
        let psnr = Decibels::from_squared_error(plane.squared_error.max(1), plane.samples);
        // Finite, since the error is not 0.
        weight * psnr.finite().unwrap_or_default()
    });
    Decibels::Finite(weighted.sum::<f64>() / 6.0)
}

/// Sums up frames of `width` by `height` luma samples that were measured before: here, or wherever a record came from.
///
/// Squared errors must be ones that 8-bit frames can give.
///
/// # Errors
/// [`Error::NoFrames`] if there are none.
pub fn summarise(width: usize, height: usize, frames: Vec<FrameQuality>) -> Result<Quality, Error> {
    if frames.is_empty() {
        return Err(Error::NoFrames);
    }
    let (luma, chroma) = (width * height, width.div_ceil(2) * height.div_ceil(2));
    let planes = std::array::from_fn(|plane| PlaneError {
        squared_error: frames.iter().map(|frame| frame.squared_error[plane]).sum(),
        samples: [luma, chroma, chroma][plane] as u64 * frames.len() as u64,
    });
    // Of equals the first is named.
    let (mut worst_error, mut worst_psnr_frame) = (frames[0].squared_error[0], 0);
    let (mut worst_ssim_y, mut worst_ssim_frame) = (frames[0].ssim_y, 0);
    for (index, frame) in (0..).zip(&frames) {
        if frame.squared_error[0] > worst_error {
            (worst_error, worst_psnr_frame) = (frame.squared_error[0], index);
        }
        if frame.ssim_y < worst_ssim_y {
            (worst_ssim_y, worst_ssim_frame) = (frame.ssim_y, index);
        }
    }
    let [psnr_y, psnr_u, psnr_v] = planes.map(|plane| plane.psnr());
    Ok(Quality {
        planes,
        psnr_y,
        psnr_u,
        psnr_v,
        psnr_yuv: psnr_yuv(&planes),
        ssim_y: frames.iter().map(|frame| frame.ssim_y).sum::<f64>() / frames.len() as f64,
        worst_psnr_y: Decibels::from_squared_error(worst_error, luma as u64),
        worst_psnr_frame,
        worst_ssim_y,
        worst_ssim_frame,
        vmaf: None,
        frames,
    })
}
