//! What deploys, held to the code, and deployed: run by `make deploy-check`.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

mod cloud;
mod files;
mod functions;
mod held;
mod routes;
mod template;
mod walk;
