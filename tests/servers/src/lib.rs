//! Servers that speak AWS, started for tests and stopped with them: [`Dynamo`] (dynoxide), [`S3`] (s3s-fs), [`Ministack`]
//! (SQS, SSM, Lambda, API Gateway, and an S3 whose clock can be moved), and a [`FaultProxy`] to put before any of them;
//! and [`Lambda`], a function's own binary under the Lambda Runtime API, with the requests of [`gateway`] to ask it.
//!
//! All are processes of programs that `make setup` installs, pinned, from package registries. dynoxide could run inside the
//! test's process, but it needs another version of the crate that links `SQLite` than the embedded store does, and a binary
//! can link only one.
//!
//! What none of them shows: lifecycle rules taking effect, SSM Run Command; and of IAM only what ministack evaluates: the
//! policies of users, and of a function's role.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test's helper reports by panicking")]

mod fault;
pub mod gateway;
mod lambda;
mod process;
mod servers;
mod time;

pub use fault::{Asked, Fault, FaultProxy, seeded};
pub use lambda::{Lambda, Outcome};
pub use servers::{Dynamo, Ministack, S3};

/// The region that all of them are in.
pub const REGION: &str = "us-east-1";
/// The access key that they accept.
pub const ACCESS_KEY: &str = "test";
/// The secret of [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "test";

/// The SDK's own variables: region, keys, and the endpoint of `service` (`DYNAMODB`, `S3`, …), or of all services for `None`.
#[must_use]
pub fn environment(service: Option<&str>, endpoint: &str) -> Vec<(String, String)> {
    let endpoint_name =
        service.map_or("AWS_ENDPOINT_URL".to_owned(), |name| format!("AWS_ENDPOINT_URL_{name}"));
    let variables = [
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        // Else the SDK looks for a machine's role, which takes seconds where there is none.
        ("AWS_EC2_METADATA_DISABLED", "true"),
        (&endpoint_name, endpoint),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
