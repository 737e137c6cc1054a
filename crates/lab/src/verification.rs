//! Verification: what was stored is decoded twice by fresh instances that see nothing but those bytes, and measured.

use crate::bundle::digest_of_file;
use crate::cascade::same;
use crate::error::{Error, Failed};
use crate::execution::{Stage, WrittenStream};
use crate::observer::Event;
use aiv1_decoder::stream::{Header, Reader};
use aiv1_decoder::{DecodeRange, DecodedGop, Decoder, Delivery, decode_stream};
use aiv1_model::{Cost, Digest, Hasher, Quality, RatePoint, StreamInfo};
use aiv1_quality::Measurer;
use aiv1_video::{Clip, Ffmpeg, Gop};
use std::fs::{self, File};
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

/// What one pass over a stored stream showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodePass {
    pub(crate) frames: u64,
    /// Of all frames, packed, in order.
    pub(crate) decoded_sha256: Digest,
    pub(crate) payload_bytes: u64,
    pub(crate) fuel: u64,
    pub(crate) time: Duration,
    pub(crate) peak_memory_bytes: u64,
}

impl Stage<'_> {
    /// Decodes one written stream twice and measures it.
    pub(crate) fn verify_point(&self, clip: &Clip, stream: &WrittenStream) -> Result<RatePoint, Failed> {
        self.measure_point(clip, stream).map_err(|failed| failed.at(clip.info.id, stream.quality_index))
    }

    fn measure_point(&self, clip: &Clip, stream: &WrittenStream) -> Result<RatePoint, Failed> {
        let (info, index) = (&clip.info, stream.quality_index);
        let file = self.folder.join(&stream.path);
        self.observer
            .event(&Event::Working(&format!("decoding and measuring {} at index {index}", info.name)));
        let decoder = &self.codec.decoder;
        let threads = self.lab.threads;
        let (_, first, quality) =
            decode_and_measure(decoder, &file, clip, &self.lab.ffmpeg, threads, || self.go_on())?;
        let (_, second) = decode_pass(decoder, &file, threads, |_| self.go_on())?;
        self.observer.event(&Event::Advanced { frames: first.frames });
        let (one, two) = ((first.decoded_sha256, first.fuel), (second.decoded_sha256, second.fuel));
        same("decodes of the stored bytes", &one, &two)?;
        let bytes = fs::metadata(&file).map_err(Error::file("read", &file))?.len();
        Ok(RatePoint {
            clip: info.id,
            quality_index: index,
            stream: StreamInfo {
                path: stream.path.clone(),
                sha256: digest_of_file(&file)?,
                bytes,
                payload_bytes: first.payload_bytes,
                decoded_sha256: first.decoded_sha256,
            },
            bitrate: info.bitrate(bytes),
            quality,
            cost: Cost {
                encode_fuel: stream.encode_fuel,
                decode_fuel: first.fuel,
                encode_fuel_per_pixel: info.per_pixel(stream.encode_fuel),
                decode_fuel_per_pixel: info.per_pixel(first.fuel),
                encode_ms: stream.encode_time.as_millis() as u64,
                decode_ms: first.time.as_millis() as u64,
                peak_memory_bytes: stream.peak_memory_bytes.max(first.peak_memory_bytes),
            },
        })
    }
}

/// Decodes a stored stream in parallel, checks every frame hash in it, and hands on the GOPs in order.
pub(crate) fn decode_pass(
    decoder: &Decoder,
    file: &Path,
    threads: NonZeroUsize,
    mut each: impl FnMut(&DecodedGop) -> Result<(), Failed>,
) -> Result<(Header, DecodePass), Failed> {
    let stream = File::open(file).map_err(Error::file("read", file))?;
    let mut reader =
        Reader::open(BufReader::new(stream), decoder.limits()).map_err(aiv1_decoder::Error::from)?;
    let mut hasher = Hasher::new();
    let mut pass = DecodePass {
        frames: 0,
        decoded_sha256: Digest::of(&[]),
        payload_bytes: reader.payload_bytes(),
        fuel: 0,
        time: Duration::ZERO,
        peak_memory_bytes: 0,
    };
    decode_stream(&mut reader, decoder, DecodeRange::ALL, threads, |Delivery { gop, .. }| {
        hasher.update(gop.data());
        pass.frames += gop.frame_count() as u64;
        pass.fuel += gop.fuel();
        pass.time += gop.wall();
        pass.peak_memory_bytes = pass.peak_memory_bytes.max(gop.peak_memory_bytes());
        each(&gop)
    })?;
    pass.decoded_sha256 = hasher.finish();
    Ok((*reader.header(), pass))
}

/// The same, measured against the clip as it goes.
pub(crate) fn decode_and_measure(
    decoder: &Decoder,
    file: &Path,
    clip: &Clip,
    ffmpeg: &Ffmpeg,
    threads: NonZeroUsize,
    go_on: impl Fn() -> Result<(), Failed>,
) -> Result<(Header, DecodePass, Quality), Failed> {
    let format = clip.info.format;
    let mut source = clip.reader(ffmpeg).map_err(Error::from)?;
    let mut measurer = Measurer::new(format.width as usize, format.height as usize)?;
    let mut wanted = Gop::empty(&format);
    let (header, pass) = decode_pass(decoder, file, threads, |gop| {
        go_on()?;
        source.read_gop(gop.frame_count(), &mut wanted).map_err(Error::from)?;
        for (source, decoded) in wanted.frames().zip(gop.frames()) {
            measurer.push(source, decoded)?;
        }
        Ok(())
    })?;
    // Past the last frame the reader checks that the clip is still the one that was opened.
    let more = source.read_gop(1, &mut wanted).map_err(Error::from)?;
    if more > 0 || pass.frames != clip.info.frames {
        return Err(aiv1_quality::Error::FrameCount {
            source_frames: clip.info.frames,
            decoded_frames: pass.frames,
        }
        .into());
    }
    Ok((header, pass, measurer.finish()?))
}
