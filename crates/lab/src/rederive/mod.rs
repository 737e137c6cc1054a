//! Re-deriving a bundle: every figure of its record made again from its stored bytes, and compared field by field.

mod compare;

use crate::Home;
use crate::anchors;
use crate::build::Builder;
use crate::bundle::{Bundle, digest_of_file};
use crate::error::{CANCELLED, Error, Failed};
use crate::execution::{Codec, Stage};
use crate::experiment::{self, Deadline, Lab};
use crate::measure::measure;
use crate::observer::{Event, Observer};
use crate::request::{Request, check_gop, check_settings};
use crate::verification::{decode_and_measure, decode_pass};
use aiv1_decoder::ModuleCompiler;
use aiv1_model::{AnchorPoint, ClipInfo, ColorInfo, Digest, Fault, RatePoint, Record, Status, chain};
use aiv1_video::{Clip, ClipOptions, Ffmpeg};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// A field that came out different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, as in `points[3].quality.psnr_y`.
    pub field: String,
    /// What the record says.
    pub recorded: String,
    /// What came out now.
    pub derived: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, recorded, derived } = self;
        write!(formatter, "{field}: the record says {recorded}, derived again it is {derived}")
    }
}

/// What re-deriving showed.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Fields that differ.
    pub differences: Vec<Difference>,
    /// What could not be checked here, and why.
    pub unchecked: Vec<String>,
    /// Streams decoded.
    pub streams: usize,
    /// Streams measured against their clip, of candidates and anchors.
    pub measured: usize,
    /// Modules were compiled from source again and compared.
    pub rebuilt: bool,
    /// Streams encoded again and compared, byte for byte.
    pub encoded: usize,
}

/// What to do beyond decoding and measuring.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Where to find clips that the bundle does not carry.
    pub clips: Vec<PathBuf>,
    /// Encode everything again, too: the streams must come out byte for byte, and with the same fuel.
    pub encode: bool,
}

/// What bundles are derived again with. What is absent leaves something unchecked, which the verdict says: the program
/// alone can decode every stream, and hold frames, rates, costs and savings against the record.
#[derive(Clone, Copy, Debug)]
pub struct Verifier<'a> {
    /// Caches.
    pub home: &'a Home,
    /// Compiles modules to machine code, in a child.
    pub compiler: &'a ModuleCompiler,
    /// Threads to use.
    pub threads: NonZeroUsize,
    /// Reads clips and anchors: without it nothing is measured.
    pub ffmpeg: Option<&'a Ffmpeg>,
    /// Compiles codecs: without it the modules are taken as they lie in the bundle.
    pub builder: Option<&'a Builder>,
    /// All of a lab: without it nothing can be encoded again.
    pub lab: Option<&'a Lab>,
}

impl Lab {
    /// [`Verifier::verify`] with all that this lab has.
    pub fn verify(
        &self,
        bundle: &Bundle,
        options: &VerifyOptions,
        observer: &dyn Observer,
    ) -> Result<Verdict, Error> {
        let Self { home, ffmpeg, builder, compiler, threads } = self;
        let (ffmpeg, builder, lab) = (Some(ffmpeg), Some(builder), Some(self));
        let verifier = Verifier { home, compiler, threads: *threads, ffmpeg, builder, lab };
        verifier.verify(bundle, options, observer)
    }
}

impl Verifier<'_> {
    /// Re-derives a bundle. Clips are taken from the bundle, or from `options` by the hash of their frames.
    ///
    /// Taken on trust are wall times, peak memory, the machine, and that the anchors' streams came from the command
    /// beside them (they are decoded and measured, not encoded again); the fuel of encoding is, unless it is done again.
    pub fn verify(
        &self,
        bundle: &Bundle,
        options: &VerifyOptions,
        observer: &dyn Observer,
    ) -> Result<Verdict, Error> {
        let derived = bundle.record().clone();
        let (sources, verdict) = (BTreeMap::new(), Verdict::default());
        let mut rederivation = Rederivation { with: self, bundle, observer, derived, sources, verdict };
        // A child that the terminal interrupted as well fails in its own way: what was asked for counts.
        let cancelled = |error| if observer.cancelled() { Error::Cancelled } else { error };
        rederivation.all(options).map_err(cancelled)?;
        Ok(rederivation.verdict)
    }
}

/// One bundle on its way back to its figures.
struct Rederivation<'a> {
    with: &'a Verifier<'a>,
    bundle: &'a Bundle,
    observer: &'a dyn Observer,
    derived: Record,
    sources: BTreeMap<Digest, Clip>,
    verdict: Verdict,
}

impl Rederivation<'_> {
    fn all(&mut self, options: &VerifyOptions) -> Result<(), Error> {
        // The record came from elsewhere: nothing in it may widen what the lab allows.
        check_settings(&self.derived.settings)?;
        if self.derived.status == Status::Successful {
            self.check_shape();
            if !self.verdict.differences.is_empty() {
                return Ok(());
            }
            self.find_sources(&options.clips)?;
            self.derive_modules()?;
            let codec = self.load_codec()?;
            self.derived.parameters = codec.encoder.declaration().resolve(&self.derived.asked)?;
            self.derive_points(&codec)?;
            if options.encode {
                self.encode_again(&codec)?;
            }
            self.derive_anchors()?;
            self.derived.comparisons = aiv1_quality::comparisons(&self.derived.points, &self.derived.anchors);
            self.derived.set = aiv1_quality::compare_set(&self.derived.comparisons);
            self.derived.id = self.derived.submission().id();
        } else {
            self.derive_modules()?;
            let reason =
                "the experiment did not succeed: its files are whole, but it has no figures to derive again";
            self.verdict.unchecked.push(reason.to_owned());
        }
        let (before, after) = (to_json(self.bundle.record()), to_json(&self.derived));
        compare::compare(&before, &after, &mut String::new(), &mut self.verdict.differences);
        Ok(())
    }

    fn differs(&mut self, field: impl Into<String>, recorded: impl Into<String>, derived: impl Into<String>) {
        let (recorded, derived) = (recorded.into(), derived.into());
        self.verdict.differences.push(Difference { field: field.into(), recorded, derived });
    }

    /// Whether the record has all that its own question asks for, and nothing else: no clip, point or anchor left out
    /// because it did not please, none made up.
    fn check_shape(&mut self) {
        let record = self.bundle.record();
        let complete = record.codec.encoder.is_some()
            && record.codec.decoder.is_some()
            && record.codec.toolchain.is_some()
            && record.failure.is_none();
        if !complete {
            self.differs("status", "successful", "not of a record without modules, or with a failure");
        }
        if record.clips.is_empty() {
            self.differs("clips", "none", "at least one");
        }
        let points: Vec<(Digest, u8)> =
            record.points.iter().map(|point| (point.clip, point.quality_index)).collect();
        let each =
            |clip: &ClipInfo| record.settings.quality_indices.iter().map(|index| (clip.id, *index)).collect();
        let asked: Vec<(Digest, u8)> =
            record.clips.iter().flat_map(|clip| -> Vec<_> { each(clip) }).collect();
        if points != asked {
            self.differs(
                "points",
                format!("{points:?}"),
                format!("every quality index on every clip: {asked:?}"),
            );
        }
        let there: Vec<&str> = record.anchors.iter().map(|point| point.path.as_str()).collect();
        let paths = |clip: &ClipInfo| anchors::paths(clip, &record.settings.anchors);
        let asked: Vec<String> = record.clips.iter().flat_map(paths).collect();
        if there != asked {
            self.differs(
                "anchors",
                format!("{there:?}"),
                format!("every step of every anchor on every clip: {asked:?}"),
            );
        }
    }

    fn find_sources(&mut self, given: &[PathBuf]) -> Result<(), Error> {
        let Some(ffmpeg) = self.with.ffmpeg else {
            let reason =
                "nothing was measured: clips and anchors are read by ffmpeg, which is not on this machine";
            self.verdict.unchecked.push(reason.to_owned());
            return Ok(());
        };
        let recorded = self.derived.machine.ffmpeg.clone();
        let other_ffmpeg = recorded.as_deref().filter(|recorded| *recorded != ffmpeg.version());
        for info in &mut self.derived.clips {
            let mut candidates = Vec::new();
            if let Some(path) = &info.source.bundled {
                candidates.push(self.bundle.file(path)?);
            }
            candidates.extend_from_slice(given);
            let options = ClipOptions { frame_limit: info.frame_limit, class: info.class };
            for path in candidates {
                let mut clip = Clip::open(ffmpeg, &path, &options)?;
                if clip.info.id == info.id {
                    // The tags of a file's colours are read otherwise from version to version; no figure rests on them.
                    let color = &mut clip.info.format.color;
                    let recorded = ColorInfo { full_range: color.full_range, ..info.format.color };
                    if let Some(other) = other_ffmpeg.filter(|_| recorded != *color) {
                        *color = recorded;
                        let name = &info.name;
                        let what =
                            format!("the colour tags of clip {name}: {other} read others than the one here");
                        self.verdict.unchecked.push(what);
                    }
                    info.format = clip.info.format;
                    info.frames = clip.info.frames;
                    info.conversions.clone_from(&clip.info.conversions);
                    if info.source.bundled.is_some() {
                        let ClipInfo { source, .. } = &clip.info;
                        (info.source.sha256, info.source.bytes) = (source.sha256, source.bytes);
                    }
                    self.sources.insert(info.id, clip);
                    break;
                }
            }
            if !self.sources.contains_key(&info.id) {
                let fix = if info.source.bundled.is_some() {
                    "the bundle carries its file, but this ffmpeg decodes other frames from it"
                } else {
                    "give it with --clip"
                };
                let ClipInfo { name, id, .. } = info;
                let what = format!("clip {name} ({id}) is not at hand, so nothing was measured on it; {fix}");
                self.verdict.unchecked.push(what);
            }
        }
        Ok(())
    }

    /// Source and modules as they lie in the bundle; and the modules compiled from the source, where this toolchain is
    /// the recorded one.
    fn derive_modules(&mut self) -> Result<(), Error> {
        let codec = &mut self.derived.codec;
        let source = read(self.bundle, &format!("codec/{}.rs", codec.name))?;
        codec.source_sha256 = Digest::of(&source);
        codec.source_bytes = source.len() as u64;
        for (name, module) in [("encoder.wasm", &mut codec.encoder), ("decoder.wasm", &mut codec.decoder)] {
            if module.is_some() {
                *module = Some(experiment::module_info(&read(self.bundle, &format!("codec/{name}"))?));
            }
        }
        if codec.encoder.is_none() {
            return Ok(());
        }
        let Some(builder) = self.with.builder else {
            let reason =
                "the modules were not compiled again: there is no Rust compiler for codecs on this machine";
            self.verdict.unchecked.push(reason.to_owned());
            return Ok(());
        };
        let not_rebuilt = if codec.toolchain_sha256 != Some(builder.toolchain().id) {
            let recorded = codec.toolchain.as_deref().unwrap_or("an unknown toolchain");
            Some(format!(
                "built with {recorded}; the toolchain here is another {}",
                builder.toolchain().version
            ))
        } else if codec.kit_sha256 != builder.kit_sha256() {
            Some(format!("built with the guest kit {}, here is {}", codec.kit_sha256, builder.kit_sha256()))
        } else {
            None
        };
        if let Some(reason) = not_rebuilt {
            self.verdict.unchecked.push(format!("the modules were not compiled again: {reason}"));
            return Ok(());
        }
        let built = builder.build(&codec.name, &String::from_utf8_lossy(&source))?;
        codec.encoder = Some(experiment::module_info(&built.encoder));
        codec.decoder = Some(experiment::module_info(&built.decoder));
        self.verdict.rebuilt = true;
        Ok(())
    }

    fn load_codec(&mut self) -> Result<Codec, Error> {
        let (encoder, decoder) =
            (read(self.bundle, "codec/encoder.wasm")?, read(self.bundle, "codec/decoder.wasm")?);
        let codec = Codec::load(self.with.compiler, &encoder, &decoder, &self.derived.settings.limits)?;
        let declaration = codec.encoder.declaration().clone();
        self.derived.parameters = declaration.resolve(&self.derived.parameters)?;
        self.derived.codec.declaration = Some(declaration);
        Ok(codec)
    }

    fn derive_points(&mut self, codec: &Codec) -> Result<(), Error> {
        for index in 0..self.derived.points.len() {
            let mut point = self.derived.points[index].clone();
            self.observer.event(&Event::Working(&format!("decoding {}", point.stream.path)));
            match self.derive_point(codec, &mut point) {
                Ok(measured) => {
                    self.verdict.streams += 1;
                    self.verdict.measured += usize::from(measured);
                }
                Err(failed) if failed.kind == CANCELLED => return Err(Error::Cancelled),
                // How long a call takes says something of this machine alone; fuel is what comes out again.
                Err(failed) if failed.kind == "deadline" => {
                    let what = format!("{}: {}", point.stream.path, failed.message);
                    self.verdict.unchecked.push(what);
                }
                // Its file is the one that the manifest names: whatever is wrong in it was published so.
                Err(failed) if is_stream(&failed.kind) => {
                    self.differs(format!("points[{index}].stream"), "a stream that decodes", failed.message);
                }
                Err(failed) if failed.fault == Fault::Infrastructure => {
                    let failure = Box::new(failed.into_failure(aiv1_model::Phase::Verification));
                    return Err(Error::Infrastructure { failure });
                }
                Err(failed) => {
                    self.differs(format!("points[{index}].stream"), "a stream that decodes", failed.message);
                }
            }
            self.derived.points[index] = point;
        }
        Ok(())
    }

    /// Whether the point could be measured, too.
    fn derive_point(&self, codec: &Codec, point: &mut RatePoint) -> Result<bool, Failed> {
        let file = self.bundle.file(&point.stream.path)?;
        let go_on = || if self.observer.cancelled() { Err(Error::Cancelled.into()) } else { Ok(()) };
        let (threads, source) = (self.with.threads, self.sources.get(&point.clip).zip(self.with.ffmpeg));
        let (header, pass) = match source {
            Some((clip, ffmpeg)) => {
                let (header, pass, quality) =
                    decode_and_measure(&codec.decoder, &file, clip, ffmpeg, threads, go_on)?;
                point.quality = quality;
                (header, pass)
            }
            None => decode_pass(&codec.decoder, &file, threads, |_| go_on())?,
        };
        let info = self.derived.clips.iter().find(|info| info.id == point.clip);
        let info = info.ok_or_else(|| {
            Failed::new(Fault::Evaluator, "clip", "of a clip that the record does not list")
        })?;
        point.clip = header.clip;
        point.quality_index = header.quality;
        point.stream.bytes = fs::metadata(&file).map_err(Error::file("read", &file))?.len();
        point.stream.sha256 = digest_of_file(&file)?;
        point.stream.payload_bytes = pass.payload_bytes;
        point.stream.decoded_sha256 = pass.decoded_sha256;
        point.bitrate = info.bitrate(point.stream.bytes);
        point.cost.decode_fuel = pass.fuel;
        point.cost.decode_fuel_per_pixel = info.per_pixel(pass.fuel);
        point.cost.encode_fuel_per_pixel = info.per_pixel(point.cost.encode_fuel);
        if header.decoder != codec.decoder_sha256
            || header.format != info.format
            || pass.frames != info.frames
        {
            let message = format!(
                "{} names decoder {}, {} and {} frames; the record has {}, {} and {}",
                point.stream.path,
                header.decoder,
                header.format,
                pass.frames,
                codec.decoder_sha256,
                info.format,
                info.frames
            );
            return Err(Failed::new(Fault::Evaluator, "header", message));
        }
        Ok(source.is_some())
    }

    /// Encodes every clip at hand once more and compares the streams with the stored ones.
    fn encode_again(&mut self, codec: &Codec) -> Result<(), Error> {
        let Some(lab) = self.with.lab else {
            self.verdict.unchecked.push("nothing was encoded again: that takes a whole lab".to_owned());
            return Ok(());
        };
        let scratch = self.with.home.scratch()?;
        let request = Request {
            name: self.derived.codec.name.clone(),
            source: String::new(),
            parameters: self.derived.parameters.clone(),
            clips: &[],
            settings: self.derived.settings.clone(),
            results: scratch.path().to_owned(),
            again: true,
            submitted: false,
            bar: None,
            duplicate_of: Vec::new(),
        };
        let (folder, observer) = (scratch.path(), self.observer);
        let stage = Stage { lab, codec, request: &request, folder, observer, deadline: Deadline::NONE };
        for clip in self.sources.values() {
            check_gop(&clip.info, &request.settings)?;
            let streams = stage.encode_clip(clip).map_err(|failed| match failed.kind.as_str() {
                CANCELLED => Error::Cancelled,
                _ => Error::request("a second encode", failed.message, "like the first"),
            })?;
            for stream in streams {
                let stored = |point: &&mut RatePoint| point.stream.path == stream.path;
                let Some(point) = self.derived.points.iter_mut().find(stored) else { continue };
                point.cost.encode_fuel = stream.encode_fuel;
                point.cost.encode_fuel_per_pixel = clip.info.per_pixel(stream.encode_fuel);
                point.stream.sha256 = digest_of_file(&folder.join(&stream.path))?;
                self.verdict.encoded += 1;
            }
        }
        Ok(())
    }

    fn derive_anchors(&mut self) -> Result<(), Error> {
        let indices: Vec<usize> = (0..self.derived.anchors.len()).collect();
        let derived = crate::parallel::map(self.with.threads, &indices, |index| {
            let mut point = self.derived.anchors[*index].clone();
            match self.derive_anchor(&mut point) {
                Ok(measured) => Ok((point, Ok(measured))),
                // A stream that does not decode is the bundle's fault; a program that does not run is the machine's.
                Err(error @ (Error::Video(_) | Error::Quality(_))) if !is_machine(&error) => {
                    Ok((point, Err(chain(&error))))
                }
                Err(error) => Err(error),
            }
        })?;
        for (index, (point, measured)) in derived.into_iter().enumerate() {
            self.derived.anchors[index] = point;
            match measured {
                Ok(measured) => self.verdict.measured += usize::from(measured),
                Err(reason) => self.differs(format!("anchors[{index}]"), "a stream that decodes", reason),
            }
        }
        Ok(())
    }

    /// Whether the anchor's point could be measured, too.
    fn derive_anchor(&self, point: &mut AnchorPoint) -> Result<bool, Error> {
        let go_on = || if self.observer.cancelled() { Err(Error::Cancelled) } else { Ok(()) };
        go_on()?;
        self.observer.event(&Event::Working(&format!("decoding {}", point.path)));
        let file = self.bundle.file(&point.path)?;
        point.stream_bytes = fs::metadata(&file).map_err(Error::file("read", &file))?.len();
        point.stream_sha256 = digest_of_file(&file)?;
        if let Some(info) = self.derived.clips.iter().find(|info| point.path.contains(&info.id.abbreviated()))
        {
            point.clip = info.id;
            point.bitrate = info.bitrate(point.stream_bytes);
            if let Some(encode) = anchors::encode_of(&info.format, &point.path, &point.encode.encoder) {
                point.encode = encode;
            }
        }
        let at_hand = self.sources.get(&point.clip).zip(self.with.ffmpeg);
        let Some((clip, ffmpeg)) = at_hand else { return Ok(false) };
        let mut decoded = aiv1_video::decode_stream(ffmpeg, &file, &clip.info.format)?;
        point.quality = measure(&clip.info.format, &mut clip.reader(ffmpeg)?, &mut decoded, go_on)?;
        Ok(true)
    }
}

/// Whether a failure is of what a stream's file says, not of reading it.
fn is_stream(kind: &str) -> bool {
    kind == "not_a_stream" || (kind.starts_with("stream_") && kind != "stream_io")
}

fn is_machine(error: &Error) -> bool {
    matches!(error, Error::Video(aiv1_video::Error::Tool { .. } | aiv1_video::Error::Io { .. }))
}

fn read(bundle: &Bundle, name: &str) -> Result<Vec<u8>, Error> {
    let path = bundle.file(name)?;
    fs::read(&path).map_err(Error::file("read", &path))
}

fn to_json(record: &Record) -> Value {
    serde_json::to_value(record).expect("a record is made of what JSON has")
}
