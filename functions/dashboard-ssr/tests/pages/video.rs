//! The preview without JavaScript, and the picture of a rate point's frames.

use crate::site::Site;
use aiv1_store::Rebuild;
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;

#[tokio::test]
async fn a_preview_is_asked_for_once_shown_underway_and_then_played() {
    let (site, ids) = Site::furnished().await;
    let plain = site.page(&format!("/blog/{}", ids.best)).await;
    assert!(plain.all("video, [data-screen] *").is_empty());
    let clip = plain.attributes("#look option[selected]", "value")[0].clone();
    let path = format!("/blog/{}?clip={clip}&q=24&video=1", ids.best);
    let target =
        Rebuild::Video { experiment: ids.best.clone(), clip: clip.parse().unwrap(), quality_index: 24 };
    for _ in 0..2 {
        let answer = site.get(&path).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let page = answer.document();
        assert!(page.text("[data-screen]").contains("is being rebuilt from the stored stream"));
        assert!(answer.body.contains("<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>"));
    }
    let catalog = &site.lab.catalog;
    let claim = catalog.claim_rebuild(SignedDuration::from_mins(10)).await.unwrap().unwrap();
    assert_eq!(claim.target, target);
    assert!(
        catalog.claim_rebuild(SignedDuration::from_mins(10)).await.unwrap().is_none(),
        "one job however many ask"
    );
    catalog.end_rebuild(&claim, &Err("frame 3 <b>differs</b>".to_owned())).await.unwrap();
    let failed = site.page(&path).await;
    assert!(failed.text("[data-screen] .failed").ends_with("could not be rebuilt: frame 3 <b>differs</b>"));
    let again = failed.attributes("[data-screen] a", "href")[0].clone();
    assert!(site.page(&again).await.text("[data-screen]").contains("is being rebuilt"));
    site.lab.blobs.put(&target.key(), "a video".into()).await.unwrap();
    let there = site.page(&path).await;
    let source = format!("/api/experiments/{}/video?clip={clip}&q=24", ids.best);
    assert_eq!(there.attributes("video", "src"), [source]);
    assert!(there.text("[data-screen]").contains("The measured object is the stream, not this video."));
    site.lab.clock.advance(SignedDuration::from_hours(24 * 8));
    assert!(site.page(&path).await.all("video").is_empty(), "an expired preview is rebuilt again");
}

#[tokio::test]
async fn a_bundle_is_packed_first_and_then_offered() {
    let (site, ids) = Site::furnished().await;
    let plain = site.page(&format!("/blog/{}", ids.best)).await;
    let link = plain.attributes("#files a[data-bundle]", "href")[0].replace("#files", "");
    assert_eq!(plain.text("[data-packing]"), "");
    let answer = site.get(&link).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.body.contains("<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>"));
    assert!(answer.document().text("[data-packing]").starts_with("It is being packed."));
    let target = Rebuild::Bundle { experiment: ids.best.clone() };
    site.lab.blobs.put(&target.key(), "an archive".into()).await.unwrap();
    let there = site.page(&link).await;
    let download = format!("/api/experiments/{}/bundle", ids.best);
    assert_eq!(there.attributes("[data-packing] a[download]", "href"), [download]);
}

#[tokio::test]
async fn frames_are_drawn_from_the_stored_record_and_kept_for_ever() {
    let (site, ids) = Site::furnished().await;
    let page = site.page(&format!("/blog/{}?q=40", ids.best)).await;
    let source = page.attributes("#look img", "src")[0].clone();
    assert!(source.contains("q=40"));
    let answer = site.get(&source).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "image/svg+xml"));
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(answer.header("content-security-policy"), "default-src 'none'; style-src 'unsafe-inline'");
    assert!(answer.body.contains("120 frames") && answer.body.contains("prefers-color-scheme"));
    let again = site.ask(Method::GET, &source, &[("if-none-match", answer.header("etag"))]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let other = source.replace("q=40", "q=63");
    assert_eq!(site.get(&other).await.status, StatusCode::NOT_FOUND);
}
