//! One experiment, phase by phase: from a codec's source to a published bundle.

use crate::anchors::{self, CachedPoint, measure_anchors};
use crate::build::{Builder, BuiltCodec};
use crate::cascade::{Executed, refuse_duplicate};
use crate::error::{CANCELLED, Error, Failed};
use crate::execution::{Codec, Stage};
use crate::observer::{Event, Observer};
use crate::request::Request;
use crate::run_directory::RunDirectory;
use crate::{Home, bundle};
use aiv1_decoder::ModuleCompiler;
use aiv1_model::{
    ClipInfo, CodecInfo, Declaration, Digest, Fault, Limits, Machine, ModuleInfo, Phase, PhaseOutcome,
    PhaseRecord, RECORD_VERSION, Record, Status,
};
use aiv1_video::{Clip, Ffmpeg};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Source files up to this size travel in the bundle, so that it re-derives itself.
pub const CARRIED_CLIP_BYTES: u64 = 64 << 20;

/// Beyond what the few calls of its checks may take by their own deadlines, short of each of them failing.
const VALIDATION_LIMIT: Duration = Duration::from_mins(30);
const EXECUTION_LIMIT: Duration = Duration::from_hours(6);
const VERIFICATION_LIMIT: Duration = Duration::from_hours(2);

/// The programs and folders that experiments run with.
#[derive(Debug)]
pub struct Lab {
    /// Caches.
    pub home: Home,
    /// Reads clips, makes anchors.
    pub ffmpeg: Ffmpeg,
    /// Compiles codecs.
    pub builder: Builder,
    /// Compiles modules to machine code, in a child.
    pub compiler: ModuleCompiler,
    /// Threads to use.
    pub threads: NonZeroUsize,
}

/// A bundle that is there.
#[derive(Debug)]
pub struct Published {
    /// Its record.
    pub record: Record,
    /// Its folder.
    pub path: PathBuf,
    /// It was there before: the same question had been answered.
    pub reused: bool,
}

impl Lab {
    /// Runs one experiment. What the codec does wrong ends up in the record of a failed experiment, which is published
    /// like any other; an `Err` means that nothing was learned about the codec, and that trying again is worth it.
    pub fn run(&self, request: &Request<'_>, observer: &dyn Observer) -> Result<Published, Error> {
        request.check()?;
        fs::create_dir_all(&request.results).map_err(Error::file("create", &request.results))?;
        let directory =
            RunDirectory::create(&request.results).map_err(Error::file("use", &request.results))?;
        let folder = directory.join("bundle");
        let mut run = Run { lab: self, request, observer, folder, record: self.blank_record(request) };
        match run.phases() {
            Ok(()) => {}
            // A child that the terminal interrupted as well fails in its own way: what was asked for counts.
            Err((Stop::Failed(_), _)) if observer.cancelled() => return Err(Error::Cancelled),
            Err((Stop::Known(published), _)) => return Ok(*published),
            Err((Stop::Broken(error), _)) => return Err(*error),
            Err((Stop::Failed(failed), _)) if failed.kind == CANCELLED => return Err(Error::Cancelled),
            Err((Stop::Failed(failed), phase)) if failed.fault == Fault::Infrastructure => {
                return Err(Error::Infrastructure { failure: Box::new(failed.into_failure(phase)) });
            }
            Err((Stop::Failed(failed), phase)) => {
                run.record.status = Status::Failed;
                run.record.failure = Some(failed.into_failure(phase));
            }
        }
        run.record.ended_at = Some(Timestamp::now());
        let path = request.results.join(run.record.id.as_str());
        if let Some(failure) = &run.record.failure
            && matches!(self.published(&path), Ok(Some(record)) if record.status == Status::Successful)
        {
            // The same question was answered: a failure now says something of this machine, and must not replace it.
            return Err(Error::Infrastructure { failure: Box::new(failure.clone()) });
        }
        bundle::seal(&run.folder, &run.record)?;
        bundle::publish(&run.folder, &path)?;
        Ok(Published { record: run.record, path, reused: false })
    }

    /// The record of the bundle at `path`, if there is one; one that is damaged is an error, never overlooked.
    fn published(&self, path: &Path) -> Result<Option<Record>, Error> {
        if !path.is_dir() {
            return Ok(None);
        }
        Ok(Some(bundle::Bundle::open(path, &self.home)?.record().clone()))
    }

    fn blank_record(&self, request: &Request<'_>) -> Record {
        let source_sha256 = Digest::of(request.source.as_bytes());
        let codec = CodecInfo {
            name: request.name.clone(),
            source_sha256,
            source_bytes: request.source.len() as u64,
            kit_sha256: self.builder.kit_sha256(),
            toolchain: None,
            toolchain_sha256: None,
            encoder: None,
            decoder: None,
            declaration: None,
        };
        let clips: Vec<ClipInfo> = request.clips.iter().map(|clip| clip.info.clone()).collect();
        Record {
            version: RECORD_VERSION,
            id: request.submission().id(),
            status: Status::InProgress,
            started_at: Timestamp::now(),
            ended_at: None,
            codec,
            asked: request.parameters.clone(),
            parameters: request.parameters.clone(),
            settings: request.settings.clone(),
            clips,
            phases: Vec::new(),
            points: Vec::new(),
            anchors: Vec::new(),
            comparisons: Vec::new(),
            set: Vec::new(),
            tools: aiv1_quality::tools(),
            machine: Machine {
                cpu: cpu_name(),
                threads: self.threads.get(),
                lab: env!("CARGO_PKG_VERSION").to_owned(),
                ffmpeg: Some(self.ffmpeg.version().to_owned()),
            },
            failure: None,
        }
    }
}

/// One run on its way.
struct Run<'a> {
    lab: &'a Lab,
    request: &'a Request<'a>,
    observer: &'a dyn Observer,
    folder: PathBuf,
    record: Record,
}

/// Why a phase is the last.
enum Stop {
    Failed(Box<Failed>),
    /// The question was answered before.
    Known(Box<Published>),
    /// What was asked for makes no sense, or what is published already is damaged.
    Broken(Box<Error>),
}

impl<E: Into<Failed>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

impl Run<'_> {
    fn phases(&mut self) -> Result<(), (Stop, Phase)> {
        let request = self.request;
        let prepared = self.phase(Phase::Validation, None, Some(VALIDATION_LIMIT), Self::validate)?;
        let frames: u64 = request.clips.iter().map(|clip| clip.info.frames).sum();
        let anchor_frames = request.clips.iter().map(|clip| clip.info.frames * self.anchor_steps()).sum();
        self.phase(Phase::Deployment, Some(anchor_frames), None, Self::deploy)?;
        let points = frames * request.settings.quality_indices.len() as u64;
        let execute = |run: &mut Self, deadline| {
            Ok(run.stage(&prepared, deadline).encode_clips(&run.record.anchors)?)
        };
        let executed = self.phase(Phase::Execution, Some(points), Some(EXECUTION_LIMIT), execute)?;
        let verify = |run: &mut Self, deadline| run.verify(&prepared, &executed, deadline);
        self.phase(Phase::Verification, Some(points), Some(VERIFICATION_LIMIT), verify)?;
        self.phase(Phase::Analysis, None, None, |run, _| {
            if let Some(below) = executed.below {
                return Err(below.into());
            }
            run.record.comparisons = aiv1_quality::comparisons(&run.record.points, &run.record.anchors);
            run.record.set = aiv1_quality::compare_set(&run.record.comparisons);
            run.record.status = Status::Successful;
            Ok(())
        })
    }

    fn phase<T>(
        &mut self,
        phase: Phase,
        frames: Option<u64>,
        limit: Option<Duration>,
        work: impl FnOnce(&mut Self, Deadline) -> Result<T, Stop>,
    ) -> Result<T, (Stop, Phase)> {
        let started_at = Timestamp::now();
        self.observer.event(&Event::PhaseStarted { phase, frames });
        let result = work(self, Deadline::after(limit));
        let outcome = match result {
            Ok(_) | Err(Stop::Known(_)) => PhaseOutcome::Completed,
            Err(Stop::Failed(_) | Stop::Broken(_)) => PhaseOutcome::Failed,
        };
        self.observer.event(&Event::PhaseEnded { phase, outcome });
        let limit_ms = limit.map(|limit| limit.as_millis() as u64);
        self.record.phases.push(PhaseRecord {
            phase,
            started_at,
            ended_at: Timestamp::now(),
            limit_ms,
            outcome,
        });
        result.map_err(|stop| (stop, phase))
    }

    fn verify(&mut self, codec: &Codec, executed: &Executed, deadline: Deadline) -> Result<(), Stop> {
        // Under a bar the first clip's points were measured before the rest was encoded, from the same stored bytes.
        self.record.points.clone_from(&executed.measured);
        let known = usize::from(!executed.measured.is_empty());
        for (clip, streams) in self.request.clips.iter().zip(&executed.streams).skip(known) {
            for stream in streams {
                let point = self.stage(codec, deadline).verify_point(clip, stream)?;
                self.record.points.push(point);
            }
        }
        Ok(())
    }

    fn stage<'a>(&'a self, codec: &'a Codec, deadline: Deadline) -> Stage<'a> {
        let Self { lab, request, observer, folder, .. } = self;
        Stage { lab, codec, request, folder, observer: *observer, deadline }
    }

    fn create_folders(&self) -> Result<(), Error> {
        let codec = self.folder.join("codec");
        fs::create_dir_all(&codec).map_err(Error::file("create", &codec))?;
        write(&codec.join(format!("{}.rs", self.request.name)), self.request.source.as_bytes())
    }

    /// Source to modules, and the steps of the cascade that need no clip or a few frames of one.
    fn validate(&mut self, deadline: Deadline) -> Result<Codec, Stop> {
        let request = self.request;
        self.create_folders()?;
        self.observer.event(&Event::Working(&format!("compiling {}", request.name)));
        let built = self.lab.builder.build(&request.name, &request.source)?;
        self.keep_modules(&built)?;
        deadline.check(self.observer)?;
        let limits = &request.settings.limits;
        let codec = Codec::load(&self.lab.compiler, &built.encoder, &built.decoder, limits)?;
        deadline.check(self.observer)?;
        self.record.codec.declaration = Some(codec.encoder.declaration().clone());
        self.resolve(&codec)?;
        if let Some(published) = self.known().map_err(|error| Stop::Broken(Box::new(error)))? {
            return Err(Stop::Known(Box::new(published)));
        }
        let (encoder, decoder) = (Digest::of(&built.encoder), Digest::of(&built.decoder));
        refuse_duplicate(&request.duplicate_of, encoder, decoder, &self.record.parameters)?;
        let stage = self.stage(&codec, deadline);
        stage.check_contract()?;
        if let Some(first) = request.clips.first() {
            stage.trial(first)?;
        }
        Ok(codec)
    }

    /// Checks the parameters that were asked for. A wrong one is the asker's mistake and no finding about the codec; but
    /// who submitted the experiment is not there any more, and reads of it in the record.
    fn resolve(&mut self, codec: &Codec) -> Result<(), Stop> {
        let request = self.request;
        match codec.encoder.declaration().resolve(&request.parameters) {
            Ok(parameters) => self.record.parameters = parameters,
            Err(error) if request.submitted => {
                return Err(Failed::new(Fault::Candidate, "parameters", error.to_string()).into());
            }
            Err(error) => return Err(Stop::Broken(Box::new(error.into()))),
        }
        Ok(())
    }

    fn keep_modules(&mut self, built: &BuiltCodec) -> Result<(), Error> {
        let keep = |name: &str, wasm: &[u8]| {
            write(&self.folder.join("codec").join(name), wasm)?;
            Ok::<_, Error>(Some(module_info(wasm)))
        };
        let (encoder, decoder) =
            (keep("encoder.wasm", &built.encoder)?, keep("decoder.wasm", &built.decoder)?);
        self.record.codec.toolchain = Some(built.toolchain.clone());
        self.record.codec.toolchain_sha256 = Some(self.lab.builder.toolchain().id);
        self.record.codec.encoder = encoder;
        self.record.codec.decoder = decoder;
        Ok(())
    }

    fn deploy(&mut self, _: Deadline) -> Result<(), Stop> {
        for (index, clip) in self.request.clips.iter().enumerate() {
            let lab = self.lab;
            let anchors = &self.request.settings.anchors;
            let points = measure_anchors(&lab.home, &lab.ffmpeg, clip, anchors, lab.threads, self.observer)?;
            for CachedPoint { point, stream } in points {
                copy(&stream, &self.folder.join(&point.path))?;
                self.record.anchors.push(point);
            }
            if clip.info.source.bytes <= CARRIED_CLIP_BYTES {
                let path = carried_path(clip);
                copy(clip.path(), &self.folder.join(&path))?;
                self.record.clips[index].source.bundled = Some(path);
            }
        }
        Ok(())
    }

    fn anchor_steps(&self) -> u64 {
        let ladder = |name: &String| anchors::find(name).map_or(0, |anchor| anchor.ladder.len() as u64);
        self.request.settings.anchors.iter().map(ladder).sum()
    }

    /// The published bundle of the very same question, if there is one and it succeeded.
    fn known(&self) -> Result<Option<Published>, Error> {
        if self.request.again {
            return Ok(None);
        }
        let path = self.request.results.join(self.record.id.as_str());
        // Another compiler or kit makes other modules: their answer to the question is not this one's.
        let same = |record: &Record| {
            let (theirs, ours) = (&record.codec, &self.record.codec);
            record.status == Status::Successful
                && (&theirs.encoder, &theirs.decoder) == (&ours.encoder, &ours.decoder)
        };
        let record = self.lab.published(&path)?.filter(same);
        Ok(record.map(|record| Published { record, path, reused: true }))
    }
}

/// When a phase has to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// Never.
    pub(crate) const NONE: Self = Self(None);

    fn after(limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (Instant::now(), limit)))
    }

    /// Fails once the phase has taken longer than it may, or the run was told to stop.
    pub(crate) fn check(self, observer: &dyn Observer) -> Result<(), Failed> {
        if observer.cancelled() {
            return Err(Error::Cancelled.into());
        }
        match self.0 {
            Some((started, limit)) if started.elapsed() > limit => {
                let message = format!("the phase took longer than its limit of {} s", limit.as_secs());
                // How long a phase takes depends on machine and load; what a codec may use is bounded call by call.
                Err(Failed::new(Fault::Infrastructure, "phase_limit", message))
            }
            _ => Ok(()),
        }
    }
}

fn carried_path(clip: &Clip) -> String {
    let plain =
        |character: char| if character.is_ascii_alphanumeric() || character == '.' { character } else { '_' };
    let name: String = clip.info.source.name.chars().rev().take(40).map(plain).collect();
    let name: String = name.chars().rev().collect();
    format!("clips/{}-{name}", clip.info.id.abbreviated())
}

pub(crate) fn module_info(wasm: &[u8]) -> ModuleInfo {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let compressed = gzip.write_all(wasm).and_then(|()| gzip.finish());
    let gzip_bytes = compressed.expect("writing into memory does not fail").len() as u64;
    ModuleInfo { sha256: Digest::of(wasm), bytes: wasm.len() as u64, gzip_bytes }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(Error::file("write", path))
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    fs::copy(from, to).map(drop).map_err(Error::file("write", to))
}

fn cpu_name() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(": ").map(|(_, name)| name.to_owned())
}

/// What a source declares, policed, compiled and loaded, but run on nothing.
pub fn declaration(lab: &Lab, name: &str, source: &str, limits: &Limits) -> Result<Declaration, Error> {
    let built = lab.builder.build(name, source)?;
    Ok(Codec::load(&lab.compiler, &built.encoder, &built.decoder, limits)?.encoder.declaration().clone())
}
