//! The command line as types.

mod orders;

pub(crate) use orders::{Journal, OnExperiment, Purge, Saying, Told};

use aiv1_model::ParameterValue;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

/// An open laboratory for video codecs: real footage, real anchors, every number re-derivable.
#[derive(Debug, Parser)]
#[command(name = "aiv1", version, after_help = crate::exit::HELP, propagate_version = true)]
pub(crate) struct Arguments {
    /// Print results as JSON on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show no progress.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Threads to use; all cores by default.
    #[arg(long, global = true)]
    pub(crate) threads: Option<NonZeroU16>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the whole lab on this machine: site, API, worker, search.
    Up(Up),
    /// Run codecs on clips and publish a bundle for each.
    Run(Run),
    /// Re-derive every figure of a bundle; exit 0, or name the field that differs.
    Verify(Verify),
    /// Decode a stream to Y4M.
    Decode(Decode),
    /// Measure the anchors on clips.
    Anchors(Anchors),
    /// Compare bundles: a table of BD-rates, an RD plot as SVG.
    Compare(Compare),
    /// Make an MP4 that players and browsers take.
    Play(Play),
    /// Run the loop alone, on a lab that runs elsewhere.
    Loop(Loop),
    /// Add clips to a lab.
    AddClip(AddClip),
    /// Bring in the records of the earlier system; doing it again changes nothing.
    Import(Import),
    /// List the workers of a lab, or look at one on EC2.
    Workers(Workers),
    /// Have a lab propose nothing more until it is resumed.
    Pause(Told),
    /// Have a paused lab go on.
    Resume(Told),
    /// End every loop of a lab that runs; what is queued is still measured.
    Stop(Told),
    /// Cancel an experiment that has not ended.
    Cancel(OnExperiment),
    /// Queue an experiment again that has ended.
    Rerun(OnExperiment),
    /// Say that you have seen to an experiment that waits for a person.
    Resolve(Saying),
    /// Take a result back: it stays readable, marked wherever its number appears.
    Retract(Saying),
    /// Remove for good what came of an experiment.
    Purge(Purge),
    /// Print what was done to a lab and its experiments, latest first.
    Journal(Journal),
    /// Pack a bundle into one file.
    Export(Export),
    /// Start a codec of your own.
    NewCodec(NewCodec),
    /// Check a codec's source and show what it declares.
    Check(Check),
    /// Say what is installed, what is missing, and how to get it.
    Doctor,
    /// Print a shell completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder.
    Man {
        /// The folder.
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Folder that the lab keeps everything in.
    #[arg(long, default_value = "aiv1-lab", value_name = "FOLDER")]
    pub(crate) data: PathBuf,
    /// Address to listen on. Whoever can reach it can read everything.
    #[arg(long, default_value = "127.0.0.1:8437", value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// Where visitors reach the site, if it is behind something else: scheme and host, without a slash at its end.
    #[arg(long, value_name = "URL", value_parser = public_url)]
    pub(crate) public_url: Option<String>,
    #[command(flatten)]
    pub(crate) clips: MoreClips,
    #[command(flatten)]
    pub(crate) measuring: Measuring,
    #[command(flatten)]
    pub(crate) designing: Designing,
    /// Workers to run here; others may connect from elsewhere.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=64))]
    pub(crate) workers: u16,
    /// Published experiments that workers derive again on one day, from their bundles alone.
    #[arg(long, default_value_t = aiv1_worker::config::USUAL_AUDITS, value_name = "N")]
    pub(crate) audits: u32,
    /// Propose nothing: only what is submitted runs.
    #[arg(long)]
    pub(crate) no_search: bool,
    /// With --experiments: end once these are measured.
    #[arg(long, requires = "experiments")]
    pub(crate) exit_when_done: bool,
}

/// Who designs, and how much.
#[derive(Debug, Args)]
pub(crate) struct Designing {
    /// Source file of a codec to start from; by default the lab's own three.
    #[arg(long = "codec", value_name = "CODEC.rs")]
    pub(crate) codecs: Vec<PathBuf>,
    /// Stop proposing after so many experiments.
    #[arg(long, value_name = "N")]
    pub(crate) experiments: Option<u64>,
    /// At most so many proposals a day (UTC): those of loops before it are counted, those of another beside it are not.
    #[arg(long, value_name = "N")]
    pub(crate) per_day: Option<u64>,
    /// Seed of every draw.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Turns of the numerical search, of the random control arm, and of the language model that `AIV1_LLM_MODEL` names.
    #[arg(long, default_value = "3,1,0", value_name = "SEARCH,RANDOM,LLM", value_parser = shares)]
    pub(crate) shares: Shares,
}

/// How turns are shared out: to the search, the control arm, the language model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares(pub(crate) [u32; 3]);

/// How a lab's experiments are measured.
#[derive(Debug, Args)]
pub(crate) struct Measuring {
    /// Anchors to measure against, separated by commas; `none` for none.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) anchors: Option<Vec<String>>,
    /// Quality indices to measure, ascending, four or more of 0 to 63; by default 14,24,34,44.
    #[arg(long, value_delimiter = ',', value_name = "Q,Q,…")]
    pub(crate) quality: Option<Vec<u8>>,
    /// Frames of a GOP; by default 64, or as many as the limit on a raw GOP admits.
    #[arg(long, value_name = "N")]
    pub(crate) gop: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Loop {
    /// Folder of the lab; without it `AIV1_STORE` must say `aws`.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) measuring: Measuring,
    #[command(flatten)]
    pub(crate) designing: Designing,
    /// Experiments kept waiting, so that no worker does.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) ahead: u64,
}

#[derive(Debug, Args)]
pub(crate) struct AddClip {
    /// Video files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) clips: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ClipReading,
    /// Folder of the lab; without it `AIV1_STORE` must say `aws`.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// The set they belong to: `open` is what experiments are measured on, `held-out` what new champions are measured on
    /// once; any other only where it is asked for.
    #[arg(long, default_value = aiv1_model::api::ClipEntry::OPEN, value_name = "NAME", value_parser = clip_set)]
    pub(crate) set: String,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files of records: exports of its table, answers of `aws dynamodb scan`, result files; packed by gzip or not.
    #[arg(required_unless_present = "keys", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// A listing of its bucket, by `aws s3 ls --recursive` or as the JSON of `list-objects-v2`: puts keys to their records.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Folder of the lab; without it `AIV1_STORE` must say `aws`.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Workers {
    /// Address of a lab.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub(crate) url: Option<String>,
    /// Folder of a lab; without it and --url `AIV1_STORE` must say `aws`.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Ask one worker on EC2 itself, through SSM Run Command: its instance id, or the host name of its machine.
    #[arg(long, value_name = "ID|NAME", conflicts_with_all = ["url", "data"], requires = "look")]
    pub(crate) instance: Option<String>,
    /// What to ask it.
    #[arg(requires = "instance")]
    pub(crate) look: Option<Look>,
    /// With --instance: the port of its /health, on its own loopback.
    #[arg(long, default_value_t = 9437, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
}

/// What one worker can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Look {
    /// What it is doing, and whether the lab answers it.
    Health,
    /// The clips it keeps, and the room for them.
    Cache,
}

/// Clips that may be named, where those of earlier will do.
#[derive(Debug, Args)]
pub(crate) struct MoreClips {
    /// A video file to measure on from now on; several times for several. Clips of earlier starts stay.
    #[arg(long = "clip", short, value_name = "FILE")]
    pub(crate) clips: Vec<PathBuf>,
    /// A video file that no designer sees anything of: each new champion is measured on these once; several times for
    /// several.
    #[arg(long, value_name = "FILE")]
    pub(crate) held_out: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ClipReading,
}

#[derive(Debug, Args)]
pub(crate) struct ClipArguments {
    /// A video file to measure on; give it several times for several clips.
    #[arg(long = "clip", short, required = true, value_name = "FILE")]
    pub(crate) clips: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ClipReading,
    /// Anchors to measure against, separated by commas; `none` for none.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) anchors: Option<Vec<String>>,
}

/// How clips are read.
#[derive(Debug, Args)]
pub(crate) struct ClipReading {
    /// Use only the first so many frames of each clip.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) frames: Option<u64>,
    /// The clips were never lossily coded.
    #[arg(long)]
    pub(crate) pristine: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Source files of codecs.
    #[arg(required = true, value_name = "CODEC.rs")]
    pub(crate) codecs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) clips: ClipArguments,
    /// Value of a parameter, as name=value.
    #[arg(long = "set", short, value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, ParameterValue)>,
    /// Quality indices to measure, ascending, four or more of 0 to 63.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 24, 32, 40, 48], value_name = "Q,Q,…")]
    pub(crate) quality: Vec<u8>,
    /// Frames of a GOP; by default 64, or as many as the limit on a raw GOP admits.
    #[arg(long, value_name = "N")]
    pub(crate) gop: Option<u32>,
    /// Folder to publish bundles in.
    #[arg(long, short, default_value = "aiv1-runs", value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Run it even where the bundle of the same question is there already.
    #[arg(long)]
    pub(crate) again: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A bundle: a folder, the file that `export` made, or the address of an experiment's page.
    pub(crate) bundle: PathBuf,
    /// Where to find clips that the bundle does not carry.
    #[arg(long = "clip", short, value_name = "FILE")]
    pub(crate) clips: Vec<PathBuf>,
    /// Encode everything again as well: every stream must come out byte for byte.
    #[arg(long)]
    pub(crate) encode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StreamArguments {
    /// The `.aiv1` stream.
    pub(crate) stream: PathBuf,
    /// Its decoder; by default `codec/decoder.wasm` of the bundle that the stream lies in.
    #[arg(long, value_name = "DECODER.wasm")]
    pub(crate) decoder: Option<PathBuf>,
    /// Where to write.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Decode {
    #[command(flatten)]
    pub(crate) stream: StreamArguments,
    /// First GOP to decode.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) from_gop: u32,
    /// How many GOPs; all that follow by default.
    #[arg(long, value_name = "N")]
    pub(crate) gops: Option<u32>,
    /// Take the whole GOPs of a stream that was cut off.
    #[arg(long)]
    pub(crate) salvage: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Anchors {
    #[command(flatten)]
    pub(crate) clips: ClipArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Bundles: folders, or files that `export` made.
    #[arg(required = true)]
    pub(crate) bundles: Vec<PathBuf>,
    /// Write an RD plot of every clip to this SVG file.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Play {
    #[command(flatten)]
    pub(crate) stream: StreamArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The bundle's folder.
    pub(crate) bundle: PathBuf,
    /// The file to write, a `.tar`.
    #[arg(long, short, value_name = "FILE.tar")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct NewCodec {
    /// Name of the codec; NAME.rs is written.
    pub(crate) name: String,
    /// Folder to write into.
    #[arg(long, default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Source file of the codec.
    pub(crate) codec: PathBuf,
}

fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.ends_with('/') && !host.contains(['?', '#', ' ']) => {
            Ok(text.to_owned())
        }
        _ => Err(format!("{text:?} is not http://HOST or https://HOST without a slash at its end")),
    }
}

fn clip_set(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not 1 to 64 of [a-z0-9-]"))
    }
}

fn shares(text: &str) -> Result<Shares, String> {
    let wrong = || format!("{text:?} is not three numbers whose sum is 1 to 1000, as 3,1,0");
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let shares: [u32; 3] = numbers.map_err(|_| wrong())?.try_into().map_err(|_| wrong())?;
    let sum: u64 = shares.iter().copied().map(u64::from).sum();
    if (1..=1000).contains(&sum) { Ok(Shares(shares)) } else { Err(wrong()) }
}

fn parameter(text: &str) -> Result<(String, ParameterValue), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("{text:?} is not NAME=VALUE"));
    };
    let value = value.parse().map_err(|error: std::convert::Infallible| error.to_string())?;
    Ok((name.to_owned(), value))
}
