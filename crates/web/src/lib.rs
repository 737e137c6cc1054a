//! What the functions share at their edge: the services they are given, errors, conditional answers, tokens, headers.
//!
//! A function's library gives `router(Services) -> axum::Router`; whoever mounts it (a Lambda's `main`, `aiv1 up`)
//! wraps it once in [`edge`], which adds request ids, one log line a request, panics as 500, bounds and security headers.
//!
//! Decisions: errors are RFC 9457 problem documents ([`Problem`]); a 500 says only its request id, the log has the
//! chain; `ETag`s come from the catalog's revision, so that an unchanged page costs one indexed read.

mod answers;
mod api;
mod conditional;
mod edge;
mod extract;
mod health;
mod problem;
mod services;
mod tokens;

pub use answers::{Answers, Kind, Version, prefers_gzip};
pub use api::{no_such_path, rest};
pub use conditional::{Freshness, conditional, conditional_json, conditional_on};
pub use edge::{CONTENT_SECURITY_POLICY, MAX_BODY_BYTES, MAX_JSON_BYTES, RequestId, edge};
pub use extract::{Json, Path, Query, blank_is_absent, blank_or_number};
pub use health::health;
pub use problem::{Problem, ProblemDocument};
pub use services::{Defaults, Services, Site};
pub use tokens::{
    Administers, Allowed, Authorized, NeedsScope, SECURITY_SCHEME, Scope, Submits, Tokens, Works,
};
