//! Compiling untrusted modules: Cranelift in a confined child, its work loaded here and kept for the next time.

use crate::sandbox::engine;
use crate::{Error, Module, Result, Role, check_module};
use aiv1_confine::{Confined, Ended, Helper};
use aiv1_model::{Digest, Hasher, Limits};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::Hash as _;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Largest artefact that is taken from the child, and largest module that the child takes.
const MAX_ARTEFACT: usize = 64 << 20;
const MAX_MODULE: u64 = 64 << 20;
/// Exit code of the child for a module that cannot be compiled; anything else is a compiler that died.
const NOT_COMPILABLE: u8 = 2;

/// What compiling one module may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// CPU time in seconds.
    pub cpu_seconds: u64,
    /// Address space in bytes.
    pub address_space: u64,
    /// Wall-clock time.
    pub deadline: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { cpu_seconds: 20, address_space: 2 << 30, deadline: Duration::from_mins(2) }
    }
}

/// First argument that makes a program the confined child's first half.
const CONFINE: &str = "__confine";
/// First argument that makes it compile one module to machine code.
const COMPILE: &str = "__compile-module";

/// Does a child's work if that is what this process was started for. A program that uses
/// [`ModuleCompiler::this_program`] starts its `main` with it.
#[must_use]
pub fn run_as_child() -> Option<ExitCode> {
    match std::env::args_os().nth(1)?.to_str()? {
        CONFINE => Some(aiv1_confine::child_main()),
        COMPILE => Some(compile_child_main()),
        _ => None,
    }
}

/// How a program that starts with [`run_as_child`] confines another.
#[must_use]
pub fn confine_helper() -> Helper {
    Helper::this_program([CONFINE])
}

/// Compiles modules in a child process that sees its own program, the system's libraries and the module.
#[derive(Clone, Debug)]
pub struct ModuleCompiler {
    helper: Helper,
    best_effort: bool,
    compile_args: Vec<String>,
    cache: Option<PathBuf>,
    limits: CompileLimits,
}

impl ModuleCompiler {
    /// `helper` leads to [`aiv1_confine::child_main`]; the same program, with `compile_args` instead, must lead to
    /// [`compile_child_main`], and must be the running program or built with it: it has to hold the same compiler.
    ///
    /// Compiled modules are kept in `cache`, a folder of the user's own that nobody else may enter; it is made if need be.
    pub fn in_child<A: Into<String>>(
        helper: Helper,
        compile_args: impl IntoIterator<Item = A>,
        cache: Option<PathBuf>,
    ) -> Result<Self> {
        if let Some(folder) = &cache {
            prepare_cache(folder)?;
        }
        let compile_args = compile_args.into_iter().map(Into::into).collect();
        Ok(Self { helper, compile_args, cache, limits: CompileLimits::default(), best_effort: false })
    }

    /// In children that are the running program, whose `main` starts with [`run_as_child`].
    pub fn this_program(cache: Option<PathBuf>) -> Result<Self> {
        Self::in_child(confine_helper(), [COMPILE], cache)
    }

    /// Settles for what the kernel has to confine with; see [`Confined::best_effort`].
    #[must_use]
    pub fn best_effort(mut self) -> Self {
        self.best_effort = true;
        self
    }

    /// Other limits for the child.
    #[must_use]
    pub fn compile_limits(mut self, limits: CompileLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Checks a module, compiles it or finds it compiled, and loads it.
    pub fn compile(&self, role: Role, bytes: &[u8], limits: &Limits) -> Result<Module> {
        let summary = check_module(role, bytes, limits)?;
        let digest = Digest::of(bytes);
        let path = self
            .cache
            .as_ref()
            .map(|folder| Ok::<_, Error>(folder.join(cache_name(&digest)?)))
            .transpose()?;
        let cached = path.as_deref().map(read_artefact).transpose()?.flatten();
        let artefact = if let Some(artefact) = cached {
            artefact
        } else {
            let artefact = self.compile_in_child(bytes)?;
            if let Some(path) = &path {
                write_artefact(path, &artefact)?;
            }
            artefact
        };
        #[expect(unsafe_code, reason = "loading machine code is what a compiled module is")]
        // SAFETY: the artefact is Cranelift's work. Either a child of ours has just made it, running the program that
        // the caller of `in_child` vouched for and nothing else, the module being its only input and its standard
        // output its only way out; or it lay in a folder that only this user may enter, under a name made of the
        // module's hash and the compiler's version and settings, and has the hash that was written with it. What a
        // hostile module can do is what it could do to a compiler in this process: exploit a flaw of Cranelift.
        let module = unsafe { Module::from_artefact(&artefact, role, digest, summary) };
        module
    }

    fn compile_in_child(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let limits = aiv1_confine::Limits {
            cpu_seconds: Some(self.limits.cpu_seconds),
            address_space: Some(self.limits.address_space),
            file_size: Some(0),
            ..Default::default()
        };
        let child = Confined::new(self.helper.clone(), Confined::HELPER_ITSELF)
            .args(&self.compile_args)
            .system_libraries()
            .stdin(bytes.to_vec())
            .limits(limits)
            .deadline(self.limits.deadline)
            .keep_stdout(MAX_ARTEFACT);
        let outcome = if self.best_effort { child.best_effort() } else { child }.run()?;
        let stopped = |ended: String| Error::CompileLimit { ended, stderr: outcome.stderr.text() };
        match outcome.ended {
            Ended::Exited(0) if outcome.stdout.dropped == 0 => Ok(outcome.stdout.bytes),
            Ended::Exited(0) => Err(stopped(format!("wrote more than {MAX_ARTEFACT} bytes"))),
            Ended::Exited(code) if code == i32::from(NOT_COMPILABLE) => {
                Err(Error::InvalidModule { reason: outcome.stderr.text() })
            }
            ended => Err(stopped(ended.to_string())),
        }
    }
}

/// The child's `main`: a module from standard input, machine code to standard output.
#[must_use]
pub fn compile_child_main() -> ExitCode {
    let compiled = || -> Result<(), String> {
        let mut bytes = Vec::new();
        io::stdin().take(MAX_MODULE).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let engine = engine().map_err(|error| error.to_string())?;
        let artefact = engine.precompile_module(&bytes).map_err(|error| format!("{error:#}"))?;
        let mut out = io::stdout().lock();
        out.write_all(&artefact).and_then(|()| out.flush()).map_err(|error| error.to_string())
    };
    match compiled() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = write!(io::stderr(), "{reason}");
            ExitCode::from(NOT_COMPILABLE)
        }
    }
}

/// A name for everything that the machine code depends on: the module; wasmtime's version, its settings, the target and
/// the processor's features.
fn cache_name(digest: &Digest) -> Result<String> {
    struct Fingerprint(Hasher);
    impl std::hash::Hasher for Fingerprint {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut fingerprint = Fingerprint(Hasher::new());
    engine()?.precompile_compatibility_hash().hash(&mut fingerprint);
    Ok(format!("{digest}-{}.module", fingerprint.0.finish().abbreviated()))
}

fn prepare_cache(folder: &Path) -> Result<()> {
    let failed = |source| Error::Io { what: "preparing the cache of compiled modules", source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let metadata = fs::metadata(folder).map_err(failed)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        let reason = format!("{} is not this user's alone: chmod 700 it, or take another", folder.display());
        return Err(failed(io::Error::other(reason)));
    }
    Ok(())
}

/// What the cache has, if it is whole.
fn read_artefact(path: &Path) -> Result<Option<Vec<u8>>> {
    let failed = |source| Error::Io { what: "reading the cache of compiled modules", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_ARTEFACT as u64 + 33).read_to_end(&mut bytes).map_err(failed)?;
    let whole =
        bytes.split_first_chunk::<32>().is_some_and(|(hash, rest)| Digest::of(rest).as_bytes() == hash);
    Ok(whole.then(|| bytes.split_off(32)))
}

/// Writes beside and renames, so that the cache never has half an artefact under its name.
fn write_artefact(path: &Path, artefact: &[u8]) -> Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let failed = |source| Error::Io { what: "writing the cache of compiled modules", source };
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{number}.part", std::process::id()));
    let write = || {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(Digest::of(artefact).as_bytes())?;
        file.write_all(artefact)?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}
