//! The one place where a compiler runs.

use super::store::Store;
use super::{BuildError, Side, harness, kit};
use crate::toolchain::{TARGET, Toolchain};
use aiv1_confine::{Confined, Ended, Helper, Limits, Outcome};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What every compilation is told. Together with source, kit, harness and toolchain this decides the module.
pub const FLAGS: &[&str] = &[
    "--edition=2024",
    // Warnings are advice to an author; a module that runs is not failed for them.
    "--cap-lints=allow",
    "-Copt-level=3",
    "-Cpanic=abort",
    "-Cstrip=symbols",
    "-Ccodegen-units=1",
    "-Ctarget-feature=+simd128",
    "-Clink-arg=--max-memory=536870912",
    "-Clink-arg=-zstack-size=1048576",
];

/// What compiling one module may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildLimits {
    /// CPU time of each process (the compiler, the linker).
    pub cpu_seconds: u64,
    /// Address space of each process.
    pub address_space: u64,
    /// Largest file.
    pub file_size: u64,
    /// Wall-clock time of the whole.
    pub deadline: Duration,
}

impl Default for BuildLimits {
    fn default() -> Self {
        Self {
            cpu_seconds: 20,
            address_space: 2 << 30,
            file_size: 64 << 20,
            deadline: Duration::from_mins(2),
        }
    }
}

/// What to compile.
pub(super) enum Job<'a> {
    /// The guest kit, to a library.
    Kit,
    /// A codec in its harness, to a module.
    Module { kit: &'a Path, source: &'a str, side: Side },
}

#[derive(Clone, Copy)]
pub(super) struct Compiler<'a> {
    pub(super) toolchain: &'a Toolchain,
    pub(super) helper: &'a Helper,
    pub(super) limits: BuildLimits,
}

impl Compiler<'_> {
    pub(super) fn module(
        self,
        store: &Store,
        kit: &Path,
        source: &str,
        side: Side,
    ) -> Result<Vec<u8>, BuildError> {
        self.run(store, &Job::Module { kit, source, side })
    }

    /// Compiles in a folder of its own, which is gone afterwards.
    pub(super) fn run(self, store: &Store, job: &Job<'_>) -> Result<Vec<u8>, BuildError> {
        let scratch = store.scratch()?;
        let folder = scratch.path().canonicalize().map_err(BuildError::host("find", scratch.path()))?;
        let (source, out) = (folder.join("source"), folder.join("out"));
        write_sources(job, &source).map_err(BuildError::host("write", &source))?;
        fs::create_dir_all(&out).map_err(BuildError::host("create", &out))?;
        let result = out.join("result");
        let outcome = self.command(job, &source, &out, &result)?.run()?;
        if !outcome.success() {
            return Err(self.explain(job, &folder, store, &outcome));
        }
        fs::read(&result).map_err(BuildError::host("read", &result))
    }

    fn command(
        self,
        job: &Job<'_>,
        source: &Path,
        out: &Path,
        result: &Path,
    ) -> Result<Confined, BuildError> {
        let Toolchain { rustc, sysroot, libraries, linker, commit, .. } = self.toolchain;
        let linker_itself = linker.canonicalize().map_err(BuildError::host("find", linker))?;
        let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
        // Where the standard library's source is installed, the compiler would name that instead of its own commit.
        let standard = commit
            .as_ref()
            .map(|commit| remap(&sysroot.join("lib/rustlib/src/rust"), &format!("/rustc/{commit}")));
        let limits = Limits {
            cpu_seconds: Some(self.limits.cpu_seconds),
            address_space: Some(self.limits.address_space),
            file_size: Some(self.limits.file_size),
            ..Limits::default()
        };
        let command = Confined::new(self.helper.clone(), rustc)
            .args(FLAGS)
            .args([format!("--target={TARGET}"), "--color=never".into(), "--diagnostic-width=120".into()])
            .args([remap(sysroot, "/toolchain"), remap(source, "/source")])
            .args(standard)
            .arg("-o")
            .arg(result)
            .arg("lib.rs")
            .current_dir(source)
            .env("TMPDIR", out)
            .env("LD_LIBRARY_PATH", libraries)
            .env("PATH", "")
            .system_libraries()
            .executable(sysroot.join("lib"))
            .executable(linker_itself)
            .readable(source)
            .writable(out)
            .limits(limits)
            .deadline(self.limits.deadline);
        Ok(match job {
            Job::Kit => command.args(["--crate-name=aiv1_kit", "--crate-type=rlib"]),
            Job::Module { kit, side, .. } => command
                .args(["--crate-name=codec", "--crate-type=cdylib", "--cfg", side.name()])
                .arg(format!("--extern=aiv1_kit={}", kit.display()))
                .arg(format!("-Clinker={}", linker.display()))
                .readable(kit),
        })
    }

    fn explain(self, job: &Job<'_>, folder: &Path, store: &Store, outcome: &Outcome) -> BuildError {
        let side = if let Job::Module { side, .. } = job { *side } else { Side::Encoder };
        let stderr = self.without_paths(&outcome.stderr.text(), folder, store);
        let limit =
            |which, bound: String| BuildError::CompileLimit { side, which, bound, stderr: stderr.clone() };
        let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
        let says = |words: &[&str]| words.iter().any(|words| stderr.contains(words));
        let time = || limit("CPU time", format!("{} s", self.limits.cpu_seconds));
        let memory = || limit("memory", mebibytes(self.limits.address_space));
        let file = || limit("the size of a file", mebibytes(self.limits.file_size));
        match outcome.ended {
            Ended::CpuLimit { .. } => time(),
            Ended::Deadline { after } => limit("time", format!("{} s", after.as_secs())),
            Ended::FileSizeLimit { .. } => file(),
            // What the linker was stopped for, the compiler reports.
            _ if says(&["signal: 24 (SIGXCPU)", "signal: 9 (SIGKILL)"]) => time(),
            _ if says(&["signal: 25 (SIGXFSZ)", "File too large (os error 27)"]) => file(),
            _ if says(&[
                "memory allocation of ",
                "out of memory",
                "std::bad_alloc",
                "Cannot allocate memory",
            ]) =>
            {
                memory()
            }
            Ended::Signal(6) => memory(),
            Ended::Signal(7 | 11) => limit("the compiler's stack", "its own".into()),
            Ended::Signal(9) => {
                BuildError::host("compile in", folder)(std::io::Error::other("the compiler was killed"))
            }
            _ if says(&["No space left on device"]) && is_full(folder) => {
                BuildError::host("write in", store.folder())(std::io::ErrorKind::StorageFull.into())
            }
            _ => BuildError::Compile { side, summary: summary(&stderr), stderr },
        }
    }

    /// What the compiler said, without where this machine keeps things.
    fn without_paths(self, text: &str, folder: &Path, store: &Store) -> String {
        let mut text = text.to_owned();
        let places = [
            (folder, "<build>"),
            (store.folder(), "<cache>"),
            (&self.toolchain.linker, "<linker>"),
            (&self.toolchain.sysroot, "<toolchain>"),
        ];
        for (path, name) in places {
            text = text.replace(&*path.to_string_lossy(), name);
            if let Ok(path) = path.canonicalize() {
                text = text.replace(&*path.to_string_lossy(), name);
            }
        }
        text
    }
}

fn write_sources(job: &Job<'_>, folder: &Path) -> std::io::Result<()> {
    match job {
        Job::Kit => kit::write(folder),
        Job::Module { source, .. } => {
            fs::create_dir_all(folder)?;
            fs::write(folder.join("lib.rs"), harness::HARNESS)?;
            fs::write(folder.join("codec.rs"), source)
        }
    }
}

/// The first complaint and its place.
fn summary(stderr: &str) -> String {
    let mut lines = stderr.lines().skip_while(|line| !line.starts_with("error"));
    let Some(first) = lines.next() else {
        return stderr.lines().next().unwrap_or("the compiler said nothing").to_owned();
    };
    let place = lines.next().and_then(|line| line.trim_start().strip_prefix("--> "));
    place.map_or_else(|| first.to_owned(), |place| format!("{first} ({place})"))
}

/// Whether there is less room than a compilation needs; what a compiler says alone does not make it so.
fn is_full(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|volume| volume.f_bavail.saturating_mul(volume.f_frsize) < 64 << 20)
}
