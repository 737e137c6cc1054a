//! Wrong questions: a page that says what is wrong and helps on.

use crate::site::Site;
use aiv1_model::{BundleRef, Digest, Status};
use aiv1_store::contract::fixtures;
use aiv1_store::{BlobKey, Ended, ObjectKind};
use axum::http::{Method, StatusCode};

#[tokio::test]
async fn an_address_that_leads_nowhere_is_404_and_says_what_an_id_looks_like() {
    let (site, ids) = Site::furnished().await;
    let clip = Digest::of(b"no clip");
    for path in [
        "/nothing".to_owned(),
        "/blog/exp_0123456789abcdef".to_owned(),
        "/blog/exp_../../etc/passwd".to_owned(),
        "/blog/EXP_0123456789ABCDEF".to_owned(),
        "/blog/%00".to_owned(),
        "/blog/exp_0123456789abcdef/frames.svg".to_owned() + "?clip=" + &clip.to_string() + "&q=16",
        format!("/blog/{}?clip={clip}", ids.best),
        format!("/blog/{}?q=17", ids.best),
        "/codecs/xyz".to_owned(),
        format!("/codecs/{clip}"),
        "/assets/none.css".to_owned(),
        "/compare?ids=exp_1".to_owned(),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let page = answer.document();
        assert_eq!(page.text("h1"), "Nothing here", "{path}");
        assert!(page.text("main").contains("exp_ is followed by 16 digits"), "{path}");
        assert_eq!(page.attributes(".actions a", "href"), ["/", "/blog"]);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_400_and_names_the_bound() {
    let (site, ids) = Site::furnished().await;
    let many: Vec<String> = (0..9).map(|n| format!("exp_{n:016x}")).collect();
    for (path, said) in [
        ("/?tab=all".to_owned(), "tab is \"all\", but must be one of successful"),
        ("/?sort=random".to_owned(), "sort is"),
        ("/?arm=me".to_owned(), "arm is"),
        ("/?codec=abc".to_owned(), "codec:"),
        ("/?cursor=%3Cb%3E".to_owned(), "cursor"),
        ("/blog?cursor=xyz".to_owned(), "cursor"),
        (format!("/?cursor={}", "a".repeat(3000)), "2048"),
        (format!("/blog/{}?q=64", ids.best), "0 to 63"),
        (format!("/compare?ids={}", many.join(",")), "at most 8"),
        (format!("/blog/{}/frames.svg", ids.best), "clip is missing"),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.body);
        assert!(
            answer.document().text("main .lead").contains(said),
            "{path}: {}",
            answer.document().text("main .lead")
        );
    }
}

#[tokio::test]
async fn pages_are_for_reading() {
    let site = Site::empty();
    for method in [Method::POST, Method::DELETE, Method::PUT] {
        let answer = site.ask(method, "/blog", &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.document().text("h1"), "Pages are for reading");
    }
    let head = site.ask(Method::HEAD, "/", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn an_error_on_our_side_says_its_request_and_nothing_of_the_inside() {
    let site = Site::empty();
    site.lab.furnish().await;
    site.lab.submit(aiv1_model::Arm::Search, 1.0, "").await;
    let work = site.lab.claim("bench-1").await;
    let record = fixtures::record_for(&work.experiment.submission, Status::Successful, Some(-3.0));
    // The stored record is no record.
    let digest = Digest::of(b"{\"secret\":1}");
    site.lab.blobs.put(&BlobKey::object(ObjectKind::Record, digest), "{\"secret\":1}".into()).await.unwrap();
    let bundle = BundleRef { manifest: digest, record: digest, bytes: 12 };
    let ended = Ended::Published { record: Box::new(record), bundle };
    let id = site.lab.catalog.end(&work.experiment.id, &work.holder, &ended).await.unwrap().id;
    let clip = work.experiment.submission.clips[0];
    let answer = site.get(&format!("/blog/{id}/frames.svg?clip={clip}&q=16")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let page = answer.document();
    assert_eq!(page.text("h1"), "An error on our side");
    assert_eq!(page.text("main .narrow p code"), answer.header("x-request-id"));
    assert!(!answer.body.contains("secret") && !answer.body.contains("missing field"), "{}", answer.body);
}

#[tokio::test]
async fn old_addresses_lead_to_the_new_ones() {
    let site = Site::empty();
    for (path, to) in [("/dashboard", "/"), ("/blog.html", "/blog"), ("/favicon.ico", "/assets/favicon.svg")]
    {
        let answer = site.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::PERMANENT_REDIRECT, to));
    }
}
