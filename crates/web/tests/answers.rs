//! Answers that are kept: made once for all who ask, compressed once, never older than they may be.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_model::{JournalEntry, Limits, Note, Settings};
use aiv1_store::{Clock, ManualClock};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::{Answers, Defaults, Freshness, Kind, Problem, Services, Site, Tokens, edge};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use std::io::Read as _;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

const HTML: Kind = Kind { content_type: "text/html; charset=utf-8", freshness: Freshness::Seconds(3) };

struct Lab {
    _folder: tempfile::TempDir,
    services: Services,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let store = EmbeddedStore::open(folder.path(), Arc::clone(&clock)).unwrap();
        let settings = Settings {
            gop_frames: 1,
            quality_indices: vec![1, 2, 3, 4],
            anchors: Vec::new(),
            limits: Limits::default(),
        };
        let site = Site {
            public_url: "http://lab.test".to_owned(),
            media_origin: None,
            version: "1.2.3".to_owned(),
            defaults: Some(Defaults { settings }),
        };
        let services = Services {
            catalog: store.catalog(),
            blobs: store.blobs("http://lab.test"),
            clock,
            tokens: Arc::new(Tokens::default()),
            site: Arc::new(site),
        };
        Self { _folder: folder, services }
    }

    fn pages(&self) -> Answers {
        Answers::of_pages(&self.services, NonZero::new(15).unwrap())
    }

    /// A change that a page could show.
    async fn change(&self) {
        let paused = self.services.catalog.loop_state().await.unwrap().paused;
        let other = if paused { Note::Resumed } else { Note::Paused };
        self.services.catalog.note(JournalEntry::OPERATOR, &other).await.unwrap();
    }
}

/// A page that waits for a permit each time it is made, and counts how often that is.
#[derive(Debug)]
struct Page {
    made: AtomicUsize,
    gate: Semaphore,
}

impl Page {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self { made: AtomicUsize::new(0), gate: Semaphore::new(permits) })
    }

    async fn ask(&self, answers: &Answers) -> Response {
        let make = async |_| {
            let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
            self.gate.acquire().await.unwrap().forget();
            Ok::<_, Problem>(Bytes::from(format!("page {number}")))
        };
        answers.answer(&HeaderMap::new(), "/page", HTML, make).await.unwrap()
    }

    async fn text(&self, answers: &Answers) -> String {
        text(self.ask(answers).await).await
    }

    /// Returns once it is being made for the `number`th time.
    async fn begun(&self, number: usize) {
        while self.made.load(Ordering::SeqCst) < number {
            tokio::task::yield_now().await;
        }
    }
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_page_that_many_ask_for_is_made_once_for_each_version() {
    let lab = Lab::new();
    for (answers, page) in [(lab.pages(), Page::new(0)), (Answers::new(&lab.services), Page::new(0))] {
        let asks: Vec<_> = (0..32)
            .map(|_| {
                let (answers, page) = (answers.clone(), Arc::clone(&page));
                tokio::spawn(async move { page.text(&answers).await })
            })
            .collect();
        page.begun(1).await;
        page.gate.add_permits(32);
        for ask in asks {
            assert_eq!(ask.await.unwrap(), "page 1");
        }
        lab.change().await;
        assert_eq!(page.text(&answers).await, "page 2");
        assert_eq!(page.text(&answers).await, "page 2");
    }
}

#[tokio::test]
async fn while_one_makes_a_page_others_get_that_of_a_moment_ago_but_an_answer_of_the_api_is_never_old() {
    let lab = Lab::new();
    let (pages, api) = (lab.pages(), Answers::new(&lab.services));
    let (page, list) = (Page::new(1), Page::new(1));
    let tag = page.ask(&pages).await.headers()[header::ETAG].clone();
    assert_eq!(list.text(&api).await, "page 1");
    lab.change().await;
    let (slow_page, slow_list) = (
        tokio::spawn({
            let (page, pages) = (Arc::clone(&page), pages.clone());
            async move { page.text(&pages).await }
        }),
        tokio::spawn({
            let (list, api) = (Arc::clone(&list), api.clone());
            async move { list.text(&api).await }
        }),
    );
    page.begun(2).await;
    list.begun(2).await;
    let meanwhile = page.ask(&pages).await;
    assert_eq!(meanwhile.headers()[header::ETAG], tag, "an old page says so");
    assert_eq!(text(meanwhile).await, "page 1");
    let waits = tokio::spawn({
        let (list, api) = (Arc::clone(&list), api.clone());
        async move { list.text(&api).await }
    });
    page.gate.add_permits(1);
    list.gate.add_permits(1);
    assert_eq!(slow_page.await.unwrap(), "page 2");
    assert_eq!((slow_list.await.unwrap(), waits.await.unwrap()), ("page 2".to_owned(), "page 2".to_owned()));
    assert_eq!(page.text(&pages).await, "page 2");
}

#[tokio::test]
async fn whoever_waits_for_a_maker_that_goes_away_makes_the_page_itself() {
    let lab = Lab::new();
    let (pages, page) = (lab.pages(), Page::new(0));
    let asks = || {
        tokio::spawn({
            let (page, pages) = (Arc::clone(&page), pages.clone());
            async move { page.text(&pages).await }
        })
    };
    let first = asks();
    page.begun(1).await;
    let second = asks();
    tokio::task::yield_now().await;
    first.abort();
    page.begun(2).await;
    page.gate.add_permits(1);
    assert_eq!(second.await.unwrap(), "page 2");
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let lab = Lab::new();
    let pages = lab.pages();
    let fails = async |_| Err::<Bytes, _>(Problem::NotFound("there is no such page".to_owned()));
    let refused = pages.answer(&HeaderMap::new(), "/page", HTML, fails).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert_eq!(Page::new(1).text(&pages).await, "page 1");
}

/// The routers' edge around one long page, and how often it was made.
fn site(lab: &Lab) -> (Router, Arc<AtomicUsize>) {
    let (answers, made) = (lab.pages(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&made);
    let page = async move |uri: Uri, headers: HeaderMap| {
        let make = async |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Problem>(Bytes::from("what a laboratory has to say ".repeat(500)))
        };
        answers.answer(&headers, uri.path(), HTML, make).await
    };
    let page = move |uri: Uri, headers: HeaderMap| {
        let page = page.clone();
        async move { page(uri, headers).await }
    };
    (edge(Router::new().route("/page", get(page)), &lab.services), made)
}

async fn call(
    app: &Router,
    method: Method,
    given: &[(header::HeaderName, &str)],
) -> (HeaderMap, StatusCode, Vec<u8>) {
    let mut request = Request::builder().method(method).uri("/page");
    for (name, value) in given {
        request = request.header(name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.headers, parts.status, body.collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn plain_and_compressed_are_the_same_page_compressed_once() {
    let lab = Lab::new();
    let (app, made) = site(&lab);
    let (plain, _, body) = call(&app, Method::GET, &[]).await;
    assert!(plain.get(header::CONTENT_ENCODING).is_none());
    let (packed, _, bytes) = call(&app, Method::GET, &[(header::ACCEPT_ENCODING, "gzip, br")]).await;
    assert_eq!(packed[header::CONTENT_ENCODING], "gzip");
    assert_eq!(packed[header::CONTENT_LENGTH], bytes.len().to_string(), "what is kept is sent as it is");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, body);
    for headers in [&plain, &packed] {
        assert_eq!(headers[header::VARY], "accept-encoding");
        assert!(headers[header::ETAG].to_str().unwrap().starts_with("W/"), "weak: equal in every coding");
    }
    assert_eq!(plain[header::ETAG], packed[header::ETAG]);
    let tag = packed[header::ETAG].to_str().unwrap().to_owned();
    let (unchanged, status, body) = call(&app, Method::GET, &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(
        (&unchanged[header::VARY], &unchanged[header::ETAG]),
        (&plain[header::VARY], &plain[header::ETAG])
    );
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn head_says_what_get_would_and_the_page_is_made_for_both() {
    let lab = Lab::new();
    let (app, made) = site(&lab);
    for coding in ["identity", "gzip"] {
        let given = [(header::ACCEPT_ENCODING, coding)];
        let (head, status, nothing) = call(&app, Method::HEAD, &given).await;
        let (mut got, _, body) = call(&app, Method::GET, &given).await;
        assert_eq!((status, nothing.len()), (StatusCode::OK, 0));
        assert_eq!(head[header::CONTENT_LENGTH], body.len().to_string());
        got.insert("x-request-id", head["x-request-id"].clone());
        assert_eq!(head, got);
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
}
