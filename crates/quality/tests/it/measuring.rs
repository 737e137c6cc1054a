//! What the measurer sums up, and what it refuses.

use aiv1_model::{ColorInfo, Decibels, FrameRate, PlaneError, VideoFormat};
use aiv1_quality::{Error, Measurer, measure, psnr_yuv, tools};
use aiv1_video::{FrameRef, Gop};

const LENGTH: usize = 16 * 8 + 2 * 8 * 4;

fn frame(data: &[u8]) -> FrameRef<'_> {
    FrameRef::new(16, 8, data).unwrap()
}

fn gop(frames: &[u8]) -> Gop {
    let frame_rate = FrameRate { numerator: 25, denominator: 1 };
    let format = VideoFormat { width: 16, height: 8, frame_rate, color: ColorInfo::UNSPECIFIED };
    Gop::from_data(&format, frames.iter().flat_map(|&sample| [sample; LENGTH]).collect()).unwrap()
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn the_series_is_the_psnr_of_the_mean_error_and_the_mean_of_ssim() {
    let source = [100; LENGTH];
    let mut measurer = Measurer::new(16, 8).unwrap();
    for decoded in [101, 103, 100, 103] {
        measurer.push(frame(&source), frame(&[decoded; LENGTH])).unwrap();
    }
    let quality = measurer.finish_checked(4).unwrap();
    assert_eq!(quality.planes[0], PlaneError { squared_error: 128 * (1 + 9 + 9), samples: 512 });
    assert_eq!(quality.planes[2], PlaneError { squared_error: 32 * 19, samples: 128 });
    let decibels = 10.0 * (255.0_f64.powi(2) / 4.75).log10();
    for psnr in [quality.psnr_y, quality.psnr_u, quality.psnr_v, quality.psnr_yuv] {
        assert!(near(psnr.finite().unwrap(), decibels));
    }
    assert_eq!((quality.worst_psnr_frame, quality.worst_ssim_frame), (1, 1), "of equals the first");
    assert_eq!(quality.worst_psnr_y, Decibels::from_squared_error(9, 1));
    assert!(near(quality.ssim_y, quality.frames.iter().map(|frame| frame.ssim_y).sum::<f64>() / 4.0));
    assert!(near(quality.frames[2].ssim_y, 1.0));
    assert_eq!(quality.vmaf, None);
}

#[test]
fn equal_frames_are_lossless_and_their_ssim_is_exactly_one() {
    let data: Vec<u8> = (0..LENGTH).map(|at| (at * 31 % 256) as u8).collect();
    let quality = measure(16, 8, [frame(&data)], [frame(&data)]).unwrap();
    assert_eq!(
        (quality.psnr_y, quality.psnr_yuv, quality.worst_psnr_y),
        (Decibels::Lossless, Decibels::Lossless, Decibels::Lossless)
    );
    assert_eq!((quality.ssim_y.to_bits(), quality.worst_psnr_frame), (1.0_f64.to_bits(), 0));
}

#[test]
fn a_lossless_plane_among_lossy_ones_counts_as_one_unit_of_error() {
    let plane = |squared_error, samples| PlaneError { squared_error, samples };
    let luma = plane(4000, 1000);
    let with = |u, v| psnr_yuv(&[luma, plane(u, 250), plane(v, 250)]).finite().unwrap();
    assert!(near(with(0, 0), with(1, 1)));
    let floor = 10.0 * (255.0_f64.powi(2) * 250.0).log10();
    assert!(near(with(0, 0), (4.0 * luma.psnr().finite().unwrap() + 2.0 * floor) / 6.0));
    assert!(with(0, 9) > with(2, 9), "less error is never a worse figure");
}

#[test]
fn a_frame_of_another_size_is_refused_with_both_sides_named() {
    let mut measurer = Measurer::new(16, 8).unwrap();
    let (data, small) = ([0; LENGTH], [0; 8 * 8 + 2 * 16]);
    measurer.push(frame(&data), frame(&data)).unwrap();
    let error = measurer.push(frame(&data), FrameRef::new(8, 8, &small).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "frame 1: the source is 16x8 and the decoded frame 8x8, 16x8 is measured");
    assert_eq!(measurer.frames(), 1);
}

#[test]
fn a_shorter_side_is_refused_with_both_lengths() {
    let data = [0; LENGTH];
    let of = |count: usize| std::iter::repeat_n(frame(&data), count);
    for (source, decoded) in [(5_u64, 3_u64), (2, 4), (0, 1), (1, 0)] {
        let expected = Error::FrameCount { source_frames: source, decoded_frames: decoded };
        assert_eq!(measure(16, 8, of(source as usize), of(decoded as usize)).unwrap_err(), expected);
    }
    assert_eq!(measure(16, 8, of(0), of(0)).unwrap_err(), Error::NoFrames);
    let mut measurer = Measurer::new(16, 8).unwrap();
    measurer.push_gop(&gop(&[1, 2]), &gop(&[1, 3])).unwrap();
    let short = measurer.push_gop(&gop(&[1, 2, 3]), &gop(&[1])).unwrap_err();
    assert_eq!(short.to_string(), "the source has 5 frames and the decoded video 3");
    let short = measurer.clone().finish_checked(3).unwrap_err();
    assert_eq!(short, Error::FrameCount { source_frames: 3, decoded_frames: 2 });
    assert_eq!(measurer.finish().unwrap().frames.len(), 2);
    assert_eq!(Measurer::new(16, 8).unwrap().finish().unwrap_err(), Error::NoFrames);
}

#[test]
fn sizes_without_an_ssim_are_refused() {
    for (width, height) in [(0, 0), (7, 8), (8, 7), (65_536, 8), (8, usize::MAX)] {
        assert_eq!(Measurer::new(width, height).unwrap_err(), Error::Size { width, height });
    }
    assert!(Measurer::new(8, 8).is_ok());
}

#[test]
fn the_record_names_what_measured_and_says_that_vmaf_did_not() {
    let tools = tools();
    assert!(tools.psnr.starts_with("aiv1-quality psnr ") && tools.ssim.ends_with(env!("CARGO_PKG_VERSION")));
    assert_eq!(tools.vmaf, None);
}
