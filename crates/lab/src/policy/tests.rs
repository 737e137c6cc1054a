use super::*;

/// What is refused, and how it is named.
const REFUSED: &[(&str, &str)] = &[
    // Plain.
    ("const A: &str = include_str!(\"/etc/passwd\");", "include_str! at 1:17"),
    ("const A: &[u8] = include_bytes!(\"a\");", "include_bytes! at 1:18"),
    ("include!(\"a.rs\");", "include! at 1:1"),
    ("const A: &str = env!(\"HOME\");", "env! at 1:17"),
    ("const A: Option<&str> = option_env!(\"HOME\");", "option_env! at 1:25"),
    ("fn a() { core::arch::asm!(\"nop\") }", "asm! at 1:22"),
    ("core::arch::global_asm!(\"nop\");", "global_asm! at 1:13"),
    ("fn a() { core::arch::naked_asm!(\"nop\") }", "naked_asm! at 1:22"),
    ("#[path = \"/etc/passwd\"] mod a {}", "#[path] at 1:1"),
    ("mod a;", "mod a; at 1:1"),
    ("pub(crate) mod a ;", "mod a; at 1:12"),
    ("mod a { mod b; }", "mod b; at 1:9"),
    ("extern crate alloc;", "extern crate at 1:1"),
    ("extern \"C\" { fn a(); }", "extern at 1:1"),
    ("pub extern \"C\" fn a() {}", "extern at 1:5"),
    ("type A = extern \"C\" fn();", "extern at 1:10"),
    ("use proc_macro::TokenStream;", "proc_macro at 1:5"),
    ("#[proc_macro_derive(A)] fn a() {}", "proc_macro_derive at 1:1"),
    ("fn a() { concat_idents!(inc, lude) }", "concat_idents! at 1:10"),
    ("#[global_allocator] static A: B = B;", "global_allocator at 1:1"),
    ("fn a() { unsafe { b() } }", "unsafe at 1:10"),
    ("#[unsafe(no_mangle)] fn a() {}", "unsafe at 1:1"),
    ("#[no_mangle] pub fn a() {}", "no_mangle at 1:1"),
    ("#[export_name = \"a\"] fn a() {}", "export_name at 1:1"),
    ("#[link_section = \"a\"] static A: u8 = 0;", "link_section at 1:1"),
    ("#[link(name = \"a\")] mod a {}", "#[link] at 1:1"),
    ("#![link_args = \"a\"]", "link_args at 1:1"),
    ("#[used] static A: u8 = 0;", "#[used] at 1:1"),
    ("#[target_feature(enable = \"relaxed-simd\")] fn a() {}", "#[target_feature] at 1:1"),
    ("#[link(wasm_import_module = \"a\")] mod a {}", "#[link] at 1:1"),
    ("#![feature(asm)]", "#[feature] at 1:1"),
    ("#![no_std]", "#[no_std] at 1:1"),
    ("#![recursion_limit = \"100000\"]", "#[recursion_limit] at 1:1"),
    ("#![crate_type = \"bin\"]", "#[crate_type] at 1:1"),
    ("#[macro_use] mod a {}", "#[macro_use] at 1:1"),
    // Under another name, from another place, in another spelling.
    ("use core::include_str as x; const A: &str = x!(\"a\");", "include_str! at 1:11"),
    ("use {std::env as e}; const A: &str = e!(\"HOME\");", "env! at 1:11"),
    ("const A: &str = r#include_str!(\"a\");", "include_str! at 1:17"),
    ("const A: &str = std::include_str ! [\"a\"];", "include_str! at 1:22"),
    ("const A: &str = ::core::include_str\n/* comment */!{\"a\"};", "include_str! at 1:25"),
    ("macro_rules! m { () => { include_str!(\"a\") } }", "include_str! at 1:26"),
    (
        "macro_rules! m { ($i:ident) => { $i!(\"a\") } } const A: &str = m!(include_str);",
        "include_str! at 1:66",
    ),
    ("macro_rules! include { () => {} }", "include! at 1:14"),
    (
        "macro_rules! m { ($m:tt $n:ident $b:tt $s:tt) => { $m $n $s } } m!(mod a {} ;);",
        "mod in a macro at 1:68",
    ),
    ("macro_rules! m { () => { mod a; } } m!();", "mod in a macro at 1:26"),
    ("fn a() { println!(\"{}\", { mod a {} 1 }) }", "mod in a macro at 1:27"),
    (
        "macro_rules! m { ($a:meta) => { #[$a] fn a() {} } } m!(path = \"a\");",
        "an attribute without a name at 1:33",
    ),
    (
        "macro_rules! m { ($h:tt $a:tt) => { $h $a fn a() {} } } m!(# [link(name = \"a\")]);",
        "#[link] at 1:60",
    ),
    ("macro_rules! m { ($h:tt x $a:tt) => { $h $a fn a() {} } } m!(# x [cold]);", "# at 1:62"),
    ("macro_rules! m { ($h:tt) => {} } m!(no_mangle);", "no_mangle at 1:37"),
    ("macro_rules! m { ($($t:tt)*) => { $($t)* } } m!(extern \"C\" { fn a(); });", "extern at 1:49"),
    ("#[doc = include_str!(\"/etc/passwd\")] fn a() {}", "include_str! at 1:9"),
    ("#![doc = include_str!(\"/etc/passwd\")]", "include_str! at 1:10"),
    ("#[cfg_attr(encoder, path = \"a.rs\")] mod a {}", "#[path] at 1:21"),
    ("#[cfg_attr(all(), inline, link(name = \"a\"))] fn a() {}", "#[link] at 1:27"),
    ("#[cfg_attr(all(), cfg_attr(all(), unsafe(no_mangle)))] fn a() {}", "unsafe at 1:35"),
    ("fn a() { #[path = \"x\"] let b = 1; }", "#[path] at 1:10"),
    ("#!/usr/bin/env rust\nfn a() {}", "# at 1:1"),
    // Text that hides something, or is none.
    ("fn a() { /* \u{202e} */ }", "character U+202E at 1:13"),
    ("fn a() {}\n\u{2066}", "character U+2066 at 2:1"),
    ("fn a() {}\0", "character U+0000 at 1:10"),
    ("fn a() {", "text that is no Rust at 1:8"),
    ("fn a() { \"b }", "text that is no Rust at 1:10"),
];

/// What is not.
const FINE: &[&str] = &[
    "// include_str!(\"a\"), unsafe, mod a;\nfn a() -> &'static str { \"env!(HOME) #[path]\" }",
    "/// Says include_bytes! and `unsafe`.\nfn a() {}",
    "mod a { pub fn b() {} } use a::b;",
    "#![allow(dead_code)] #[derive(Clone, Default)] pub struct A { #[allow(unused)] used: u8, file: u8, path: u8 }",
    "#[cfg(encoder)] mod a { #[inline(always)] fn b() {} } #[cfg(all(test, not(target_arch = \"wasm32\")))] fn c() {}",
    "#[cfg_attr(target_arch = \"wasm32\", inline(never))] fn a(b: bool) -> bool { !(b) && !{ b } }",
    "macro_rules! m { ($($n:ident: $t:ty),*) => { $(#[inline] fn $n() -> $t { 0 })* } } m!(a: u8, b: u16);",
    "#[rustfmt::skip] const A: [u8; 2] = [0x0f, b'\\'']; const B: &str = r##\"\"#\"##; const C: char = '\"';",
    "fn a<'a>(b: &'a str) -> impl Fn(u8) -> u8 + use<'a> { let _ = b; |c| c }",
    "use std::arch::wasm32::{i16x8_add, v128}; use std::fs; #[repr(u8)] #[non_exhaustive] enum A { #[allow(unused)] B }",
];

#[test]
fn every_construct_that_reaches_outside_is_refused_by_name_and_place() {
    for (source, expected) in REFUSED {
        match check(source) {
            Ok(()) => panic!("not refused: {source}"),
            Err(refusal) => {
                let message = refusal.to_string();
                assert!(message.starts_with(&format!("{expected} is refused: ")), "{source}\n{message}");
            }
        }
    }
}

#[test]
fn what_a_codec_needs_is_not_refused() {
    for source in FINE {
        if let Err(refusal) = check(source) {
            panic!("{source}\n{refusal}");
        }
    }
}

#[test]
fn the_message_says_what_where_and_why() {
    let source = "fn a() {\n    let b = include_bytes!(\"secret\");\n}";
    let message = check(source).unwrap_err().to_string();
    assert_eq!(message, "include_bytes! at 2:13 is refused: a codec may not read files at compile time");
}

#[test]
fn size_and_nesting_are_bounded_before_anything_recursive_sees_the_text() {
    assert!(check(&" ".repeat(MAX_BYTES)).is_ok());
    assert!(check(&" ".repeat(MAX_BYTES + 1)).unwrap_err().to_string().contains("262145 bytes"));
    let nested = |depth: usize| format!("fn a() {}{}", "{".repeat(depth), "}".repeat(depth));
    assert!(check(&nested(MAX_NESTING)).is_ok());
    assert!(check(&nested(MAX_NESTING + 1)).unwrap_err().to_string().contains("128 deep"));
    for bomb in ["(", "[", "{", "/*", "!", "&", "<", "a::", "|", "#[", "'", "\""] {
        // On a small stack, and in time.
        let text = bomb.repeat(MAX_BYTES / bomb.len());
        let check = move || drop(check(&text));
        std::thread::Builder::new().stack_size(256 * 1024).spawn(check).unwrap().join().unwrap();
    }
    let closed = nested(MAX_BYTES / 2 - 8);
    assert!(check(&closed).unwrap_err().to_string().contains("128 deep"));
}

#[test]
fn no_starting_codec_and_no_kit_of_theirs_raises_a_false_alarm() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../codecs");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            check(&source).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
            seen += 1;
        }
    }
    assert!(seen > 0);
}
