//! Which address leads to which page.

use crate::render::Pages;
use crate::{assets, error, feed, live, pages};
use aiv1_web::Services;
use axum::Router;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::get;

/// All pages.
pub fn router(services: Services) -> Router {
    let site = services.site.clone();
    Router::new()
        .route("/", get(pages::dashboard::page))
        .route("/dashboard", get(pages::legacy::dashboard))
        .route("/index.html", get(async || Redirect::permanent("/")))
        .route("/legacy", get(pages::legacy::page))
        .route("/blog", get(pages::blog::page))
        .route("/blog.html", get(async || Redirect::permanent("/blog")))
        .route("/blog/{id}", get(pages::experiment::page))
        .route("/blog/{id}/frames.svg", get(pages::frames::image))
        .route("/compare", get(pages::compare::page))
        .route("/efficacy", get(pages::efficacy::page))
        .route("/lineage", get(pages::lineage::page))
        .route("/journal", get(pages::journal::page))
        .route("/method", get(pages::method::page))
        .route("/clips", get(pages::clips::page))
        .route("/workers", get(pages::workers::page))
        .route("/codecs", get(pages::codecs::list))
        .route("/codecs/{hash}", get(pages::codecs::page))
        .route("/partials/live", get(live::partial))
        .route("/feed.xml", get(feed::atom))
        .route("/robots.txt", get(feed::robots))
        .route("/sitemap.xml", get(feed::sitemap))
        .route("/assets/{name}", get(assets::asset))
        .route("/favicon.ico", get(async || Redirect::permanent("/assets/favicon.svg")))
        .method_not_allowed_fallback(error::no_method)
        .fallback(error::nowhere)
        .layer(middleware::from_fn_with_state(site, error::explained))
        .with_state(Pages::new(services))
}
