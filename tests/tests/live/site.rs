//! The site in a real browser: it fills by itself, shows it without a reload, plays what was rebuilt, and neither the
//! console nor axe has anything to say.

use crate::{small_clip, small_lab};
use aiv1_tests::browser::Chromium;
use aiv1_tests::cache;
use aiv1_tests::live::LiveLab;
use std::fs;

/// Widths of a phone, a laptop and a wide screen, in CSS pixels.
const SIZES: [(u32, u32); 3] = [(360, 740), (1280, 800), (1920, 1080)];

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_fills_by_itself_and_every_page_of_it_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let clip = small_clip(folder.path());
    let lab = LiveLab::start(&folder.path().join("lab"), small_lab(&clip, &["--experiments", "6"]));
    let browser = Chromium::start(&folder.path().join("profile")).await;

    // The page is opened before anything has ended: what follows shows up without a reload.
    let tab = browser.open(&lab.url, SIZES[1], false).await;
    tab.value("window.neverReloaded = true").await;
    tab.until("Number(document.querySelector('[data-count=successful]').textContent) >= 2").await;
    assert_eq!(tab.value("window.neverReloaded === true").await, true, "the page was reloaded");

    let counts = lab.until("/api/experiments", |counts| counts["successful"] == 6).await;
    assert_eq!(counts["failed"], 0, "{counts:#}");
    let listed = counts["experiments"].as_array().unwrap();
    assert!(listed.iter().any(|one| one["arm"] == "search"), "{counts:#}");
    let id = listed[0]["id"].as_str().unwrap();

    let axe = fs::read_to_string(cache().join("tools/axe-core-4.11.0.js"));
    let axe = axe.expect("`make setup` fetches the accessibility checker");
    let pages = [
        "/".to_owned(),
        "/?tab=failed".to_owned(),
        "/blog".to_owned(),
        format!("/blog/{id}"),
        format!("/compare?ids={id},{}", listed[1]["id"].as_str().unwrap()),
        "/method".to_owned(),
        "/efficacy".to_owned(),
        "/lineage".to_owned(),
        "/journal".to_owned(),
        "/clips".to_owned(),
        "/no/such/page".to_owned(),
    ];
    for (size, dark) in SIZES.into_iter().flat_map(|size| [(size, false), (size, true)]) {
        for page in &pages {
            let tab = browser.open(&lab.at(page), size, dark).await;
            let found = tab.axe(&axe).await;
            assert!(found.is_empty(), "{page} at {size:?}, dark: {dark}: {found:#?}");
            let wide = tab.value("document.documentElement.scrollWidth > innerWidth").await;
            assert_eq!(wide, false, "{page} scrolls sideways at {size:?}");
            let mut complaints = tab.complaints();
            complaints.retain(|complaint| !(page == "/no/such/page" && complaint.contains("404")));
            assert!(complaints.is_empty(), "{page} at {size:?}: {complaints:#?}");
        }
    }
    browser.stop().await;
    let (status, said) = lab.stop();
    assert!(status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_expired_is_rebuilt_while_the_visitor_watches() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, data) = (small_clip(folder.path()), folder.path().join("lab"));
    let lab = LiveLab::start(&data, small_lab(&clip, &["--experiments", "1"]));
    let counts = lab.until("/api/experiments", |counts| counts["successful"] == 1).await;
    let id = counts["experiments"][0]["id"].as_str().unwrap().to_owned();
    let browser = Chromium::start(&folder.path().join("profile")).await;

    let plays = "(() => { const video = document.querySelector('video'); \
                 return video !== null && video.ended && video.videoWidth === 96; })()";
    for round in ["first", "after it expired"] {
        let tab = browser.open(&lab.at(&format!("/blog/{id}")), SIZES[1], false).await;
        tab.click("button[name=video]").await;
        tab.until(
            "document.querySelector('video') !== null && document.querySelector('video').readyState > 0",
        )
        .await;
        tab.value("document.querySelector('video').play().then(() => true)").await;
        tab.until(plays).await;
        assert!(tab.complaints().is_empty(), "{round}: {:#?}", tab.complaints());
        // What its lifecycle does: the object goes, the stream stays.
        let expired = data.join("blobs/reconstructed");
        assert!(expired.is_dir(), "{round}: nothing was rebuilt into {}", expired.display());
        fs::remove_dir_all(&expired).unwrap();
    }
    browser.stop().await;
}
