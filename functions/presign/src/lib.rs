//! Durable addresses in, fresh signed links out: videos, decoders, streams, sources, bundles; and upload links for
//! workers.
//!
//! Decisions: a link is never stored, it is made for the one who asks and lives [`LIFETIME`]; the address that people keep
//! is ours and answers with `302`, `no-store`, or with JSON to who asks for it. What has expired is asked to be made again,
//! one job however many ask, and the answer is `202` until it is there. A worker may put only what its bundle's manifest
//! names, at the key that the digest gives.

mod answer;
mod artefacts;
mod bundle;
mod paths;
mod rebuilds;
mod uploads;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::transform::TransformOperation;
use aiv1_model::api::{LinkAnswer, UploadsAnswer};
use aiv1_web::{Json, Services};
use jiff::SignedDuration;

pub use answer::RebuildAnswer;
pub use bundle::read_manifest;
pub use paths::{ClipPath, ExperimentPath, FilePath, StreamPath, VideoQuery};

/// How long a link holds.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(30);

/// The routes, ready to be mounted.
pub fn router(services: Services) -> axum::Router {
    aiv1_web::rest(axum::Router::from(api())).with_state(services)
}

/// The routes with their documentation.
pub fn api() -> ApiRouter<Services> {
    ApiRouter::new()
        .api_route(
            "/api/experiments/{id}/video",
            get_with(rebuilds::get_video, |it| made(it, "getVideo", "The preview of one stream"))
                .post_with(rebuilds::post_video, |it| {
                    asked(it, "makeVideo", "Asks for the preview to be made again")
                }),
        )
        .api_route(
            "/api/experiments/{id}/bundle",
            get_with(rebuilds::get_bundle, |it| made(it, "getBundle", "The whole bundle as one .tar"))
                .post_with(rebuilds::post_bundle, |it| {
                    asked(it, "makeBundle", "Asks for the archive to be made again")
                }),
        )
        .api_route(
            "/api/experiments/{id}/decoder",
            get_with(artefacts::decoder, |it| kept(it, "getDecoder", "The decoder, as WebAssembly")),
        )
        .api_route(
            "/api/experiments/{id}/source",
            get_with(artefacts::source, |it| kept(it, "getSource", "The codec's source")),
        )
        .api_route(
            "/api/experiments/{id}/record",
            get_with(artefacts::record, |it| kept(it, "getRecord", "The record with its per-frame series")),
        )
        .api_route(
            "/api/experiments/{id}/manifest",
            get_with(artefacts::manifest, |it| {
                kept(it, "getManifest", "Every file of the bundle, with size and digest")
            }),
        )
        .api_route(
            "/api/experiments/{id}/streams/{clip}/{q}",
            get_with(artefacts::stream, |it| kept(it, "getStream", "One measured stream")),
        )
        .api_route(
            "/api/experiments/{id}/files/{*path}",
            get_with(artefacts::file, |it| {
                kept(it, "getFile", "One file of the bundle, by its path in the manifest")
            }),
        )
        .api_route(
            "/api/clips/{id}/file",
            get_with(artefacts::clip, |it| kept(it, "getClipFile", "A clip's file")),
        )
        .api_route(
            "/api/work/{id}/uploads",
            post_with(uploads::post_uploads, |it| {
                it.id("askForUploads")
                    .summary("Links to put the files of a bundle with")
                    .description("Answers only what is not stored yet.")
                    .tag("work")
                    .response::<200, Json<UploadsAnswer>>()
            }),
        )
}

fn kept<'t>(it: TransformOperation<'t>, id: &str, summary: &str) -> TransformOperation<'t> {
    it.id(id)
        .summary(summary)
        .tag("artefacts")
        .response_with::<302, (), _>(|it| it.description("A fresh link in Location; it holds for 30 minutes"))
        .response_with::<200, Json<LinkAnswer>, _>(|it| {
            it.description("The same, with Accept: application/json")
        })
}

fn made<'t>(it: TransformOperation<'t>, id: &str, summary: &str) -> TransformOperation<'t> {
    kept(it, id, summary)
        .description(
            "Made from what is kept for ever, and expires; what has expired is made again when asked for.",
        )
        .response_with::<202, Json<RebuildAnswer>, _>(|it| {
            it.description("It is being made: ask again after Retry-After seconds")
        })
}

fn asked<'t>(it: TransformOperation<'t>, id: &str, summary: &str) -> TransformOperation<'t> {
    it.id(id)
        .summary(summary)
        .description("Many asks, one job; also after it could not be made.")
        .tag("artefacts")
        .response_with::<200, Json<RebuildAnswer>, _>(|it| it.description("It is there"))
        .response_with::<202, Json<RebuildAnswer>, _>(|it| it.description("It is being made"))
}
