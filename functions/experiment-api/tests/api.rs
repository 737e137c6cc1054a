//! The REST API against the embedded store: every route, what it refuses, and the document it is held to.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

#[path = "../../presign/tests/support/mod.rs"]
mod support;

mod api {
    mod audits;
    mod canaries;
    mod document;
    mod everyone;
    mod operators;
    mod submit;
    mod work;
}

use axum::Router;
use support::Site;

/// A site with all REST routes.
async fn open() -> Site {
    Site::open(|services| {
        let links = aiv1_presign::router(services.clone());
        Router::new().merge(aiv1_experiment_api::router(services.clone())).merge(links)
    })
    .await
}
