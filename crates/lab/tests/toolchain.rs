//! Finding a compiler, and what it makes of honest sources.

mod support;

use aiv1_lab::toolchain::{Config, Error, Toolchain};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{builder, helper, source, told, toolchain, user_cache};

const SMALL: &str = "codecs that tests compile in a moment";

fn counting(extra: &str) -> String {
    let probe = "pub const ABOUT: &str = \"t\"; #[cfg(encoder)] pub const PARAMETERS: &[aiv1_kit::Parameter] = &[];\
        #[cfg(encoder)] pub fn encode(_: &aiv1_kit::Settings, q: u8, gop: &aiv1_kit::Gop<'_>) -> Vec<u8> {\
        let mut m = std::collections::HashMap::new(); for b in gop.bytes() { *m.entry(*b).or_insert(0u32) += 1; }\
        assert!(m.len() > 1, \"flat {q}\"); gop.bytes().to_vec() }\
        #[cfg(decoder)] pub fn decode(bytes: &[u8], gop: &mut aiv1_kit::GopMut<'_>) { gop.bytes_mut().copy_from_slice(bytes) }";
    format!("// {SMALL}\n{probe}\n{extra}")
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn the_same_source_is_the_same_module_wherever_it_is_built() {
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let far = elsewhere.path().join("another place/with a longer name");
    let text = counting("");
    let one = builder(here.path()).build("one", &text).unwrap();
    let two = builder(&far).build("two", &text).unwrap();
    assert!(
        one.encoder == two.encoder && one.decoder == two.decoder,
        "modules differ by where they were built"
    );
    assert!(one.encoder != one.decoder);
    assert!(one.encoder.starts_with(b"\0asm"));
    assert_eq!(one.source_sha256, two.source_sha256);
    // The author's positions are there for panics; this machine's folders are not.
    assert!(contains(&one.encoder, "codec.rs"));
    for place in [here.path(), &far, &toolchain().sysroot, &user_cache()] {
        assert!(!contains(&one.encoder, &place.to_string_lossy()), "the module names {}", place.display());
    }
}

#[test]
fn modules_are_remembered_and_damage_is_noticed() {
    let cache = tempfile::tempdir().unwrap();
    let builder = builder(cache.path());
    let first = builder.build("raw", &source("raw.rs")).unwrap();
    let entry = |prefix: &str| {
        let names = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<_> =
            names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix)).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.pop().unwrap()
    };
    let folder = entry("codec-");
    let written = fs::metadata(folder.join("encoder.wasm")).unwrap().modified().unwrap();
    assert_eq!(builder.build("raw", &source("raw.rs")).unwrap().decoder, first.decoder);
    assert_eq!(fs::metadata(folder.join("encoder.wasm")).unwrap().modified().unwrap(), written);

    for damage in ["encoder.wasm", "decoder.wasm", "SHA256SUMS"] {
        let path = entry("codec-").join(damage);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let again = builder.build("raw", &source("raw.rs")).unwrap();
        assert!(again.encoder == first.encoder && again.decoder == first.decoder, "{damage} was believed");
    }
    fs::remove_file(entry("kit-").join("libaiv1_kit.rlib")).unwrap();
    builder.build("other", &counting("// not remembered")).unwrap();
    let left = fs::read_dir(cache.path()).unwrap().flatten();
    assert!(
        left.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with('.')),
        "scratch was left"
    );
}

#[test]
fn a_mistake_is_told_with_the_authors_positions_and_no_paths_of_this_machine() {
    let cache = tempfile::tempdir().unwrap();
    let error = builder(cache.path()).build("wrong", &counting("fn a() -> u8 { \"text\" }")).unwrap_err();
    assert_eq!(error.kind(), "compile_error", "{}", told(&error));
    let message = error.to_string();
    assert!(message.contains("error[E0308]: mismatched types (codec.rs:3:"), "{message}");
    let told = told(&error);
    for place in [cache.path(), &toolchain().sysroot] {
        assert!(!told.contains(&*place.to_string_lossy()), "{told}");
    }
    let error = builder(cache.path()).build("nothing", "").unwrap_err();
    assert_eq!(error.kind(), "compile_error", "{}", support::told(&error));
}

#[test]
fn warnings_fail_nobody() {
    let cache = tempfile::tempdir().unwrap();
    builder(cache.path())
        .build(
            "odd",
            &counting("#![deny(warnings)] fn unUsed() { let x = 1; }").replace("#![deny(warnings)]", ""),
        )
        .unwrap();
}

#[test]
fn a_missing_compiler_is_told_with_every_way_to_get_one() {
    let empty = tempfile::tempdir().unwrap();
    let nowhere = Config { rustc: None, search: "".into(), cache: empty.path().to_owned() };
    let message = Toolchain::find(&nowhere).unwrap_err().to_string();
    for way in ["rustup target add wasm32-unknown-unknown", "scripts/wasm-toolchain.sh", "AIV1_RUSTC"] {
        assert!(message.contains(way), "{message}");
    }

    let (text, fake) = (empty.path().join("text"), empty.path().join("rustc"));
    fs::write(&text, "#!/bin/sh\necho /nowhere\n").unwrap();
    // By another process: what this one writes itself may still be open in a child of another test, and cannot be run then.
    assert!(Command::new("install").args([&text, &fake]).status().unwrap().success());
    let named = Config { rustc: Some(fake.clone()), ..nowhere.clone() };
    let error = Toolchain::find(&named).unwrap_err();
    assert!(matches!(error, Error::Unsuitable { .. }));
    assert!(error.to_string().ends_with("it has no libcore-*.rlib for wasm32-unknown-unknown"), "{error}");

    let on_path = Config { search: empty.path().into(), ..nowhere };
    let message = Toolchain::find(&on_path).unwrap_err().to_string();
    assert!(message.contains("it has no libcore-*.rlib"), "{message}");
}

#[test]
fn a_compiler_that_cannot_compile_is_blamed_itself() {
    let cache = tempfile::tempdir().unwrap();
    let mut broken = toolchain();
    broken.rustc = Path::new("/bin/false").canonicalize().unwrap();
    let error = aiv1_lab::build::Builder::new(broken, helper(), cache.path())
        .build("raw", &source("raw.rs"))
        .unwrap_err();
    assert_eq!((error.kind(), error.fault()), ("toolchain_missing", aiv1_model::Fault::Infrastructure));
}

#[test]
fn the_codecs_of_the_repository_and_of_the_document_are_built() {
    let document = fs::read_to_string(support::repository().join("docs/CODEC-ABI.md")).unwrap();
    let example = document.split("```rust\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    let cache = tempfile::tempdir().unwrap();
    let builder = builder(cache.path());
    let named = |name: &str| (name.to_owned(), source(&format!("{name}.rs")));
    for (name, text) in
        ["raw", "template", "procedural"].map(named).into_iter().chain([("document".into(), example)])
    {
        let began = std::time::Instant::now();
        let built = builder.build(&name, &text).unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        let (encoder, decoder) = (built.encoder.len(), built.decoder.len());
        eprintln!("{name}: encoder {encoder} bytes, decoder {decoder} bytes, {:.2?}", began.elapsed());
        assert!(encoder.max(decoder) < 1 << 20, "{name} is larger than a module may be");
    }
}
