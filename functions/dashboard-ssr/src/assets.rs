//! Stylesheet, script, pictures: compiled in, served under names that change with their content.

use crate::error::PageError;
use aiv1_model::Digest;
use aiv1_web::{Freshness, Problem, conditional};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use std::sync::LazyLock;

/// One file.
struct Asset {
    name: &'static str,
    /// The name with a part that changes with the content.
    hashed: String,
    content_type: &'static str,
    content: Bytes,
    digest: String,
}

impl Asset {
    fn new(name: &'static str, content_type: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let digest = Digest::of(&content).to_string();
        let hashed = match name.rsplit_once('.') {
            Some((stem, suffix)) => format!("{stem}.{}.{suffix}", &digest[..10]),
            None => name.to_owned(),
        };
        Self { name, hashed, content_type, content, digest }
    }
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let style = concat!(include_str!("../assets/site.css"), "\n").to_owned() + aiv1_charts::STYLESHEET;
    vec![
        Asset::new("site.css", "text/css; charset=utf-8", style),
        Asset::new("site.js", "text/javascript; charset=utf-8", include_str!("../assets/site.js")),
        Asset::new("favicon.svg", "image/svg+xml", include_str!("../assets/favicon.svg")),
        Asset::new("card.png", "image/png", include_bytes!("../assets/card.png").as_slice()),
    ]
});

/// Where a page finds a file.
pub(crate) fn href(name: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    format!("/assets/{}", asset.map_or(name, |asset| asset.hashed.as_str()))
}

/// `GET /assets/{name}`: for ever under the name with the hash, for an hour under the plain one.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, PageError> {
    let found = ASSETS.iter().find(|asset| asset.hashed == name || asset.name == name);
    let asset = found.ok_or_else(|| Problem::NotFound("there is no such file".to_owned()))?;
    let freshness = if asset.hashed == name { Freshness::Immutable } else { Freshness::Seconds(3600) };
    let content_type = HeaderValue::from_static(asset.content_type);
    Ok(conditional(&headers, &asset.digest, freshness, || {
        ([(header::CONTENT_TYPE, content_type)], asset.content.clone()).into_response()
    }))
}
