//! A function that is invoked with events and panics at some. Run by `tests/runtime.rs`.

use aiv1_lambda::BoxError;
use serde_json::Value;
use std::process::ExitCode;

fn main() -> ExitCode {
    aiv1_lambda::events(|_| {
        Ok(async |event: Value, _| {
            assert_ne!(event, "panic", "on purpose");
            if event == "fail" { Err(BoxError::from("as it was told")) } else { Ok(event) }
        })
    })
}
