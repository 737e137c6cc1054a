//! The REST API: experiments for everyone, work for workers.
//!
//! Decisions: a handler extracts, calls one verb of a service module and answers; reads carry an `ETag` made of the
//! catalog's revision, so that an unchanged answer costs one indexed read; writes need a token, checked before the body is
//! read; what a worker publishes is believed only as far as its objects are there, its record answers what was asked, and
//! the figures in it follow from its own measurements. The document at `/api/openapi.json` is generated from these routes and those of `aiv1-presign`.

mod answers;
mod audit;
mod catalog;
mod claim;
mod compare;
mod document;
mod experiments;
mod figures;
mod idempotency;
mod journal;
mod legacy;
mod operate;
mod points;
mod publish;
mod report;
mod routes;
mod standards;
mod submit;
mod texts;

use aiv1_web::{Answers, Services};
use axum::Extension;

pub use answers::{Certified, CompareAnswer, Compared, LegacyList, LoopAnswer, Pair};
pub use document::document;
pub use routes::api;
pub use standards::BAR_MARGIN;

/// The routes, ready to be mounted; every other path below `/api` is a 404 problem.
pub fn router(services: Services) -> axum::Router {
    use axum::routing::any;
    let router = axum::Router::from(api())
        .route("/api", any(aiv1_web::no_such_path))
        .route("/api/", any(aiv1_web::no_such_path))
        .route("/api/{*path}", any(aiv1_web::no_such_path));
    let answers = Answers::new(&services);
    aiv1_web::rest(router).layer(Extension(answers)).with_state(services)
}
