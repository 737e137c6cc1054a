//! Execution: every GOP of a clip encoded at every quality index, on all cores, into one stream per index.
//!
//! The clip is read once. A reader hands each GOP to the workers, one job per quality index; a worker encodes it in a
//! fresh instance, decodes the bytes in another, and hashes the frames. A GOP may be begun only when those far enough
//! before it are written, so memory holds a few GOPs however long the clip is.

use crate::error::{Error, Failed};
use crate::experiment::{Deadline, Lab};
use crate::observer::{Event, Observer};
use crate::request::Request;
use aiv1_decoder::stream::{Header, StreamError, Writer};
use aiv1_decoder::{Decoder, EncodeRequest, Encoder, ModuleCompiler, Role};
use aiv1_model::{Digest, Limits, VideoFormat};
use aiv1_video::{Clip, Gop};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// A codec's two modules, ready to run.
#[derive(Debug)]
pub(crate) struct Codec {
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
    pub(crate) decoder_sha256: Digest,
}

impl Codec {
    pub(crate) fn load(
        compiler: &ModuleCompiler,
        encoder: &[u8],
        decoder: &[u8],
        limits: &Limits,
    ) -> Result<Self, aiv1_decoder::Error> {
        Ok(Self {
            encoder: Encoder::new(compiler.compile(Role::Encoder, encoder, limits)?, limits)?,
            decoder: Decoder::new(compiler.compile(Role::Decoder, decoder, limits)?, limits)?,
            decoder_sha256: Digest::of(decoder),
        })
    }
}

/// One stream as it was written.
#[derive(Clone, Debug)]
pub(crate) struct WrittenStream {
    pub(crate) quality_index: u8,
    /// Path inside the bundle.
    pub(crate) path: String,
    pub(crate) encode_fuel: u64,
    pub(crate) encode_time: Duration,
    pub(crate) peak_memory_bytes: u64,
}

/// What one phase works with.
pub(crate) struct Stage<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) codec: &'a Codec,
    pub(crate) request: &'a Request<'a>,
    /// The bundle in the making.
    pub(crate) folder: &'a Path,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) deadline: Deadline,
}

impl Stage<'_> {
    /// Whether the phase may go on.
    pub(crate) fn go_on(&self) -> Result<(), Failed> {
        self.deadline.check(self.observer)
    }

    /// Encodes one clip at every quality index of the request.
    pub(crate) fn encode_clip(&self, clip: &Clip) -> Result<Vec<WrittenStream>, Failed> {
        let indices = &self.request.settings.quality_indices;
        let outputs = indices.iter().map(|index| Output::create(self, clip, *index));
        let mut outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        let declaration = self.codec.encoder.declaration();
        let numbers = declaration.numbers(&self.request.parameters).map_err(Error::from)?;
        let window = Window::new(self.lab.threads.get().div_ceil(outputs.len()) + 1);
        self.observer.event(&Event::Working(&format!("encoding {}", clip.info.name)));
        let encode = |job: &Job| {
            self.go_on()?;
            let quality_index = indices[job.output];
            let encoded = self.encode_gop(clip, quality_index, &numbers, &job.gop);
            encoded.map_err(|failed| failed.at(clip.info.id, quality_index))
        };
        run_pipeline(self.lab.threads, &mut outputs, || self.read_gops(clip, &window), encode, &window)?;
        outputs.into_iter().map(Output::finish).collect()
    }

    fn encode_gop(&self, clip: &Clip, quality: u8, numbers: &[f64], gop: &Gop) -> Result<EncodedGop, Failed> {
        let VideoFormat { width, height, frame_rate, .. } = clip.info.format;
        let encoded = self.codec.encoder.encode_gop(&EncodeRequest { quality, frame_rate, numbers }, gop)?;
        let decoded = self.codec.decoder.decode_gop(&encoded.bytes, width, height, gop.len() as u32)?;
        self.observer.event(&Event::Advanced { frames: gop.len() as u64 });
        Ok(EncodedGop {
            hashes: decoded.frame_hashes(),
            payload: encoded.bytes,
            fuel: encoded.fuel,
            time: encoded.wall,
            peak_memory_bytes: encoded.peak_memory_bytes.max(decoded.peak_memory_bytes()),
        })
    }

    /// GOPs of the clip in order, each once the window admits it.
    fn read_gops<'a>(
        &'a self,
        clip: &'a Clip,
        window: &'a Window,
    ) -> impl Iterator<Item = Result<Gop, Failed>> + 'a {
        let gop_frames = self.request.settings.gop_frames as usize;
        let mut reader = None;
        let mut index = 0;
        std::iter::from_fn(move || {
            if !window.admit(index) {
                return None;
            }
            index += 1;
            let mut next = || -> Result<Option<Gop>, Error> {
                let reader = match &mut reader {
                    Some(reader) => reader,
                    none => none.insert(clip.reader(&self.lab.ffmpeg)?),
                };
                let mut gop = Gop::empty(&clip.info.format);
                let frames = reader.read_gop(gop_frames, &mut gop)?;
                Ok((frames > 0).then_some(gop))
            };
            next().map_err(Failed::from).transpose()
        })
    }
}

/// One GOP at one quality index.
struct Job {
    /// Its place in the order of all jobs.
    order: usize,
    gop_index: usize,
    output: usize,
    gop: Arc<Gop>,
}

struct EncodedGop {
    payload: Vec<u8>,
    hashes: Vec<[u8; 8]>,
    fuel: u64,
    time: Duration,
    peak_memory_bytes: u64,
}

/// Lets the reader run only so many GOPs ahead of the writer, and ends it all after a failure.
struct Window {
    size: usize,
    written: Mutex<usize>,
    moved: Condvar,
    /// Jobs from this place on are not begun.
    end: AtomicUsize,
}

impl Window {
    fn new(size: usize) -> Self {
        let (written, moved, end) = (Mutex::new(0), Condvar::new(), AtomicUsize::new(usize::MAX));
        Self { size, written, moved, end }
    }

    /// Waits until this GOP may be begun; `false` if the pipeline stopped.
    fn admit(&self, gop_index: usize) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |written: &mut usize| gop_index >= *written + self.size && !self.is_stopped();
        drop(self.moved.wait_while(written, waiting));
        !self.is_stopped()
    }

    fn advance(&self, written: usize) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
        self.moved.notify_all();
    }

    /// Nothing new is read, and of what was read only jobs before this place are still begun.
    fn stop(&self, end: usize) {
        self.end.fetch_min(end, Ordering::Relaxed);
        let _held = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        self.moved.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.end.load(Ordering::Relaxed) < usize::MAX
    }

    fn admits(&self, job: &Job) -> bool {
        job.order < self.end.load(Ordering::Relaxed)
    }
}

/// A thread that panics lets the others end, so that the panic is told instead of waited for.
struct StopOnPanic<'a>(&'a Window);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop(0);
        }
    }
}

/// What a worker or the reader tells: where in the order of jobs, and what came of it.
type Told = (usize, Result<(usize, usize, EncodedGop), Failed>);

fn run_pipeline<I>(
    threads: NonZeroUsize,
    outputs: &mut [Output],
    gops: impl FnOnce() -> I + Send,
    encode: impl Fn(&Job) -> Result<EncodedGop, Failed> + Sync,
    window: &Window,
) -> Result<(), Failed>
where
    I: Iterator<Item = Result<Gop, Failed>>,
{
    let width = outputs.len();
    let (job_sender, job_receiver) = mpsc::channel::<Job>();
    let jobs = Mutex::new(job_receiver);
    let (result_sender, results) = mpsc::channel::<Told>();
    thread::scope(|scope| {
        let _guard = StopOnPanic(window);
        let reader_sender = result_sender.clone();
        scope.spawn(move || {
            let _guard = StopOnPanic(window);
            for (gop_index, gop) in gops().enumerate() {
                match gop {
                    Ok(gop) => {
                        let gop = Arc::new(gop);
                        for output in 0..width {
                            let order = gop_index * width + output;
                            // Fails only when every worker is gone, and then their error is on its way.
                            let _ = job_sender.send(Job { order, gop_index, output, gop: Arc::clone(&gop) });
                        }
                    }
                    Err(failed) => {
                        let _ = reader_sender.send((gop_index * width, Err(failed)));
                        break;
                    }
                }
            }
        });
        for _ in 0..threads.get() {
            let (jobs, encode, result_sender) = (&jobs, &encode, result_sender.clone());
            scope.spawn(move || {
                let _guard = StopOnPanic(window);
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { break };
                    if !window.admits(&job) {
                        continue;
                    }
                    let Job { order, gop_index, output, .. } = job;
                    let result = encode(&job).map(|gop| (gop_index, output, gop));
                    drop(job);
                    if result_sender.send((order, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(result_sender);
        collect(outputs, &results, window)
    })
}

/// Writes what comes back, each stream in the order of its GOPs. After a failure, the jobs before it are waited for, so
/// that of several failures always the first in order is told, however many threads there are.
fn collect(outputs: &mut [Output], results: &mpsc::Receiver<Told>, window: &Window) -> Result<(), Failed> {
    let mut first: Option<(usize, Failed)> = None;
    for (order, result) in results {
        let accepted = result.and_then(|(gop_index, output, gop)| outputs[output].accept(gop_index, gop));
        if let Err(failed) = accepted {
            window.stop(order);
            if first.as_ref().is_none_or(|(earlier, _)| order < *earlier) {
                first = Some((order, failed));
            }
        }
        let written = outputs.iter().map(|output| output.written_gops).min().unwrap_or_default();
        window.advance(written);
    }
    window.stop(0);
    first.map_or(Ok(()), |(_, failed)| Err(failed))
}

/// One stream on its way to disk.
struct Output {
    writer: Writer<BufWriter<File>>,
    waiting: BTreeMap<usize, EncodedGop>,
    written_gops: usize,
    file: PathBuf,
    stream: WrittenStream,
}

impl Output {
    fn create(stage: &Stage<'_>, clip: &Clip, quality_index: u8) -> Result<Self, Failed> {
        let folder = stage.folder;
        let path = format!("streams/{}/q{quality_index:02}.aiv1", clip.info.id.abbreviated());
        let file = folder.join(&path);
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
        let header = Header {
            format: clip.info.format,
            gop_frames: stage.request.settings.gop_frames as u16,
            quality: quality_index,
            decoder: stage.codec.decoder_sha256,
            clip: clip.info.id,
        };
        let out = File::create(&file).map_err(Error::file("create", &file))?;
        let writer = Writer::new(BufWriter::new(out), header, &stage.request.settings.limits)
            .map_err(|error| written(&file, error))?;
        let stream = WrittenStream {
            quality_index,
            path,
            encode_fuel: 0,
            encode_time: Duration::ZERO,
            peak_memory_bytes: 0,
        };
        Ok(Self { writer, waiting: BTreeMap::new(), written_gops: 0, file, stream })
    }

    fn accept(&mut self, gop_index: usize, gop: EncodedGop) -> Result<(), Failed> {
        self.waiting.insert(gop_index, gop);
        while let Some(gop) = self.waiting.remove(&self.written_gops) {
            self.writer.write_gop(&gop.payload, &gop.hashes).map_err(|error| written(&self.file, error))?;
            self.written_gops += 1;
            self.stream.encode_fuel += gop.fuel;
            self.stream.encode_time += gop.time;
            self.stream.peak_memory_bytes = self.stream.peak_memory_bytes.max(gop.peak_memory_bytes);
        }
        Ok(())
    }

    fn finish(self) -> Result<WrittenStream, Failed> {
        let Self { writer, file, stream, .. } = self;
        let (out, _) = writer.finish().map_err(|error| written(&file, error))?;
        let out = out.into_inner().map_err(|error| Error::file("write", &file)(error.into_error()))?;
        out.sync_all().map_err(Error::file("write", &file))?;
        Ok(stream)
    }
}

/// A stream that could not be written: the disk's fault, named with the file, or the encoder's.
fn written(file: &Path, error: StreamError) -> Failed {
    match error {
        StreamError::Io { source, .. } => Error::file("write", file)(source).into(),
        other => aiv1_decoder::Error::from(other).into(),
    }
}
