//! Absolute values, pinned from ffmpeg itself.

use crate::programs::{Verdict, clip, ffmpeg_bytes, ffmpeg_is_here, generated, verdict};
use aiv1_model::{Decibels, Quality};
use aiv1_quality::measure;
use aiv1_video::FrameRef;

/// Agreement asked for, in dB and in SSIM.
const TOLERANCE: f64 = 1e-4;

fn frames(width: usize, height: usize, data: &[u8]) -> impl Iterator<Item = FrameRef<'_>> {
    let length = width * height + 2 * width.div_ceil(2) * height.div_ceil(2);
    assert_eq!(data.len() % length, 0, "ffmpeg gave no whole number of {width}x{height} frames");
    data.chunks_exact(length).map(move |data| FrameRef::new(width, height, data).unwrap())
}

fn measured(width: usize, height: usize, source: &[u8], decoded: &[u8]) -> Quality {
    measure(width, height, frames(width, height, source), frames(width, height, decoded)).unwrap()
}

fn assert_agrees(what: &str, ours: &Quality, theirs: &Verdict) {
    let near = |name: &str, ours: f64, theirs: f64| {
        let equal = (ours - theirs).abs() <= TOLERANCE || (ours.is_infinite() && theirs.is_infinite());
        assert!(equal, "{what}: {name} is {ours} here and {theirs} in ffmpeg");
    };
    let finite = |psnr: Decibels| psnr.finite().unwrap_or(f64::INFINITY);
    for (plane, (ours, theirs)) in
        [ours.psnr_y, ours.psnr_u, ours.psnr_v].into_iter().zip(theirs.psnr).enumerate()
    {
        near(&format!("PSNR of plane {plane}"), finite(ours), theirs);
    }
    near("SSIM", ours.ssim_y, theirs.ssim_y);
    let count = ours.frames.len();
    assert_eq!((count, count), (theirs.frame_psnrs.len(), theirs.frame_ssims.len()), "{what}");
    for (index, frame) in ours.frames.iter().enumerate() {
        near(&format!("SSIM of frame {index}"), frame.ssim_y, theirs.frame_ssims[index]);
        for plane in 0..3 {
            let samples = ours.planes[plane].samples / count as u64;
            let psnr = finite(Decibels::from_squared_error(frame.squared_error[plane], samples));
            near(&format!("PSNR of plane {plane} of frame {index}"), psnr, theirs.frame_psnrs[index][plane]);
        }
    }
}

/// ffmpeg 5.1's x86 assembly (`ssim_end_line`) adds a window that does not exist where the number of windows in a row
/// leaves 1 modulo 4; its C code, which `-cpuflags 0` selects, is right, and is what is equalled everywhere.
fn assembly_is_right(width: usize) -> bool {
    width / 4 % 4 != 2
}

fn assert_agrees_with_ffmpeg(what: &str, width: usize, height: usize, source: &[u8], decoded: &[u8]) {
    let ours = measured(width, height, source, decoded);
    assert_agrees(what, &ours, &verdict(&["-cpuflags", "0"], width, height, source, decoded));
    if assembly_is_right(width) {
        assert_agrees(what, &ours, &verdict(&[], width, height, source, decoded));
    }
}

#[test]
fn generated_content_of_every_size_measures_as_in_ffmpeg() {
    if !ffmpeg_is_here() {
        return;
    }
    let sizes =
        [(8, 8), (9, 9), (11, 12), (16, 9), (24, 10), (35, 27), (64, 64), (130, 50), (353, 287), (642, 362)];
    for (width, height) in sizes {
        let (above_width, above_height) = (width + width % 2 + 16, height + height % 2 + 16);
        let source_of = |name: &str| format!("{name}=size={above_width}x{above_height}:rate=25");
        for (graph, damage) in [
            (source_of("testsrc2"), "noise=alls=25:allf=t:all_seed=7"),
            (source_of("mandelbrot"), "gblur=sigma=1.5"),
            (format!("{},noise=alls=100:allf=t:all_seed=3", source_of("color=gray")), "boxblur=2"),
        ] {
            let graph = graph.replace("color=gray=", "color=c=gray:");
            let source = generated(&graph, width, height, 3);
            let decoded = generated(&format!("{graph},{damage}"), width, height, 3);
            assert_agrees_with_ffmpeg(
                &format!("{graph} {damage} {width}x{height}"),
                width,
                height,
                &source,
                &decoded,
            );
        }
    }
}

#[test]
fn planes_without_error_are_infinite_in_both() {
    if !ffmpeg_is_here() {
        return;
    }
    let source = generated("testsrc2=size=64x64", 48, 40, 2);
    assert_agrees_with_ffmpeg("equal", 48, 40, &source, &source);
    let mut decoded = source.clone();
    decoded[0] ^= 1;
    assert_agrees_with_ffmpeg("one sample off", 48, 40, &source, &decoded);
}

#[test]
fn real_clips_measure_as_in_ffmpeg() {
    let clips =
        [("facade_cif.mp4", 352, 288), ("juggle_360p.mp4", 640, 360), ("street_tree_1080p.mp4", 1920, 1080)];
    for (name, width, height) in clips {
        let Some(path) = clip(name).filter(|_| ffmpeg_is_here()) else { continue };
        let path = path.to_str().unwrap();
        let raw = |filter: &str| {
            let filter = format!("{filter},format=yuv420p");
            ffmpeg_bytes(&["-i", path, "-frames:v", "4", "-vf", &filter, "-f", "rawvideo", "-"])
        };
        let source = raw("null");
        for damage in ["gblur=sigma=1", "noise=alls=12:allf=t:all_seed=5"] {
            assert_agrees_with_ffmpeg(&format!("{name} {damage}"), width, height, &source, &raw(damage));
        }
    }
}
