//! What did not change is not sent again; what did is seen at once.

use crate::site::Site;
use aiv1_model::Arm;
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;

#[tokio::test]
async fn an_unchanged_page_is_304_and_a_change_shows_at_once() {
    let (site, ids) = Site::furnished().await;
    for path in [
        "/".to_owned(),
        "/?tab=in_progress".to_owned(),
        "/blog".to_owned(),
        format!("/blog/{}", ids.best),
        "/compare".to_owned(),
        "/clips".to_owned(),
        "/efficacy".to_owned(),
        "/lineage".to_owned(),
        "/journal".to_owned(),
        "/codecs".to_owned(),
        "/method".to_owned(),
        "/feed.xml".to_owned(),
        "/sitemap.xml".to_owned(),
        "/partials/live?tab=in_progress".to_owned(),
        format!("/partials/live?id={}", ids.running),
    ] {
        let first = site.get(&path).await;
        assert_eq!(first.header("cache-control"), "public, max-age=3, must-revalidate", "{path}");
        let again = site.ask(Method::GET, &path, &[("if-none-match", first.header("etag"))]).await;
        assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
        assert_eq!(site.get(&path).await.body, first.body, "{path}");
    }
    let before = site.get("/").await;
    site.lab.submit(Arm::Search, 2.2, "").await;
    let after = site.ask(Method::GET, "/", &[("if-none-match", before.header("etag"))]).await;
    assert_eq!(after.status, StatusCode::OK);
    assert_eq!(after.document().texts(".tally .count")[2], "2");
}

#[tokio::test]
async fn a_page_is_the_same_one_whatever_it_does_not_read_is_added_to_its_address() {
    let (site, ids) = Site::furnished().await;
    let tag = async |path: &str| site.get(path).await.header("etag").to_owned();
    let (best, other) = (format!("/blog/{}", ids.best), format!("/blog/{}?q=x&y", ids.running));
    for path in [
        "/",
        "/blog",
        "/efficacy",
        "/lineage",
        "/journal",
        "/clips",
        "/codecs",
        "/method",
        "/compare",
        best.as_str(),
    ] {
        assert_eq!(tag(path).await, tag(&format!("{path}?x=1")).await, "{path}");
    }
    assert_eq!(tag("/?tab=failed").await, tag("/?x&%74ab=failed&cursor=").await);
    let pages = ["/", "/?tab=failed", "/?tab=failed&sort=best&arm=search", "/clips"];
    for (index, path) in pages.iter().enumerate() {
        for other in &pages[index + 1..] {
            assert_ne!(tag(path).await, tag(other).await, "{path} {other}");
        }
    }
    assert_eq!(site.get(&other).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_worker_that_falls_silent_is_seen_to_without_any_change_in_the_catalog() {
    let (site, _) = Site::furnished().await;
    assert!(!site.page("/").await.text("#workers ~ .wide tbody").contains("silent"));
    site.lab.clock.advance(SignedDuration::from_mins(10));
    assert!(site.page("/").await.text("#workers ~ .wide tbody").contains("silent since"));
}

#[tokio::test]
async fn the_script_s_question_is_answered_with_what_moves_and_nothing_else() {
    let (site, ids) = Site::furnished().await;
    let shown = site.page("/?tab=in_progress").await;
    let address = shown.attributes("[data-refresh]", "data-refresh")[0].clone();
    assert_eq!(address, "/partials/live?tab=in_progress");
    let part = site.page(&address).await;
    assert_eq!(part.texts("[data-count]"), ["3", "1", "1", "1", "0", "6"]);
    assert_eq!(part.attributes("[data-ended]", "data-ended"), shown.attributes("[data-ended]", "data-ended"));
    assert_eq!(part.text("[data-live=list] .progress"), "Execution 50 %");
    assert!(part.all("nav, h1, script, svg.chart").is_empty());
    assert!(site.page("/partials/live").await.all("[data-live=list]").is_empty(), "what ended stands still");
    let one = site.page(&format!("/partials/live?id={}", ids.running)).await;
    assert_eq!(one.attributes("[data-ended]", "data-ended"), ["0"]);
    assert_eq!(one.text("[data-live=state] .progress"), "Execution 50 %");
    let ended = site.page(&format!("/partials/live?id={}", ids.best)).await;
    assert_eq!(ended.attributes("[data-ended]", "data-ended"), ["1"]);
}

#[tokio::test]
async fn files_are_kept_for_ever_under_the_name_with_their_hash() {
    let site = Site::empty();
    let page = site.page("/").await;
    let style = page.attributes("link[rel=stylesheet]", "href")[0].clone();
    let script = page.attributes("script", "src")[0].clone();
    for (path, content_type) in
        [(style, "text/css; charset=utf-8"), (script, "text/javascript; charset=utf-8")]
    {
        let answer = site.get(&path).await;
        assert_eq!(answer.header("content-type"), content_type);
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    }
    let card = site.get("/assets/card.png").await;
    assert_eq!((card.status, card.header("content-type")), (StatusCode::OK, "image/png"));
    let style = include_str!("../../assets/site.css").len() + aiv1_charts::STYLESHEET.len();
    assert!(style < 20_000, "the stylesheet has {style} bytes");
    assert!(include_str!("../../assets/site.js").len() < 8_000);
    assert!(include_bytes!("../../assets/card.png").len() < 40_000);
}

#[tokio::test]
async fn a_page_that_was_never_made_costs_four_reads_an_unchanged_one_a_single_one() {
    let (site, ids) = Site::furnished().await;
    let best = format!("/blog/{}", ids.best);
    for path in ["/", "/?tab=failed", "/?tab=in_progress", "/blog", &best, "/codecs", "/clips", "/feed.xml"] {
        // A change makes worthless what was made before.
        site.lab.submit(Arm::Search, 3.0, path).await;
        site.lab.clock.advance(SignedDuration::from_secs(30));
        let before = site.lab.store.reads();
        let first = site.get(path).await;
        let made = site.lab.store.reads() - before;
        assert!((2..=4).contains(&made), "{path} was made with {made} reads");
        site.get(path).await;
        site.ask(Method::HEAD, path, &[]).await;
        site.ask(Method::GET, path, &[("if-none-match", first.header("etag"))]).await;
        assert_eq!(site.lab.store.reads() - before, made + 3, "{path}: its revision, three times");
    }
}
