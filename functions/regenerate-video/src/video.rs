//! A preview from the stream and the decoder.

use crate::pipe::{self, Pipe};
use crate::rebuilder::{Rebuilder, check_digest, until};
use crate::scratch::Directory;
use crate::{Compiler, Error, Rebuilt};
use aiv1_decoder::stream::Reader;
use aiv1_decoder::{DecodeRange, Decoder, Delivery, decode_stream};
use aiv1_model::{Digest, ExperimentId, Limits, RatePoint, Record};
use aiv1_playback::{Mp4Encoder, Options};
use aiv1_store::{BlobKey, ObjectKind, Rebuild};
use bytes::Bytes;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Memory that groups of pictures on their way may take together: what one thread may take with a decoder that grows to
/// the lab's limit.
const GOPS_BYTES: u64 = 1152 << 20;

/// As many threads as keep within `most` bytes, at least one: each has a group's coded bytes and an instance of the
/// decoder that may have `memory` bytes; one more instance holds the pictures that are written.
fn threads_within(most: u64, threads: NonZeroUsize, memory: u64, coded: u64) -> NonZeroUsize {
    let each = memory.saturating_add(coded).max(1);
    let fitting = usize::try_from(most.saturating_sub(memory) / each).unwrap_or(usize::MAX);
    NonZeroUsize::new(fitting.min(threads.get())).unwrap_or(NonZeroUsize::MIN)
}

/// The lab's limits; of memory no more than the decoder is known to need, for decoding the same bytes again takes the
/// same memory, and what it may take decides how many run at a time.
fn limits(point: &RatePoint) -> Limits {
    let most = Limits::default();
    Limits { memory_bytes: most.memory_bytes.min(point.cost.peak_memory_bytes), ..most }
}

/// Makes the preview, from a copy of the stream in `directory`.
pub(crate) async fn rebuild(
    rebuilder: &Rebuilder,
    target: &Rebuild,
    (experiment, clip, quality_index): (&ExperimentId, &Digest, u8),
    directory: &Directory,
    stop: &CancellationToken,
) -> Result<Rebuilt, Error> {
    let file = directory.join("stream.aiv1");
    let prepare = async {
        rebuilder.experiment(experiment).await?;
        let record = rebuilder.catalog.record(experiment).await?;
        let record = record.ok_or_else(|| Error::NoBundle(experiment.clone()))?;
        let none = || Error::NoStream { experiment: experiment.clone(), clip: *clip, quality_index };
        let (point, decoder) = find(&record, clip, quality_index).ok_or_else(none)?;

        let key = BlobKey::object(ObjectKind::Module, decoder);
        let wasm = rebuilder.blobs.get(&key, Limits::default().module_bytes).await?;
        let wasm = wasm.ok_or_else(|| Error::Missing(key.to_string()))?;
        if Digest::of(&wasm) != decoder {
            return Err(Error::damaged(key, format!("its SHA-256 is {}", Digest::of(&wasm))));
        }
        rebuilder.fetch(&stream_key(point), point.stream.bytes, &file).await?;
        Ok((point.clone(), wasm))
    };
    let (point, wasm) = until(stop, prepare).await?;

    let (compiler, threads, stopped) = (rebuilder.compiler.clone(), rebuilder.threads, stop.clone());
    let made = pipe::put(rebuilder, target, stop, |pipe| {
        rebuilder.blocking(move || {
            check_digest(&file, &stream_key(&point), &point.stream.sha256)?;
            preview(&*compiler, &wasm, &limits(&point), &file, pipe, threads, &stopped)
        })
    });
    let (bytes, frames) = made.await?;
    Ok(Rebuilt { bytes, frames: Some(frames) })
}

/// A rate point, and the decoder of its stream.
fn find<'r>(record: &'r Record, clip: &Digest, quality_index: u8) -> Option<(&'r RatePoint, Digest)> {
    let mut points = record.points.iter();
    let point = points.find(|point| point.clip == *clip && point.quality_index == quality_index)?;
    Some((point, record.codec.decoder.as_ref()?.sha256))
}

fn stream_key(point: &RatePoint) -> BlobKey {
    BlobKey::object(ObjectKind::Stream, point.stream.sha256)
}

/// Decodes group of pictures by group of pictures, each frame held to its hash, into H.264 that goes to `out`; what belongs
/// before it, and the number of frames.
fn preview(
    compiler: &dyn Compiler,
    wasm: &[u8],
    limits: &Limits,
    stream: &Path,
    mut out: Pipe,
    threads: NonZeroUsize,
    stop: &CancellationToken,
) -> Result<(Bytes, u64), Error> {
    let decoder = Decoder::new(compiler.compile(wasm, limits)?, limits)?;
    let file = File::open(stream).map_err(Error::file("read", stream))?;
    let mut reader = Reader::open(BufReader::new(file), limits).map_err(aiv1_decoder::Error::from)?;
    let header = *reader.header();
    let options = Options { keyframe_interval: u32::from(header.gop_frames), ..Options::default() };
    let mut encoder = Mp4Encoder::new(&header.format, options)?;
    let coded = reader.gops().iter().map(|gop| gop.payload_len).max().unwrap_or(0);
    let threads = threads_within(GOPS_BYTES, threads, limits.memory_bytes, coded.into());
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
    use aiv1_decoder::output_bound;

    #[test]
    fn groups_under_way_keep_within_their_bound_whatever_a_decoder_takes() {
        let threads = |wanted, memory, coded| {
            let threads = threads_within(GOPS_BYTES, NonZeroUsize::new(wanted).unwrap(), memory, coded).get();
            let most = (threads as u64 + 1) * memory + threads as u64 * coded;
            assert!(most <= GOPS_BYTES, "{most} bytes on {threads} threads");
            threads
        };
        let (gop, limits) = (32 * 1920 * 1080 * 3 / 2, Limits::default());
        assert_eq!(threads(2, 3 * gop, 1 << 20), 2, "a decoder of 1080p that has its pictures thrice");
        assert_eq!(threads(64, 3 * gop, 1 << 20), 3);
        let coded = output_bound(&limits, limits.gop_bytes);
        assert_eq!(threads(64, limits.memory_bytes, coded), 1, "one that grows to its limit");
        assert_eq!(threads(3, 0, 0), 3);
    }
}
