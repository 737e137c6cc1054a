//! Compiling in a confined child, and the cache of what came out.

use crate::guests::{Guest, limits, pictures};
use aiv1_confine::Helper;
use aiv1_decoder::{CompileLimits, Decoder, Module, ModuleCompiler, Role};
use aiv1_model::{Fault, Limits};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

fn compiler(cache: Option<PathBuf>) -> ModuleCompiler {
    let helper = Helper::new(env!("CARGO_BIN_EXE_aiv1-compile-module")).args(["confine"]);
    ModuleCompiler::in_child(helper, ["compile"], cache).unwrap()
}

fn decodes(module: Module) {
    let decoder = Decoder::new(module, &limits()).unwrap();
    assert_eq!(decoder.decode_gop(&pictures(0, 3), 5, 3, 3).unwrap().data(), pictures(0, 3));
}

#[test]
fn what_the_child_compiles_runs() {
    let bytes = Guest::decoder().bytes();
    decodes(compiler(None).compile(Role::Decoder, &bytes, &limits()).unwrap());
}

#[test]
fn a_compiled_module_is_kept_and_a_damaged_one_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("modules");
    let compiler = compiler(Some(cache.clone()));
    let bytes = Guest::decoder().bytes();
    decodes(compiler.compile(Role::Decoder, &bytes, &limits()).unwrap());
    let files = || std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let [file] = files().try_into().unwrap();
    assert_eq!(cache.metadata().unwrap().permissions().mode() & 0o777, 0o700);

    // No compiler can be reached any more: only the cache can answer.
    let cached =
        ModuleCompiler::in_child(Helper::new("/no/helper"), ["compile"], Some(cache.clone())).unwrap();
    decodes(cached.compile(Role::Decoder, &bytes, &limits()).unwrap());
    let mut artefact = std::fs::read(&file).unwrap();
    let middle = artefact.len() / 2;
    artefact[middle] ^= 1;
    std::fs::write(&file, artefact).unwrap();
    assert_eq!(cached.compile(Role::Decoder, &bytes, &limits()).unwrap_err().kind(), "confine");
    decodes(compiler.compile(Role::Decoder, &bytes, &limits()).unwrap());
    decodes(cached.compile(Role::Decoder, &bytes, &limits()).unwrap());
    assert_eq!(files(), [file]);
}

#[test]
fn a_cache_that_others_may_enter_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let error =
        ModuleCompiler::in_child(Helper::new("x"), ["compile"], Some(folder.path().into())).unwrap_err();
    assert_eq!((error.fault(), error.kind()), (Fault::Infrastructure, "io"));
}

/// Bodies of nested loops and selects just under the cap.
fn bomb() -> Vec<u8> {
    let step = "(local.set 0 (i64.add (local.get 1) (i64.mul (local.get 0) (local.get 2))))
        (br_if 0 (i64.eqz (local.get 0)))";
    let body = format!("(func (param i64 i64 i64) (block (loop {})))", step.repeat(6500));
    let text = Guest::decoder().fields(&body.repeat(7)).text();
    wat::parse_str(text).unwrap()
}

#[test]
fn a_compile_bomb_dies_in_the_child() {
    let bytes = bomb();
    let summary = aiv1_decoder::check_module(Role::Decoder, &bytes, &Limits::default()).unwrap();
    assert!(summary.largest_body > 80 << 10, "{summary:?}");
    let limits = CompileLimits { cpu_seconds: 1, ..CompileLimits::default() };
    let error =
        compiler(None).compile_limits(limits).compile(Role::Decoder, &bytes, &Limits::default()).unwrap_err();
    assert_eq!((error.fault(), error.kind()), (Fault::Candidate, "compile_limit"), "{error}");
    assert!(error.to_string().contains("1 s of CPU time"), "{error}");

    let limits = CompileLimits { deadline: Duration::from_millis(100), ..CompileLimits::default() };
    let error =
        compiler(None).compile_limits(limits).compile(Role::Decoder, &bytes, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), "compile_limit", "{error}");

    let limits = CompileLimits { address_space: 48 << 20, ..CompileLimits::default() };
    let error =
        compiler(None).compile_limits(limits).compile(Role::Decoder, &bytes, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), "compile_limit", "{error}");
}
