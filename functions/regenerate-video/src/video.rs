//! A preview from the stream and the decoder.

use crate::pipe::{self, Pipe};
use crate::rebuilder::{Rebuilder, blocking, check_digest};
use crate::scratch::Directory;
use crate::{Compiler, Error, Rebuilt};
use aiv1_decoder::stream::Reader;
use aiv1_decoder::{DecodeRange, Decoder, Delivery, decode_stream};
use aiv1_model::{Digest, ExperimentId, Limits, Record};
use aiv1_playback::{Mp4Encoder, Options};
use aiv1_store::{BlobKey, ObjectKind, Rebuild};
use bytes::Bytes;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Memory that groups of pictures on their way may take together.
const GOPS_BYTES: u64 = 480 << 20;

/// As many threads as keep within `most` bytes: each has a group's coded bytes, and its pictures both in the sandbox and
/// copied out of it; one more waits to be written.
fn threads_within(most: u64, threads: NonZeroUsize, raw: u64, coded: u64) -> NonZeroUsize {
    let each = raw.saturating_mul(2).saturating_add(coded).max(1);
    let fitting = usize::try_from(most.saturating_sub(raw) / each).unwrap_or(usize::MAX);
    NonZeroUsize::new(fitting.min(threads.get())).unwrap_or(NonZeroUsize::MIN)
}

/// Makes the preview, from a copy of the stream in `directory`.
pub(crate) async fn rebuild(
    rebuilder: &Rebuilder,
    target: &Rebuild,
    (experiment, clip, quality_index): (&ExperimentId, &Digest, u8),
    directory: &Directory,
    stop: &CancellationToken,
) -> Result<Rebuilt, Error> {
    rebuilder.experiment(experiment).await?;
    let record = rebuilder.catalog.record(experiment).await?;
    let record = record.ok_or_else(|| Error::NoBundle(experiment.clone()))?;
    let none = || Error::NoStream { experiment: experiment.clone(), clip: *clip, quality_index };
    let (stream, bytes, decoder) = find(&record, clip, quality_index).ok_or_else(none)?;

    let key = BlobKey::object(ObjectKind::Module, decoder);
    let wasm = rebuilder.blobs.get(&key, Limits::default().module_bytes).await?;
    let wasm = wasm.ok_or_else(|| Error::Missing(key.to_string()))?;
    if Digest::of(&wasm) != decoder {
        return Err(Error::damaged(key, format!("its SHA-256 is {}", Digest::of(&wasm))));
    }
    let key = BlobKey::object(ObjectKind::Stream, stream);
    let file = directory.join("stream.aiv1");
    rebuilder.fetch(&key, bytes, &file, stop).await?;

    let (compiler, threads, stopped) = (rebuilder.compiler.clone(), rebuilder.threads, stop.clone());
    let made = pipe::put(rebuilder, target, stop, |pipe| {
        blocking(move || {
            check_digest(&file, &key, &stream)?;
            preview(&*compiler, &wasm, &file, pipe, threads, &stopped)
        })
    });
    let (bytes, frames) = made.await?;
    Ok(Rebuilt { bytes, frames: Some(frames) })
}

/// The stream, its size, and the decoder of a rate point.
fn find(record: &Record, clip: &Digest, quality_index: u8) -> Option<(Digest, u64, Digest)> {
    let mut points = record.points.iter();
    let point = points.find(|point| point.clip == *clip && point.quality_index == quality_index)?;
    Some((point.stream.sha256, point.stream.bytes, record.codec.decoder.as_ref()?.sha256))
}

/// Decodes group of pictures by group of pictures, each frame held to its hash, into H.264 that goes to `out`; what belongs
/// before it, and the number of frames.
fn preview(
    compiler: &dyn Compiler,
    wasm: &[u8],
    stream: &Path,
    mut out: Pipe,
    threads: NonZeroUsize,
    stop: &CancellationToken,
) -> Result<(Bytes, u64), Error> {
    let limits = Limits::default();
    let decoder = Decoder::new(compiler.compile(wasm, &limits)?, &limits)?;
    let file = File::open(stream).map_err(Error::file("read", stream))?;
    let mut reader = Reader::open(BufReader::new(file), &limits).map_err(aiv1_decoder::Error::from)?;
    let header = *reader.header();
    let options = Options { keyframe_interval: u32::from(header.gop_frames), ..Options::default() };
    let mut encoder = Mp4Encoder::new(&header.format, options)?;
    let coded = reader.gops().iter().map(|gop| gop.payload_len).max().unwrap_or(0);
    let raw = header.format.frame_bytes() * u64::from(header.gop_frames);
    let threads = threads_within(GOPS_BYTES, threads, raw, u64::from(coded));
    decode_stream(&mut reader, &decoder, DecodeRange::ALL, threads, |Delivery { gop, .. }| {
        if stop.is_cancelled() {
            return Err(Error::Stopped);
        }
        gop.frames().try_for_each(|frame| {
            let sample = encoder.push(frame)?;
            // Whoever closed the other end knows why, and says so.
            out.write_all(sample).map_err(|_| Error::Stopped)
        })
    })?;
    out.flush().map_err(|_| Error::Stopped)?;
    let (head, summary) = encoder.finish()?;
    Ok((head.into(), summary.frames))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_under_way_keep_within_their_bound_and_one_always_goes() {
        let threads = |wanted, raw, coded| {
            threads_within(480 << 20, NonZeroUsize::new(wanted).unwrap(), raw, coded).get()
        };
        let gop = 32 * 1920 * 1080 * 3 / 2;
        assert_eq!(threads(2, gop, 1 << 20), 2, "a codec that compresses decodes 1080p on two threads");
        assert_eq!(threads(2, gop, gop), 1, "one that does not, on one");
        assert_eq!(threads(64, gop, 1 << 20), 2);
        assert_eq!(threads(4, 1 << 40, 1 << 40), 1);
        assert_eq!(threads(3, 0, 0), 3);
    }
}
