//! What the tests of compiling share: a toolchain (a missing one fails the test, with the fix named), a helper, a cache.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

use aiv1_confine::Helper;
use aiv1_lab::build::{BuildError, Builder};
use aiv1_lab::toolchain::{Config, Toolchain};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A codec's source, by its path below `codecs`.
pub(crate) fn source(name: &str) -> String {
    std::fs::read_to_string(repository().join("codecs").join(name)).unwrap()
}

/// The user's cache, where the toolchain is.
#[expect(clippy::disallowed_methods, reason = "tests use the toolchain of whoever runs them")]
pub(crate) fn user_cache() -> PathBuf {
    let folder = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("AIV1_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|base| base.join("aiv1")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/aiv1")))
        .expect("one of AIV1_CACHE, XDG_CACHE_HOME and HOME is set")
}

/// The toolchain; without one the test fails and says how to get one.
pub(crate) fn toolchain() -> Toolchain {
    static FOUND: OnceLock<Toolchain> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            Toolchain::find(&Config::from_environment(user_cache())).unwrap_or_else(|error| panic!("{error}"))
        })
        .clone()
}

/// The confinement helper, built beside this test.
pub(crate) fn helper() -> Helper {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        let folder = std::env::current_exe().unwrap();
        let folder = folder.ancestors().nth(2).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--quiet", "--package", "aiv1-confine", "--target-dir"])
            .arg(folder.parent().unwrap());
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(
            build.current_dir(repository_of_this_build()).status().unwrap().success(),
            "aiv1-confine does not build"
        );
        folder.join("aiv1-confine")
    });
    Helper::new(path)
}

fn repository_of_this_build() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A builder that remembers nothing from before.
pub(crate) fn builder(cache: &Path) -> Builder {
    Builder::new(toolchain(), helper(), cache)
}

/// What a build says went wrong, with its evidence.
pub(crate) fn told(error: &BuildError) -> String {
    let evidence: Vec<_> = error.evidence().into_iter().map(|evidence| evidence.text).collect();
    format!("{}: {error}\n{}", error.kind(), evidence.join("\n"))
}
