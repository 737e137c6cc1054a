//! The confinement of the compiler, seen from inside it: past the policy, which would not let these sources through.

use super::compile::{Compiler, Job};
use super::*;
use crate::toolchain::Config;
use std::path::Path;
use std::process::Command;

/// The helper, built beside this test.
fn helper() -> Helper {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--package", "aiv1-confine", "--target-dir"])
        .arg(folder.parent().unwrap());
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    Helper::new(folder.join("aiv1-confine"))
}

#[test]
fn the_compiler_reaches_no_file_and_no_variable_that_it_does_not_need() {
    let cache = tempfile::tempdir().unwrap();
    let secret = cache.path().join("secret");
    std::fs::write(&secret, "hunter2").unwrap();
    let user_cache = crate::Home::from_environment().unwrap();
    let toolchain = Toolchain::find(&Config::from_environment(user_cache.root()))
        .unwrap_or_else(|error| panic!("{error}"));
    let builder = Builder::new(toolchain, helper(), cache.path());
    let compiler =
        Compiler { toolchain: &builder.toolchain, helper: &builder.helper, limits: builder.limits };
    let kit = builder.kit().unwrap();
    let attempt = |line: String| {
        let source = format!("{line}\n{}", harness::PROBE);
        compiler.run(&builder.store, &Job::Module { kit: &kit, source: &source, side: Side::Encoder })
    };
    for path in [
        secret.as_path(),
        Path::new("/etc/passwd"),
        Path::new("/proc/self/environ"),
        Path::new(env!("CARGO_MANIFEST_DIR")),
    ] {
        for detour in ["include_str!({})", "include_bytes!({}).len()"] {
            let read = detour.replace("{}", &format!("{:?}", path.display().to_string()));
            let error = attempt(format!(
                "#[unsafe(no_mangle)] pub fn leak() -> usize {{ std::hint::black_box({read}); 1 }}"
            ));
            let error = error.expect_err("it read the file");
            assert_eq!(error.kind(), "compile_error", "{error}");
            assert!(error.to_string().contains("couldn't read"), "{error}");
        }
        let module = attempt(format!("#[path = {:?}] mod secret;", path.display().to_string())).unwrap_err();
        let told = format!("{module} {:?}", module.evidence());
        assert!(!told.contains("hunter2") && !told.contains("root:"), "{told}");
    }
    for variable in ["HOME", "USER", "CARGO_MANIFEST_DIR", "AIV1_CACHE"] {
        let source = format!("const _: () = assert!(option_env!({variable:?}).is_none());");
        attempt(source).unwrap_or_else(|error| panic!("{variable} was there: {error}"));
    }
}
