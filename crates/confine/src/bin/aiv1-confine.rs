//! The helper on its own: reads a specification from standard input, confines itself, becomes the program.

fn main() -> std::process::ExitCode {
    aiv1_confine::child_main()
}
