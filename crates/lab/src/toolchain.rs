//! The compiler for codecs: any `rustc` that has the standard library of `wasm32-unknown-unknown`. Found, not assumed.

use aiv1_model::{Digest, Hasher};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What modules are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Names the `rustc` to use; nothing else is tried then.
pub const RUSTC_VARIABLE: &str = "AIV1_RUSTC";

/// Where to look.
#[derive(Clone, Debug)]
pub struct Config {
    /// The one `rustc` to use.
    pub rustc: Option<PathBuf>,
    /// Folders in which to look for `rustc` and for a linker, as in `PATH`.
    pub search: OsString,
    /// The lab's cache, where `scripts/wasm-toolchain.sh` leaves what it makes.
    pub cache: PathBuf,
}

impl Config {
    /// `AIV1_RUSTC`, `PATH`, and the given cache.
    pub fn from_environment(cache: impl Into<PathBuf>) -> Self {
        let rustc = std::env::var_os(RUSTC_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { rustc, search: std::env::var_os("PATH").unwrap_or_default(), cache: cache.into() }
    }
}

/// Why there is no compiler for codecs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None was found.
    #[error(
        "no rustc with the standard library of wasm32-unknown-unknown was found ({tried}); get one in any of these \
         ways: `rustup target add wasm32-unknown-unknown`, or `scripts/wasm-toolchain.sh` (Debian, no root needed), or \
         set AIV1_RUSTC to a rustc that has it"
    )]
    Missing {
        /// What was tried, and why it would not do.
        tried: String,
    },
    /// The one that was named will not do.
    #[error("AIV1_RUSTC names {}, which will not do: {reason}", rustc.display())]
    Unsuitable {
        /// The one that was named.
        rustc: PathBuf,
        /// What it lacks.
        reason: String,
    },
}

/// A compiler that works, as far as can be seen without compiling.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The compiler itself, no proxy.
    pub rustc: PathBuf,
    /// What it calls its sysroot.
    pub sysroot: PathBuf,
    /// Folder of its own shared libraries.
    pub libraries: PathBuf,
    /// The linker for modules.
    pub linker: PathBuf,
    /// What `rustc --version` says.
    pub version: String,
    /// The commit it was built from, if it says so.
    pub commit: Option<String>,
    /// Digest of everything known to change what it makes: version, linker, standard library.
    pub id: Digest,
}

impl Toolchain {
    /// The first that will do: `AIV1_RUSTC`, `rustc` on the path, the one below the cache.
    pub fn find(config: &Config) -> Result<Self, Error> {
        if let Some(rustc) = &config.rustc {
            let unsuitable = |reason| Error::Unsuitable { rustc: rustc.clone(), reason };
            return Self::examine(rustc, config).map_err(unsuitable);
        }
        let on_path = std::env::split_paths(&config.search).map(|folder| folder.join("rustc"));
        let cached = config.cache.join("toolchain");
        let cached = cached.join("complete").is_file().then(|| cached.join("usr/bin/rustc"));
        let mut tried = Vec::new();
        for rustc in on_path.chain(cached).filter(|rustc| rustc.is_file()) {
            match Self::examine(&rustc, config) {
                Ok(toolchain) => return Ok(toolchain),
                Err(reason) => tried.push(format!("{}: {reason}", rustc.display())),
            }
        }
        tried.dedup();
        let tried = if tried.is_empty() { "there is no rustc at all".into() } else { tried.join("; ") };
        Err(Error::Missing { tried })
    }

    /// The folder of the target's standard library.
    #[must_use]
    pub fn standard_library(&self) -> PathBuf {
        standard_library(&self.sysroot)
    }

    fn examine(rustc: &Path, config: &Config) -> Result<Self, String> {
        let beside = rustc.parent().and_then(Path::parent).and_then(driver_folder);
        let sysroot = PathBuf::from(ask(rustc, beside.as_deref(), &["--print", "sysroot"])?.trim());
        let library = standard_library(&sysroot);
        let files = rlibs(&library);
        for needed in ["libcore-", "libstd-"] {
            if !files.iter().any(|(name, _)| name.starts_with(needed)) {
                return Err(format!("it has no {needed}*.rlib for {TARGET}"));
            }
        }
        let itself = sysroot.join("bin/rustc");
        let rustc = if itself.is_file() { itself } else { rustc.to_owned() };
        let libraries = driver_folder(&sysroot).or(beside).unwrap_or_else(|| sysroot.join("lib"));
        let verbose = ask(&rustc, Some(&libraries), &["--version", "--verbose"])?;
        let field = |name: &str| verbose.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let linker = find_linker(&sysroot, field("host:").unwrap_or_default(), &config.search)
            .ok_or("no linker for modules was found: neither rust-lld nor wasm-ld (apt-get install lld)")?;
        let linker_version = ask(&linker, Some(&libraries), linker_arguments(&linker))?;

        let mut hasher = Hasher::new();
        for part in [&verbose, &linker_version] {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        for (name, bytes) in &files {
            hasher.update(format!("{name} {bytes}\n").as_bytes());
        }
        Ok(Self {
            version: verbose.lines().next().unwrap_or_default().to_owned(),
            commit: field("commit-hash:").filter(|hash| *hash != "unknown").map(str::to_owned),
            id: hasher.finish(),
            rustc,
            sysroot,
            libraries,
            linker,
        })
    }
}

fn standard_library(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

/// Names and sizes of the libraries in a folder, in order.
fn rlibs(folder: &Path) -> Vec<(String, u64)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?.len())))
        .filter(|(name, _)| Path::new(name).extension() == Some(OsStr::new("rlib")))
        .collect();
    files.sort_unstable();
    files
}

/// The folder below `prefix` that holds the compiler's driver: `lib`, or Debian's `lib/<machine>-linux-gnu`.
fn driver_folder(prefix: &Path) -> Option<PathBuf> {
    let lib = prefix.join("lib");
    let below = std::fs::read_dir(&lib).ok()?.flatten().map(|entry| entry.path());
    let machines = below.filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    let holds_driver = |folder: &PathBuf| {
        let mut names =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().starts_with("librustc_driver-"))
    };
    std::iter::once(lib.clone()).chain(machines).find(holds_driver)
}

fn find_linker(sysroot: &Path, host: &str, search: &OsStr) -> Option<PathBuf> {
    let own = [sysroot.join("lib/rustlib").join(host).join("bin/rust-lld"), sysroot.join("bin/rust-lld")];
    let on_path = ["rust-lld", "wasm-ld"]
        .into_iter()
        .flat_map(|name| std::env::split_paths(search).map(move |folder| folder.join(name)));
    own.into_iter().chain(on_path).find(|path| path.is_file())
}

fn linker_arguments(linker: &Path) -> &'static [&'static str] {
    let is_generic = linker.file_name() == Some(OsStr::new("rust-lld"));
    if is_generic { &["-flavor", "wasm", "--version"] } else { &["--version"] }
}

fn ask(program: &Path, libraries: Option<&Path>, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    let output = command.output().map_err(|error| format!("it cannot be run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} says: {}", arguments.join(" "), said.lines().next().unwrap_or("nothing")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
