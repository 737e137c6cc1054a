//! Every link leads somewhere, nothing comes from elsewhere, nothing needs what the policy forbids.

use crate::site::{Document, PUBLIC_URL, Site};
use axum::http::StatusCode;
use std::collections::{BTreeSet, VecDeque};

/// Largest page without video.
const MOST_BYTES: usize = 100_000;

/// Walks every page that can be reached, and looks at each.
#[tokio::test]
async fn every_link_of_every_page_leads_somewhere() {
    let (site, ids) = Site::furnished().await;
    let mut waiting: VecDeque<String> = ["/", "/compare"].map(ToOwned::to_owned).into();
    waiting.push_back(format!("/compare?ids={},{}", ids.best, ids.random));
    let mut known: BTreeSet<String> = waiting.iter().cloned().collect();
    let mut fragments: Vec<(String, String, String)> = Vec::new();
    while let Some(path) = waiting.pop_front() {
        let answer = site.get(&path).await;
        let found = answer.status == StatusCode::OK || answer.status == StatusCode::PERMANENT_REDIRECT;
        assert!(found, "{path}: {}", answer.status);
        if !answer.header("content-type").starts_with("text/html") {
            continue;
        }
        assert!(answer.body.len() <= MOST_BYTES, "{path} has {} bytes", answer.body.len());
        let page = answer.document();
        looks_right(&path, &page);
        let addresses = [
            ("a[href]", "href"),
            ("link[href]", "href"),
            ("script[src]", "src"),
            ("img[src]", "src"),
            ("[data-refresh]", "data-refresh"),
        ];
        for address in addresses.iter().flat_map(|(selector, name)| page.attributes(selector, name)) {
            let local = address.strip_prefix(PUBLIC_URL).unwrap_or(&address).to_owned();
            let (target, fragment) = local.split_once('#').unwrap_or((&local, ""));
            let target = if target.is_empty() { path.as_str() } else { target };
            assert!(target.starts_with('/') && !target.starts_with("//"), "{path} leads away: {address}");
            if !fragment.is_empty() {
                fragments.push((path.clone(), target.to_owned(), fragment.to_owned()));
            }
            // Other functions answer these; their own tests hold them.
            if !target.starts_with("/api/") && known.insert(target.to_owned()) {
                waiting.push_back(target.to_owned());
            }
        }
    }
    for (path, target, fragment) in fragments {
        let there = site.page(&target).await.all(&format!("[id='{fragment}']")).len();
        assert_eq!(there, 1, "{path} leads to {target}#{fragment}");
    }
    assert!(known.len() > 30, "{known:#?}");
}

/// What holds for every page: the policy, the outline, the names of things.
fn looks_right(path: &str, page: &Document) {
    let forbidden = "[style], style, script:not([src]), [onclick], [onload], iframe, object";
    assert!(page.all(forbidden).is_empty(), "{path} needs what the policy forbids");
    if page.all("main").is_empty() {
        return;
    }
    let once =
        ["head > title", "meta[name=description]", "header.masthead", "main#main", "footer", "a.skip", "h1"];
    for selector in once {
        assert_eq!(page.all(selector).len(), 1, "{path}: {selector}");
    }
    let mut ids = page.attributes("[id]", "id");
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "{path} gives an id twice");
    let tables = page.all("main table").len();
    assert_eq!(page.all("main table > caption").len(), tables, "{path} has a table without a caption");
    for image in page.all("img") {
        assert!(image.attr("alt").is_some_and(|text| !text.is_empty()), "{path}");
    }
    let headings = page.all("main h1, main h2, main h3");
    let levels: Vec<u8> = headings.iter().map(|heading| heading.value().name().as_bytes()[1]).collect();
    for pair in levels.windows(2) {
        assert!(pair[1] <= pair[0] + 1, "{path} skips a level of headings");
    }
}

#[tokio::test]
async fn the_feed_reads_as_a_feed() {
    let (site, ids) = Site::furnished().await;
    let answer = site.get("/feed.xml").await;
    assert_eq!(answer.header("content-type"), "application/atom+xml; charset=utf-8");
    let feed: atom_syndication::Feed = answer.body.parse().unwrap();
    let links: Vec<&str> = feed.entries().iter().map(|entry| entry.links()[0].href()).collect();
    assert_eq!(
        links,
        [&ids.failed, &ids.best, &ids.random, &ids.first].map(|id| format!("{PUBLIC_URL}/blog/{id}"))
    );
    let title = "No. 3 · transform: 14.9\u{a0}% fewer bits than svt-av1-8 at equal PSNR-Y";
    assert_eq!(feed.entries()[1].title().as_str(), title);
    assert!(
        feed.entries()[0].summary().unwrap().as_str().starts_with("The codec’s own fault: `encode` trapped")
    );
    let robots = site.get("/robots.txt").await.body;
    assert!(
        robots.contains("Disallow: /api/") && robots.contains(&format!("Sitemap: {PUBLIC_URL}/sitemap.xml"))
    );
    let map = site.get("/sitemap.xml").await.body;
    assert!(map.contains(&format!("<loc>{PUBLIC_URL}/blog/{}</loc>", ids.best)));
    assert!(!map.contains(ids.queued.as_str()));
}

#[tokio::test]
async fn cards_and_canonical_addresses_name_the_public_site() {
    let (site, ids) = Site::furnished().await;
    let page = site.page(&format!("/blog/{}", ids.best)).await;
    let url = format!("{PUBLIC_URL}/blog/{}", ids.best);
    assert_eq!(page.attributes("link[rel=canonical]", "href"), [url.as_str()]);
    assert_eq!(page.attributes("meta[property='og:url']", "content"), [url]);
    let card = format!("{PUBLIC_URL}/assets/card.png");
    assert_eq!(page.attributes("meta[property='og:image']", "content"), [card]);
    assert_eq!(page.attributes("meta[property='og:type']", "content"), ["article"]);
}
