//! The commands, one module each.

mod anchors;
mod check;
mod compare;
mod decode;
mod doctor;
mod documents;
mod export;
mod new_codec;
mod play;
mod run;
mod verify;

use crate::arguments::{Arguments, ClipArguments, Command};
use crate::progress::Progress;
use aiv1_lab::{Error, Observer as _};
use aiv1_model::ClipClass;
use aiv1_video::{Clip, ClipOptions, Ffmpeg};
use std::num::NonZeroUsize;
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
    #[expect(clippy::print_stdout, reason = "the one place where results reach standard output")]
    pub(crate) fn result(&self, value: &impl serde::Serialize, lines: &[String]) {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            for line in lines {
                println!("{line}");
            }
        }
    }
}

/// Runs the command that was asked for.
pub(crate) fn dispatch(arguments: Arguments) -> Result<ExitCode, Error> {
    let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let context = Context {
        json: arguments.json,
        quiet: arguments.quiet,
        threads: arguments.threads.map_or(available, NonZeroUsize::from),
    };
    match arguments.command {
        Command::Run(run) => run::run(&context, &run),
        Command::Verify(verify) => verify::verify(&context, &verify),
        Command::Decode(decode) => decode::decode(&context, &decode),
        Command::Anchors(anchors) => anchors::anchors(&context, &anchors),
        Command::Compare(compare) => compare::compare(&context, &compare),
        Command::Play(play) => play::play(&context, &play),
        Command::Export(export) => export::export(&context, &export),
        Command::NewCodec(new_codec) => new_codec::new_codec(&context, &new_codec),
        Command::Check(check) => check::check(&context, &check),
        Command::Doctor => Ok(doctor::doctor(&context)),
        Command::Completions { shell } => Ok(documents::completions(shell)),
        Command::Man { folder } => documents::man(&folder),
    }
}

/// Opens the clips of a command line, telling what is converted.
fn open_clips(ffmpeg: &Ffmpeg, arguments: &ClipArguments, progress: &Progress) -> Result<Vec<Clip>, Error> {
    let class = if arguments.pristine { ClipClass::Pristine } else { ClipClass::Nonpristine };
    let options = ClipOptions { frame_limit: arguments.frames, class };
    let open = |path: &std::path::PathBuf| {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let clip = Clip::open(ffmpeg, path, &options)?;
        let info = &clip.info;
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
        Ok(clip)
    };
    arguments.clips.iter().map(open).collect()
}

/// The anchors asked for, or the usual four.
fn anchor_names(arguments: &ClipArguments) -> Result<Vec<String>, Error> {
    match &arguments.anchors {
        None => Ok(aiv1_lab::default_anchors()),
        Some(names) if *names == ["none"] => Ok(Vec::new()),
        Some(names) => {
            names.iter().try_for_each(|name| aiv1_lab::find_anchor(name).map(drop))?;
            Ok(names.clone())
        }
    }
}

fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}

/// All went well.
const OK: ExitCode = ExitCode::SUCCESS;
