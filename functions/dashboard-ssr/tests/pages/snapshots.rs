//! One snapshot a page: its outline as text, ids and digests redacted, nothing else.

use crate::site::{Document, Site, text_of};

/// Headings, leads, tables' heads and the first row of each, in order.
fn outline(page: &Document) -> String {
    let parts = "head > title, main h1, main h2, main h3, main .lead, main .headline, main .against, main .empty, \
        main thead, main tbody tr:first-child, main figcaption, main summary, main .state p, main .badge";
    let line = |element: scraper::ElementRef<'_>| {
        format!("{}: {}", element.value().name(), redacted(&text_of(element)))
    };
    page.all(parts).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Ids and digests stand for whatever they are: they change with any default.
fn redacted(text: &str) -> String {
    let redact = |word: &str| {
        let core = word.trim_end_matches(['…', '.', ',']);
        let hex = core.len() >= 12 && core.bytes().all(|byte| byte.is_ascii_hexdigit());
        match core.strip_prefix("exp_") {
            Some(rest) if matches!(rest.len(), 8 | 16) => "[id]".to_owned(),
            _ if hex => "[digest]".to_owned(),
            _ => word.to_owned(),
        }
    };
    text.split(' ').map(redact).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_outline_of_each_page_is_as_it_was() {
    let (site, ids) = Site::furnished().await;
    let codec = site.page("/codecs").await.attributes("main tbody a", "href")[0].clone();
    for (name, path) in [
        ("dashboard", "/".to_owned()),
        ("blog", "/blog".to_owned()),
        ("experiment", format!("/blog/{}", ids.best)),
        ("failed", format!("/blog/{}", ids.failed)),
        ("running", format!("/blog/{}", ids.running)),
        ("compare", format!("/compare?ids={},{}", ids.best, ids.first)),
        ("efficacy", "/efficacy".to_owned()),
        ("lineage", "/lineage".to_owned()),
        ("journal", "/journal".to_owned()),
        ("codec", codec),
        ("codecs", "/codecs".to_owned()),
        ("clips", "/clips".to_owned()),
        ("method", "/method".to_owned()),
    ] {
        insta::assert_snapshot!(name, outline(&site.page(&path).await));
    }
}
