//! For programs that visit: the Atom feed, `robots.txt`, the sitemap.

use crate::error::PageError;
use crate::pages::blog::ended;
use crate::pages::experiment::title_of;
use crate::render::Pages;
use crate::text;
use aiv1_model::Summary;
use aiv1_web::Problem;
use atom_syndication::{Category, Entry, Feed, FixedDateTime, Generator, Link, Person, Text};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

/// Experiments of the feed.
const ENTRIES: u32 = 40;
/// Experiments of the sitemap.
const ADDRESSES: u32 = 200;

/// `GET /feed.xml`
pub(crate) async fn atom(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, PageError> {
    pages.answer(&headers, "/feed.xml", "application/atom+xml; charset=utf-8", |_| feed(&pages)).await
}

async fn feed(pages: &Pages) -> Result<Markup, PageError> {
    let ended = ended(&*pages.services.catalog, None, ENTRIES).await?.rows;
    let public_url = &pages.services.site.public_url;
    let link = |rel: &str, path: &str| Link {
        rel: rel.to_owned(),
        href: format!("{public_url}{path}"),
        ..Link::default()
    };
    let latest = ended.iter().map(changed).max().unwrap_or(Timestamp::UNIX_EPOCH);
    let feed = Feed {
        title: Text::plain("AiV1: experiments"),
        subtitle: Some(Text::plain("What an open laboratory for video codecs tried, and what came of it")),
        id: format!("{public_url}/"),
        updated: date(latest)?,
        authors: vec![Person { name: "AiV1".to_owned(), ..Person::default() }],
        generator: Some(Generator {
            value: "AiV1".to_owned(),
            version: Some(pages.services.site.version.clone()),
            uri: None,
        }),
        links: vec![link("self", "/feed.xml"), link("alternate", "/blog")],
        entries: ended.iter().map(|one| entry(one, &link)).collect::<Result<_, PageError>>()?,
        ..Feed::default()
    };
    let bytes = feed.write_to(Vec::new()).map_err(Problem::internal)?;
    // XML made, and escaped, by the feed's own writer.
    Ok(PreEscaped(String::from_utf8(bytes).map_err(Problem::internal)?))
}

/// When it ended, or was retracted since.
fn changed(one: &Summary) -> Timestamp {
    let ended = one.ended_at.unwrap_or(one.submitted_at);
    one.retraction.as_ref().map_or(ended, |retraction| retraction.at.max(ended))
}

fn entry(one: &Summary, link: &impl Fn(&str, &str) -> Link) -> Result<Entry, PageError> {
    let page = link("alternate", &format!("/blog/{}", one.id));
    let summary = match &one.failure {
        Some(failure) => format!("{}: {}", text::fault(failure.fault), text::plain(&failure.message, 400)),
        None => match &one.retraction {
            Some(why) => format!("Retracted by {}: {}", text::name(&why.by), text::plain(&why.reason, 400)),
            None => title_of(one),
        },
    };
    let retracted = one.retraction.is_some().then_some("retracted");
    let terms = std::iter::once(one.status.as_str()).chain(retracted);
    let category = |term: &str| Category { term: term.to_owned(), ..Category::default() };
    Ok(Entry {
        title: Text::plain(xml(&format!("No. {} · {}", one.number, title_of(one)))),
        id: page.href.clone(),
        updated: date(changed(one))?,
        published: Some(date(one.submitted_at)?),
        links: vec![page],
        categories: terms.map(category).collect(),
        summary: Some(Text::plain(xml(&summary))),
        ..Entry::default()
    })
}

/// Text without the characters that XML has no place for; [`text::plain`] has replaced all but these.
fn xml(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn date(at: Timestamp) -> Result<FixedDateTime, Problem> {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00")
        .to_string()
        .parse()
        .map_err(|_| Problem::internal("a time that no feed can name"))
}

/// `GET /robots.txt`
pub(crate) async fn robots(State(pages): State<Pages>) -> Response {
    let public_url = &pages.services.site.public_url;
    let text = format!(
        "User-agent: *\nDisallow: /api/\nDisallow: /partials/\nDisallow: /*?*video=\nDisallow: /*?*bundle=\nDisallow: /compare?\n\nSitemap: {public_url}/sitemap.xml\n"
    );
    (
        [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::CACHE_CONTROL, "public, max-age=3600"),
        ],
        text,
    )
        .into_response()
}

/// `GET /sitemap.xml`
pub(crate) async fn sitemap(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, PageError> {
    pages.answer(&headers, "/sitemap.xml", "application/xml; charset=utf-8", |_| addresses(&pages)).await
}

async fn addresses(pages: &Pages) -> Result<Markup, PageError> {
    let ended = ended(&*pages.services.catalog, None, ADDRESSES).await?.rows;
    let public_url = &pages.services.site.public_url;
    Ok(html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" {
            @for path in ["/", "/blog", "/efficacy", "/lineage", "/codecs", "/clips", "/method", "/journal"] { url { loc { (public_url) (path) } } }
            @for one in &ended {
                url {
                    loc { (public_url) "/blog/" (one.id) }
                    @if let Some(at) = one.ended_at { lastmod { (at.strftime("%Y-%m-%dT%H:%M:%SZ")) } }
                }
            }
        }
    })
}
