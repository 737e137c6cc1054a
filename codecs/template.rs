//! A codec to start from: 8x8 blocks, each predicted by a level, the rest sent as quantised differences.
//!
//! It is small on purpose and compresses little. What would help first, in this order: a transform per block, motion
//! (copy from the picture before), an arithmetic coder in place of the bytes below. `docs/CODEC-ABI.md` has the rules.

#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};
use aiv1_kit::{GopMut, Shape};

/// One line for the pages.
pub const ABOUT: &str = "8x8 blocks of quantised differences, zeros in runs.";

/// What a search may turn. `encode` reads the values by name; the decoder learns only what the bytes tell it.
#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[Parameter::float(
    "dead_zone",
    0.0,
    0.9,
    0.4,
    "how far a difference may be from zero and still be none, in steps",
)];

const SIDE: usize = 8;

/// Corners and sizes of the blocks of a plane; those at the right and lower edge are smaller.
fn blocks((width, height): (usize, usize)) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let corners = (0..height).step_by(SIDE).flat_map(move |y| (0..width).step_by(SIDE).map(move |x| (x, y)));
    corners.map(move |(x, y)| (x, y, SIDE.min(width - x), SIDE.min(height - y)))
}

/// Every plane of every picture: pictures, then planes.
fn planes(shape: Shape) -> impl Iterator<Item = (usize, usize)> {
    (0..shape.frames).flat_map(|frame| (0..3).map(move |plane| (frame, plane)))
}

/// Quality 0 to 63 goes into the quantiser: about 7 % coarser with every index.
#[cfg(encoder)]
pub fn encode(settings: &Settings, quality: u8, gop: &Gop<'_>) -> Vec<u8> {
    let shape = gop.shape();
    let step = (2.0 * 1.068_f64.powi(i32::from(quality))).round().clamp(1.0, 127.0) as i32;
    let rounding = ((1.0 - settings.float("dead_zone")) * 0.5 * f64::from(step)) as i32;
    let mut out = vec![step as u8];
    let mut zeros = 0_u8;
    for (frame, plane) in planes(shape) {
        let (samples, size) = (gop.plane(frame, plane), shape.plane_size(plane));
        for (x, y, width, height) in blocks(size) {
            let rows = || (y..y + height).map(|row| &samples[row * size.0 + x..][..width]);
            let sum: usize = rows().flatten().map(|sample| usize::from(*sample)).sum();
            let level = (sum / (width * height)) as i32;
            flush(&mut zeros, &mut out);
            out.push(level as u8);
            for sample in rows().flatten() {
                let difference = i32::from(*sample) - level;
                let steps =
                    ((difference.abs() + rounding) / step * difference.signum()).clamp(-127, 127) as i8;
                if steps == 0 {
                    zeros += 1;
                } else {
                    flush(&mut zeros, &mut out);
                    out.push(steps as u8);
                }
            }
        }
    }
    flush(&mut zeros, &mut out);
    out
}

/// A run of zeros: a zero and its length.
#[cfg(encoder)]
fn flush(zeros: &mut u8, out: &mut Vec<u8>) {
    if *zeros > 0 {
        out.extend([0, *zeros]);
        *zeros = 0;
    }
}

/// The same way back. Bytes may be anything: a decoder that indexes past them panics, which is an error, not a crash.
#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    let shape = gop.shape();
    let mut bytes = bytes.iter().copied();
    let mut next = || bytes.next().expect("the bytes end before the pictures do");
    let step = i32::from(next());
    for (frame, plane) in planes(shape) {
        let size = shape.plane_size(plane);
        let samples = gop.plane_mut(frame, plane);
        for (x, y, width, height) in blocks(size) {
            let level = i32::from(next());
            let mut zeros = 0_u8;
            for row in y..y + height {
                for sample in &mut samples[row * size.0 + x..][..width] {
                    let mut steps = 0;
                    if zeros > 0 {
                        zeros -= 1;
                    } else {
                        steps = i32::from(next() as i8);
                        zeros = if steps == 0 { next().wrapping_sub(1) } else { 0 };
                    }
                    *sample = (level + steps * step).clamp(0, 255) as u8;
                }
            }
        }
    }
}
