//! ffmpeg and ffprobe: found, asked for their version, and called with nothing of this process's environment.

use crate::Error;
use crate::process;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Names the ffmpeg to run; without it, the first on `PATH`.
pub const FFMPEG_VARIABLE: &str = "AIV1_FFMPEG";

/// Names the ffprobe to run; without it, the first on `PATH`.
pub const FFPROBE_VARIABLE: &str = "AIV1_FFPROBE";

/// Which programs to run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The ffmpeg to run: a path, or a name looked up on `PATH`.
    pub ffmpeg: OsString,
    /// The ffprobe to run.
    pub ffprobe: OsString,
    /// The `PATH` that they see.
    pub path: OsString,
}

impl Config {
    /// Reads `AIV1_FFMPEG`, `AIV1_FFPROBE` and `PATH`.
    #[must_use]
    pub fn from_environment() -> Self {
        let program = |variable: &str, name: &str| {
            std::env::var_os(variable).filter(|value| !value.is_empty()).unwrap_or_else(|| name.into())
        };
        Self {
            ffmpeg: program(FFMPEG_VARIABLE, "ffmpeg"),
            ffprobe: program(FFPROBE_VARIABLE, "ffprobe"),
            path: std::env::var_os("PATH").unwrap_or_default(),
        }
    }
}

/// An ffmpeg that runs, with its ffprobe.
#[derive(Clone, Debug)]
pub struct Ffmpeg {
    config: Config,
    version: String,
}

impl Ffmpeg {
    /// The ffmpeg of the environment.
    pub fn find() -> Result<Self, Error> {
        Self::new(Config::from_environment())
    }

    /// The ffmpeg of `config`; both programs are run once. They may be of different versions: what ffprobe says of the
    /// frames is checked again inside ffmpeg.
    pub fn new(config: Config) -> Result<Self, Error> {
        let version = version(&config, &config.ffmpeg, FFMPEG_VARIABLE)?;
        self::version(&config, &config.ffprobe, FFPROBE_VARIABLE)?;
        Ok(Self { config, version })
    }

    /// The version line, as ffmpeg prints it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// ffmpeg, quiet but for errors, deaf, and blind to the environment but for `PATH`.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = bare(&self.config, &self.config.ffmpeg);
        command.args(["-hide_banner", "-nostdin", "-v", "error"]);
        command
    }

    /// ffprobe, the same way.
    #[must_use]
    pub fn probe_command(&self) -> Command {
        let mut command = bare(&self.config, &self.config.ffprobe);
        command.args(["-hide_banner", "-v", "error"]);
        command
    }
}

/// In a process group of its own: a Ctrl-C at a terminal reaches this process alone, which then ends its children as it
/// unwinds. Where it cannot, killed itself, they end soon all the same: their other end of the pipe is gone, so a decoder
/// or a prober fails at its next write, and an encoder comes to the end of its input.
fn bare(config: &Config, program: &OsString) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", &config.path).stdin(std::process::Stdio::null()).process_group(0);
    command
}

fn version(config: &Config, program: &OsString, variable: &'static str) -> Result<String, Error> {
    let fail = |reason| Error::Tool { program: program.to_string_lossy().into_owned(), reason, variable };
    let mut command = bare(config, program);
    command.arg("-version");
    let output = process::run(command, Path::new(program), 1 << 16).map_err(|error| match error {
        Error::Io { source, .. } => fail(source.to_string()),
        other => fail(other.to_string()),
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim();
    if !output.status.success() || !line.contains(" version ") {
        return Err(fail(format!("it answered {line:?} to -version ({})", output.status)));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_the_variable_that_changes_it() {
        let mut config = Config::from_environment();
        config.ffmpeg = "/nonexistent/ffmpeg".into();
        let message = Ffmpeg::new(config).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/ffmpeg") && message.contains(FFMPEG_VARIABLE), "{message}");
    }

    #[test]
    fn a_program_that_is_something_else_is_refused() {
        let mut config = Config::from_environment();
        config.ffprobe = "true".into();
        let message = Ffmpeg::new(config).unwrap_err().to_string();
        assert!(message.contains("\"\" to -version") && message.contains(FFPROBE_VARIABLE), "{message}");
    }

    #[test]
    fn commands_see_nothing_of_the_environment_but_the_path() {
        let ffmpeg = Ffmpeg::find().unwrap();
        assert!(ffmpeg.version().starts_with("ffmpeg version "));
        let names: Vec<_> = ffmpeg.command().get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["PATH"]);
    }

    #[test]
    fn a_terminal_s_ctrl_c_does_not_reach_the_children() {
        let mut command = Ffmpeg::find().unwrap().command();
        command.args(["-re", "-f", "lavfi", "-i", "testsrc2", "-t", "60", "-f", "null", "-"]);
        let mut child = command.spawn().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let group = stat.rsplit(')').next().unwrap().split_whitespace().nth(2);
        assert_eq!(group, Some(child.id().to_string().as_str()), "it leads a group of its own");
    }
}
