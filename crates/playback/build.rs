//! Tells the crate whether the H.264 encoder is built with its assembly: openh264 leaves it out without a word where nasm
//! is missing, and is then half as fast. The same conditions are tested here as there.

use std::env::var_os;
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(h264_assembly)");
    println!("cargo::rerun-if-changed=build.rs");
    for variable in ["OPENH264_NO_ASM", "PATH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let architecture = var_os("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let assembled = match architecture.to_str() {
        // Assembled by the C compiler itself.
        Some("arm" | "aarch64") => true,
        Some("x86" | "x86_64") => var_os("OPENH264_NO_ASM").is_none() && nasm_runs(),
        _ => false,
    };
    if assembled {
        println!("cargo::rustc-cfg=h264_assembly");
    } else {
        println!(
            "cargo::warning=no nasm: H.264 previews are encoded at half speed; install nasm and rebuild openh264-sys2"
        );
    }
}

fn nasm_runs() -> bool {
    Command::new("nasm").arg("-v").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
