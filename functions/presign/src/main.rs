//! Durable links as a Lambda.

use aiv1_lambda::Access;
use std::process::ExitCode;

fn main() -> ExitCode {
    aiv1_lambda::http(Access::Tokens, aiv1_presign::router)
}
