//! A site to ask questions of, and its answers as documents.

use crate::sample::{Lab, trap};
use aiv1_model::{Arm, ExperimentId};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use scraper::{ElementRef, Html, Selector};
use tower::ServiceExt as _;

/// What the site calls itself.
pub(crate) const PUBLIC_URL: &str = "https://lab.example";

/// The router over a laboratory.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    router: Router,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Ids of the experiments of [`Site::furnished`].
pub(crate) struct Ids {
    pub(crate) first: ExperimentId,
    pub(crate) best: ExperimentId,
    pub(crate) random: ExperimentId,
    pub(crate) failed: ExperimentId,
    pub(crate) running: ExperimentId,
    pub(crate) queued: ExperimentId,
}

impl Site {
    /// One with nothing in it.
    pub(crate) fn empty() -> Self {
        let lab = Lab::new(PUBLIC_URL);
        let router = aiv1_web::edge(aiv1_dashboard_ssr::router(lab.services.clone()), &lab.services);
        Self { lab, router }
    }

    /// One with three results: of the start, of chance, and the best of the search.
    pub(crate) async fn measured() -> (Self, [ExperimentId; 3]) {
        let site = Self::empty();
        let lab = &site.lab;
        lab.furnish().await;
        let first = lab.measure(Arm::Start, 1.0, 1.2, "The starting codec with its defaults.").await;
        let random = lab.measure(Arm::Random, 2.5, 1.5, "Drawn uniformly.").await;
        let best = lab.measure(Arm::Search, 1.3, 0.8, "lambda_scale moved from 1.00 to 1.30.").await;
        (site, [first, random, best])
    }

    /// One with an experiment of each kind.
    pub(crate) async fn furnished() -> (Self, Ids) {
        let (site, [first, random, best]) = Self::measured().await;
        let lab = &site.lab;
        let failed = lab.fail(1.7, trap()).await;
        let running = lab.submit(Arm::Search, 1.4, "A little further.").await;
        let queued = lab.submit(Arm::Person, 1.5, "And further.").await;
        lab.claim("bench-1").await;
        (site, Ids { first, best, random, failed, running, queued })
    }

    /// Asks.
    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Gets.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    /// Gets a page that must be there.
    pub(crate) async fn page(&self, path: &str) -> Document {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        Document(Html::parse_document(&answer.body))
    }
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// As a document.
    pub(crate) fn document(&self) -> Document {
        Document(Html::parse_document(&self.body))
    }
}

/// A page as a tree.
pub(crate) struct Document(pub(crate) Html);

impl Document {
    /// Every element that a CSS selector finds.
    pub(crate) fn all(&self, selector: &str) -> Vec<ElementRef<'_>> {
        self.0.select(&Selector::parse(selector).unwrap()).collect()
    }

    /// Texts of what a CSS selector finds, white space evened out.
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        self.all(selector).into_iter().map(text_of).collect()
    }

    /// The text of the one element that a CSS selector finds.
    pub(crate) fn text(&self, selector: &str) -> String {
        let texts = self.texts(selector);
        assert_eq!(texts.len(), 1, "{selector} finds {texts:?}");
        texts[0].clone()
    }

    /// Values of an attribute.
    pub(crate) fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        self.all(selector)
            .into_iter()
            .filter_map(|element| element.attr(name))
            .map(ToOwned::to_owned)
            .collect()
    }
}

/// Text of an element as it is read: apart where cells and blocks are, white space evened out.
pub(crate) fn text_of(element: ElementRef<'_>) -> String {
    let piece = |node: &scraper::Node| match node {
        scraper::Node::Text(text) => text.to_string(),
        scraper::Node::Element(element)
            if matches!(element.name(), "td" | "th" | "li" | "dt" | "dd" | "p" | "progress") =>
        {
            " ".to_owned()
        }
        _ => String::new(),
    };
    element
        .descendants()
        .map(|node| piece(node.value()))
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
