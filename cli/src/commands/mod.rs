//! The commands, one module each.

mod anchors;
mod check;
mod clips;
pub(crate) mod compare;
mod decode;
mod doctor;
mod documents;
mod export;
mod import;
mod new_codec;
mod operate;
mod orders;
mod play;
mod question;
mod run;
mod the_loop;
mod up;
mod verify;
mod workers;

use crate::arguments::{Arguments, ClipReading, Command};
use crate::progress::Progress;
use crate::remote::FetchError;
use aiv1_client::{Course, Order};
use aiv1_lab::{Error, Home, Observer as _};
use aiv1_model::ClipClass;
use aiv1_video::{Clip, ClipOptions, Ffmpeg};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What every command is given.
pub(crate) struct Context {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) threads: NonZeroUsize,
}

impl Context {
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(self.quiet)
    }

    /// Prints a result: `value` with `--json`, else `lines`.
    pub(crate) fn result(&self, value: &impl serde::Serialize, lines: &[String]) -> Result<(), Error> {
        let mut text = if self.json {
            serde_json::to_string_pretty(value).map_err(|error| written(error.into()))?
        } else {
            lines.join("\n")
        };
        text.push('\n');
        print(text.as_bytes())
    }
}

/// Puts `bytes` on standard output. A reader that has gone, as `head` does, has what it wanted.
fn print(bytes: &[u8]) -> Result<(), Error> {
    let mut output = std::io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(written(error)),
        _ => Ok(()),
    }
}

fn written(error: std::io::Error) -> Error {
    Error::file("write", Path::new("standard output"))(error)
}

/// Reads a file of at most `most` bytes; `what` names a longer one.
fn read_bounded(path: &Path, what: &'static str, most: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    read.map_err(Error::file("read", path))?;
    if bytes.len() as u64 > most {
        let value = format!("{} of more than {most} bytes", path.display());
        return Err(Error::Request { what, value, bound: format!("at most {most} bytes") });
    }
    Ok(bytes)
}

/// Refuses to put a result where something else than a regular file is: it would be renamed over.
fn check_output(path: &Path) -> Result<(), Error> {
    let kind = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(Error::file("look at", path))?.file_type(),
    };
    let found = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_symlink() => "a symbolic link",
        () => "a device, pipe or socket",
    };
    let value = format!("{}, {found}", path.display());
    Err(Error::Request { what: "--out", value, bound: "a regular file or a new one".to_owned() })
}

/// Runs the command that was asked for.
pub(crate) fn dispatch(arguments: Arguments) -> Result<ExitCode, FetchError> {
    let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let context = Context {
        json: arguments.json,
        quiet: arguments.quiet,
        threads: arguments.threads.map_or(available, NonZeroUsize::from),
    };
    let done = match arguments.command {
        Command::Up(up) => Ok(up::up(&context, &up)),
        Command::Run(run) => run::run(&context, &run),
        Command::Verify(verify) => return verify::verify(&context, &verify),
        Command::Decode(decode) => decode::decode(&context, &decode),
        Command::Anchors(anchors) => anchors::anchors(&context, &anchors),
        Command::Compare(compare) => compare::compare(&context, &compare),
        Command::Play(play) => play::play(&context, &play),
        Command::Loop(arguments) => Ok(operate::code(the_loop::run(&context, &arguments))),
        Command::AddClip(arguments) => Ok(operate::code(clips::add(&context, &arguments))),
        Command::Import(arguments) => Ok(import::import(&context, &arguments)),
        Command::Workers(arguments) => Ok(operate::code(workers::workers(&context, &arguments))),
        Command::Pause(told) => Ok(operate::code(orders::steer(&context, &told, Course::Pause))),
        Command::Resume(told) => Ok(operate::code(orders::steer(&context, &told, Course::Resume))),
        Command::Stop(told) => Ok(operate::code(orders::steer(&context, &told, Course::Stop))),
        Command::Cancel(on) => Ok(operate::code(orders::order(&context, &on, &Order::Cancel))),
        Command::Rerun(on) => Ok(operate::code(orders::order(&context, &on, &Order::Rerun))),
        Command::Resolve(saying) => Ok(operate::code(orders::resolve(&context, &saying))),
        Command::Retract(saying) => Ok(operate::code(orders::retract(&context, &saying))),
        Command::Purge(purge) => Ok(operate::code(orders::purge(&context, &purge))),
        Command::Journal(arguments) => Ok(operate::code(orders::journal(&context, &arguments))),
        Command::Export(export) => export::export(&context, &export),
        Command::NewCodec(new_codec) => new_codec::new_codec(&context, &new_codec),
        Command::Check(check) => check::check(&context, &check),
        Command::Doctor => doctor::doctor(&context),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { folder } => documents::man(&folder),
    };
    Ok(done?)
}

/// Opens the clips of a command line, telling what is converted.
fn open_clips(
    ffmpeg: &Ffmpeg,
    paths: &[PathBuf],
    reading: &ClipReading,
    progress: &Progress,
) -> Result<Vec<Clip>, Error> {
    let class = if reading.pristine { ClipClass::Pristine } else { ClipClass::Nonpristine };
    let options = ClipOptions { frame_limit: reading.frames, class };
    let mut clips: Vec<Clip> = Vec::new();
    for path in paths {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let clip = Clip::open(ffmpeg, path, &options)?;
        let info = &clip.info;
        if let Some(other) = clips.iter().position(|other| other.info.id == info.id) {
            let (one, two) = (paths[other].display(), path.display());
            let value = format!("{one} and again {two}: both have the frames {}", info.id.abbreviated());
            return Err(Error::Request { what: "clip", value, bound: "given once".to_owned() });
        }
        progress.say(&format!(
            "clip {}: {}, {} frames, {}",
            info.name,
            info.format,
            info.frames,
            info.id.abbreviated()
        ));
        for conversion in &info.conversions {
            let aiv1_model::Conversion { what, from, to, how } = conversion;
            progress.say(&format!("  converted {what}: {from} → {to} ({how})"));
        }
        clips.push(clip);
    }
    Ok(clips)
}

/// The anchors asked for, or the usual four.
fn anchor_names(asked: Option<&[String]>) -> Result<Vec<String>, Error> {
    match asked {
        None => Ok(aiv1_lab::default_anchors()),
        Some(names) if *names == ["none"] => Ok(Vec::new()),
        Some(names) => {
            names.iter().try_for_each(|name| aiv1_lab::find_anchor(name).map(drop))?;
            Ok(names.to_vec())
        }
    }
}

/// The cache folder.
fn home() -> Result<Home, Error> {
    Ok(Home::from_environment()?)
}

fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}

/// All went well.
const OK: ExitCode = ExitCode::SUCCESS;
