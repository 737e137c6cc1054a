//! The encoding half.

use crate::sandbox::{Budget, Guest};
use crate::stream::{MAX_DIMENSION, MAX_QUALITY};
use crate::{Error, Module, Result, Role, output_bound};
use aiv1_model::{Declaration, FrameRate, Limits};
use aiv1_video::Gop;
use std::time::Duration;

const MAX_DECLARATION: u64 = 64 << 10;

/// What to encode with.
#[derive(Clone, Copy, Debug)]
pub struct EncodeRequest<'a> {
    /// Quality index, 0 to 63.
    pub quality: u8,
    /// Frames a second.
    pub frame_rate: FrameRate,
    /// The declared parameters' values, as [`Declaration::numbers`] gives them.
    pub numbers: &'a [f64],
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The payload.
    pub bytes: Vec<u8>,
    /// Fuel the whole call used, instantiation and input included: the same on every machine.
    pub fuel: u64,
    /// Time it took.
    pub wall: Duration,
    /// Most memory the guest had.
    pub peak_memory_bytes: u64,
}

/// An encoder module and what it declares.
#[derive(Clone, Debug)]
pub struct Encoder {
    module: Module,
    limits: Limits,
    declaration: Declaration,
}

impl Encoder {
    /// Asks the module for its version and its declaration.
    pub fn new(module: Module, limits: &Limits) -> Result<Self> {
        module.expect_role(Role::Encoder)?;
        let mut guest = Guest::start(&module, Budget::for_pixels(limits, 0, 0))?;
        crate::decoder::check_abi(&mut guest)?;
        let range = guest.call_for_bytes("describe", ())?;
        let length = u64::from(range.1);
        if length > MAX_DECLARATION {
            return Err(Error::OutputSize { call: "describe", length, bound: MAX_DECLARATION });
        }
        let wrong = |reason: String| Error::Declaration { reason };
        let declaration: Declaration =
            serde_json::from_slice(guest.view(range)).map_err(|error| wrong(error.to_string()))?;
        declaration.check().map_err(|error| wrong(error.to_string()))?;
        if declaration.abi != crate::decoder::ABI {
            return Err(wrong(format!(
                "it says ABI {}, the module says {}",
                declaration.abi,
                crate::decoder::ABI
            )));
        }
        Ok(Self { module, limits: *limits, declaration })
    }

    /// What the codec says about itself.
    #[must_use]
    pub const fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// The module.
    #[must_use]
    pub const fn module(&self) -> &Module {
        &self.module
    }

    /// Encodes a group of pictures in a fresh instance.
    pub fn encode_gop(&self, request: &EncodeRequest<'_>, gop: &Gop) -> Result<Encoded> {
        self.check(request, gop)?;
        let (width, height, frames) = (gop.width() as u32, gop.height() as u32, gop.len() as u32);
        let FrameRate { numerator, denominator } = request.frame_rate;
        let words = [width, height, frames, request.quality.into(), numerator, denominator];
        let mut head: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        head.extend(request.numbers.iter().flat_map(|number| number.to_le_bytes()));

        let pixels = u64::from(width) * u64::from(height) * u64::from(frames);
        let budget = Budget::for_pixels(&self.limits, self.limits.encode_fuel_per_pixel, pixels);
        let mut guest = Guest::start(&self.module, budget)?;
        let head = guest.give(&head)?;
        let raw = guest.give(gop.data())?;
        let call = "encode";
        let range = guest.call_for_bytes(call, (head.0, head.1, raw.0, raw.1))?;
        let (length, bound) = (u64::from(range.1), output_bound(&self.limits, gop.data().len() as u64));
        if length > bound {
            return Err(Error::OutputSize { call, length, bound });
        }
        let bytes = guest.view(range).to_vec();
        let (fuel, wall, peak_memory_bytes) = (guest.fuel_used(), guest.elapsed(), guest.peak_memory());
        Ok(Encoded { bytes, fuel, wall, peak_memory_bytes })
    }

    fn check(&self, request: &EncodeRequest<'_>, gop: &Gop) -> Result<()> {
        let refuse = |reason: String| Err(Error::Request { reason });
        let most = MAX_DIMENSION as usize;
        let bytes = gop.data().len() as u64;
        if gop.width() > most || gop.height() > most {
            return refuse(format!("pictures of {}x{}, at most {most}x{most}", gop.width(), gop.height()));
        }
        if gop.is_empty() {
            return refuse("a GOP of no frames".into());
        }
        if bytes > self.limits.gop_bytes {
            return refuse(format!("a GOP of {bytes} bytes, at most {}", self.limits.gop_bytes));
        }
        if request.quality > MAX_QUALITY {
            return refuse(format!("quality index {}, at most {MAX_QUALITY}", request.quality));
        }
        let (given, declared) = (request.numbers.len(), self.declaration.parameters.len());
        if given != declared {
            return refuse(format!("{given} parameter values for {declared} declared parameters"));
        }
        Ok(())
    }
}
