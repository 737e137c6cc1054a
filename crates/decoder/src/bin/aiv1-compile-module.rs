//! Both of a compiling child's lives in one program: `confine` confines it, `compile` compiles.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("confine") => aiv1_confine::child_main(),
        Some("compile") => aiv1_decoder::compile_child_main(),
        _ => ExitCode::from(64),
    }
}
