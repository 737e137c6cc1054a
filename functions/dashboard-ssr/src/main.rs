//! The pages as a Lambda.

use aiv1_lambda::Access;
use std::process::ExitCode;

fn main() -> ExitCode {
    aiv1_lambda::http(Access::Public, aiv1_dashboard_ssr::router)
}
