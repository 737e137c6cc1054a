//! Records of the earlier system: there only where there are any, claimed and never measured.

use crate::sample;
use crate::site::Site;
use axum::http::StatusCode;
use serde_json::json;

async fn remembering() -> Site {
    let site = Site::empty();
    site.lab.remember(&sample::earlier()).await;
    site
}

#[tokio::test]
async fn dashboard_and_notebook_lead_to_the_records_where_there_are_any() {
    let empty = Site::empty();
    for path in ["/", "/blog"] {
        assert!(empty.page(path).await.all("a[href='/legacy']").is_empty(), "{path}");
    }
    assert!(empty.page("/legacy").await.text(".empty").contains("aiv1 import"));
    let site = remembering().await;
    for path in ["/", "/blog"] {
        let page = site.page(path).await;
        assert_eq!(page.text("a[href='/legacy']"), "Records of the earlier system: 7", "{path}");
        let latest = page.texts(".earlier li");
        assert_eq!(latest.len(), 3, "{path}: {latest:?}");
        assert!(latest[0].contains("exp_iter5_1760806800 never ended"), "{path}: {latest:?}");
        assert!(page.all(".earlier .badge.successful").is_empty(), "{path}");
    }
    let total = site.page("/").await.text("[data-count=total]");
    assert_eq!(total, "0", "they are no experiments");
}

#[tokio::test]
async fn the_list_is_latest_first_and_never_shows_a_rate_without_its_quality() {
    let site = remembering().await;
    let rows = site.page("/legacy").await.texts(".ledger tbody tr");
    let starts: Vec<&str> = rows.iter().map(|row| row.split(' ').next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "exp_iter5_1760806800third",
            "exp_iter4_1760806700third",
            "exp_iter3_1760806591third",
            "simple_cpu_1760758391second",
            "proc_exp_1760710000first",
            "proc_exp_1760684130first",
            "real_exp_1760577415first",
        ]
    );
    assert!(rows[0].contains("never ended not measured"), "{}", rows[0]);
    assert!(rows[0].contains("never ended") && rows[1].contains("Worker timeout"), "{rows:?}");
    assert!(rows[2].contains("554.90 Mbit/s at 22.50 dB PSNR, SSIM 0.7530"), "{}", rows[2]);
    assert!(rows[3].contains("143.7 kbit/s, quality not measured"), "{}", rows[3]);
    // A success of theirs is not dressed as one of ours.
    assert!(site.page("/legacy").await.all(".badge.successful").is_empty());
    for n in 0..40 {
        let item = json!({ "experiment_id": format!("exp_iter1_{n}"), "timestamp": n });
        site.lab.remember(&[item]).await;
    }
    let first = site.page("/legacy").await;
    assert_eq!(first.all(".ledger tbody tr").len(), 30);
    let next = first.attributes("a[rel=next]", "href").remove(0);
    let second = site.page(&next).await;
    assert_eq!(second.all(".ledger tbody tr").len(), 17);
    assert_eq!(second.attributes("a[rel=first]", "href"), ["/legacy"]);
    assert_eq!(site.get("/legacy?cursor=made-up").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_record_shows_what_it_claimed_as_claimed() {
    let site = remembering().await;
    let page = site.page("/blog/proc_exp_1760710000").await;
    assert_eq!(page.text("h1"), "proc_exp_1760710000 claimed 730.0 kbit/s at 19.84 dB PSNR, SSIM 0.6800");
    let hint = &page.texts("#claims + .hint")[0];
    assert!(hint.starts_with("Claimed by the earlier system, not measured by this one."), "{hint}");
    assert!(hint.contains("that it generated anew for each run"), "{hint}");
    let rows = page.texts("tbody tr");
    assert!(rows.contains(&"Source by result not measured".to_owned()), "{rows:?}");
    assert!(
        rows.contains(
            &"Below an HEVC encode that nobody made 92.7 % against a nominal 10.00 Mbit/s".to_owned()
        ),
        "{rows:?}"
    );
    // The badge of theirs, never without its quality.
    assert_eq!(page.text(".badge.note"), "“target achieved”: 730.0 kbit/s at 19.84 dB PSNR, SSIM 0.6800");
    let keys = page.texts(".hashes code");
    assert_eq!(keys, ["reconstructed/proc_exp_1760710000.mp4", "decoders/proc_exp_1760710000_decoder.py"]);
    assert!(
        page.all("main a[href*=amazonaws], video, .hashes a").is_empty(),
        "its files are not served here"
    );
}

#[tokio::test]
async fn a_record_that_measured_nothing_says_so() {
    let site = remembering().await;
    let page = site.page("/blog/exp_iter4_1760806700").await;
    assert_eq!(page.text("h1"), "exp_iter4_1760806700 failed");
    assert_eq!(page.text(".empty"), "It claimed no figure that can stand; what was left out is below.");
    assert_eq!(page.text("div.failure"), "Worker timeout");
    let notes = page.text("section[aria-labelledby=notes] li");
    assert!(notes.contains("written as 0, which stood for not measured"), "{notes}");
    let page = site.page("/blog/simple_cpu_1760758391").await;
    let rows = page.texts("tbody tr");
    assert!(rows.contains(&"PSNR not measured".to_owned()), "{rows:?}");
    assert!(rows.contains(&"Source by result 5.13 ×, written as 80.52 % saved".to_owned()), "{rows:?}");
    let silent = site.page("/blog/exp_iter5_1760806800").await;
    assert_eq!(silent.text(".empty"), "It claimed no figure: nothing was measured.");
    let stale = site.page("/blog/exp_iter5_1760806800").await;
    assert_eq!(stale.text("h1"), "exp_iter5_1760806800 never ended");
    assert!(stale.all("[data-refresh]").is_empty(), "nobody waits for it");
}

#[tokio::test]
async fn an_unknown_record_is_not_found_and_an_unchanged_one_not_sent_again() {
    let site = remembering().await;
    let answer = site.get("/blog/exp_iter6_1760806900").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.body.contains("there is no experiment exp_iter6_1760806900"));
    let path = "/blog/exp_iter3_1760806591";
    let tag = site.get(path).await.header("etag").to_owned();
    let again = site.ask(axum::http::Method::GET, path, &[("if-none-match", &tag)]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn addresses_of_the_earlier_system_lead_to_what_took_their_place() {
    let site = remembering().await;
    for (path, location) in [
        ("/dashboard", "/"),
        ("/index.html", "/"),
        ("/blog.html", "/blog"),
        ("/dashboard?type=experiments", "/api/experiments"),
        ("/dashboard?type=experiment&id=exp_iter3_1760806591", "/api/legacy/exp_iter3_1760806591"),
        ("/dashboard?type=experiment&id=exp_0123456789abcdef", "/api/experiments/exp_0123456789abcdef"),
        ("/dashboard?type=costs", "/"),
    ] {
        let answer = site.get(path).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (StatusCode::PERMANENT_REDIRECT, location),
            "{path}"
        );
    }
    let wrong = site.get("/dashboard?type=experiment&id=//evil.example").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn hostile_text_of_a_record_stays_text() {
    let site = Site::empty();
    let evil =
        format!("<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}e{}", "x".repeat(9000));
    let item = json!({
        "experiment_id": "exp_iter1_1", "timestamp": 1, "status": format!("{evil}\u{1b}[2J"), "phase": evil,
        "error": evil, "hypothesis": evil, "llm_reasoning": evil, "approach": evil, "improvement": evil,
        "target_achieved": true, "achievement_tier": evil,
        "metrics": { "bitrate_mbps": 0.1, "psnr_db": 3.0, "ssim": evil },
        "video_url": "https://b.s3.amazonaws.com/<img src=x onerror=alert(3)>\u{202e}.mp4",
    });
    site.lab.remember(&[item]).await;
    for path in ["/legacy", "/blog/exp_iter1_1"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.body.contains("<script>") && !answer.body.contains("<img"), "{path}");
        assert!(!answer.body.contains(['\u{202e}', '\u{1b}']), "{path}");
        assert!(answer.document().all("[onerror], script:not([src])").is_empty(), "{path}");
    }
    let page = site.page("/blog/exp_iter1_1").await;
    assert!(page.texts(".rationale")[0].starts_with("<script>"), "it is shown, as text");
    assert!(page.text(".badge.note").ends_with("at 3.00 dB PSNR"));
}
