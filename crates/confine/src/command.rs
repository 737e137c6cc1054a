//! The description of a run.

use crate::spec::{Grant, Spec};
use crate::{Error, Outcome, parent};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::spec::Limits;

/// A program whose `main` ends in [`child_main`](crate::child_main), and the arguments that lead it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl Helper {
    /// The program at `path`, with no arguments: `aiv1-confine`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new() }
    }

    /// The running program once more, with the arguments of its hidden subcommand.
    #[must_use]
    pub fn this_program<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Self {
        Self::new(Confined::HELPER_ITSELF).args(args)
    }

    /// The same with more arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
}

/// A program to run, and all that it will see.
#[derive(Clone, Debug)]
#[must_use]
pub struct Confined {
    pub(crate) helper: Helper,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: PathBuf,
    pub(crate) grants: Vec<(Grant, PathBuf)>,
    pub(crate) stdin: Vec<u8>,
    pub(crate) limits: Limits,
    pub(crate) deadline: Duration,
    pub(crate) keep: [usize; 2],
    pub(crate) best_effort: bool,
}

impl Confined {
    /// As a program: the helper's own binary once more, whatever has become of its path.
    pub const HELPER_ITSELF: &str = "/proc/self/exe";
    /// Bytes of each output that are kept unless [`Confined::keep_stdout`] says otherwise.
    pub const KEPT_OUTPUT: usize = 64 << 10;
    /// Wall-clock time a run may take unless [`Confined::deadline`] says otherwise.
    pub const DEADLINE: Duration = Duration::from_mins(1);

    /// `program`, which may be read and executed; nothing else may, not even the libraries it is linked to. The working
    /// directory is `/`, the environment empty, standard input empty.
    pub fn new(helper: Helper, program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        Self {
            helper,
            grants: vec![(Grant::Execute, program.clone())],
            program,
            args: Vec::new(),
            env: Vec::new(),
            cwd: PathBuf::from("/"),
            stdin: Vec::new(),
            limits: Limits::default(),
            deadline: Self::DEADLINE,
            keep: [Self::KEPT_OUTPUT; 2],
            best_effort: false,
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// One variable of the environment, which is otherwise empty.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The working directory. It is not readable by that alone.
    pub fn current_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.cwd = path.into();
        self
    }

    /// A file, or a folder with all beneath it, that may be read.
    pub fn readable(self, path: impl Into<PathBuf>) -> Self {
        self.grant(Grant::Read, path)
    }

    /// A file, or a folder with all beneath it, that may be read and executed.
    pub fn executable(self, path: impl Into<PathBuf>) -> Self {
        self.grant(Grant::Execute, path)
    }

    /// A file, or a folder with all beneath it, that may be read and written; not executed, and no devices, sockets or
    /// pipes can be made there.
    pub fn writable(self, path: impl Into<PathBuf>) -> Self {
        self.grant(Grant::Write, path)
    }

    /// The system's shared libraries and their loader, as far as they are where a Linux system has them.
    pub fn system_libraries(mut self) -> Self {
        let folders = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"].map(Path::new);
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            self = self.executable(folder);
        }
        let cache = Path::new("/etc/ld.so.cache");
        if cache.is_file() { self.readable(cache) } else { self }
    }

    /// What it reads from standard input.
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Limits of each of its processes.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Wall-clock time after which it is killed.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many bytes of standard output are kept; the rest is drained and counted.
    pub fn keep_stdout(mut self, bytes: usize) -> Self {
        self.keep[0] = bytes;
        self
    }

    /// How many bytes of standard error are kept.
    pub fn keep_stderr(mut self, bytes: usize) -> Self {
        self.keep[1] = bytes;
        self
    }

    /// Goes on without Landlock and without a network namespace where the kernel has none: files and network are then not
    /// denied, everything else holds, and [`Isolation`](crate::Isolation) says so. Only for where the whole machine holds
    /// nothing but this run, as that of a cloud function does; the caller keeps its own secrets out of
    /// `/proc/PARENT/environ` by not being dumpable.
    pub fn best_effort(mut self) -> Self {
        self.best_effort = true;
        self
    }

    /// Runs it to its end, whatever that is. The calling thread waits; when this returns, the program, its process group
    /// and every descriptor are gone.
    pub fn run(&self) -> Result<Outcome, Error> {
        parent::run(self)
    }

    pub(crate) fn spec(&self, nonce: u64) -> Spec {
        Spec {
            parent: std::process::id(),
            nonce,
            program: self.program.clone(),
            args: self.args.clone(),
            env: self.env.clone(),
            cwd: self.cwd.clone(),
            grants: self.grants.clone(),
            limits: self.limits,
            best_effort: self.best_effort,
        }
    }

    fn grant(mut self, grant: Grant, path: impl Into<PathBuf>) -> Self {
        self.grants.push((grant, path.into()));
        self
    }
}
