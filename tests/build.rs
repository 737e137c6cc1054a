//! The benchmark compiles a codec's source natively, both halves at once.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(encoder)");
    println!("cargo:rustc-check-cfg=cfg(decoder)");
    println!("cargo:rustc-cfg=encoder");
    println!("cargo:rustc-cfg=decoder");
}
