//! Errors as pages: what was asked, why there is no answer, and where to go from here.

use crate::layout::{Head, Site, page};
use crate::text;
use aiv1_web::{Problem, RequestId};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::html;

/// Why there is no page.
#[derive(Debug)]
pub(crate) struct PageError(pub(crate) Problem);

impl<Error: Into<Problem>> From<Error> for PageError {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

/// What the page about an error will say; rides on the response until [`explained`] writes the page.
#[derive(Clone, Debug)]
struct Said(String);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        self.0.log();
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(Said(self.0.to_string()));
        response
    }
}

/// The answer to an address that leads nowhere.
pub(crate) async fn nowhere(request: Request) -> PageError {
    PageError(Problem::NotFound(format!("there is no page at {}", text::plain(request.uri().path(), 200))))
}

/// The answer to a method that a page does not have.
pub(crate) async fn no_method(request: Request) -> PageError {
    PageError(Problem::Method(format!(
        "pages are read with GET, not with {}",
        text::name(request.method().as_str())
    )))
}

/// Writes the page about an error, with the request's id where the error is ours.
pub(crate) async fn explained(State(site): State<Site>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    let Some(Said(said)) = response.extensions_mut().remove::<Said>() else { return response };
    let status = response.status();
    let heading = match status {
        StatusCode::NOT_FOUND => "Nothing here",
        StatusCode::GONE => "Removed for good",
        StatusCode::BAD_REQUEST => "That address cannot be read",
        StatusCode::METHOD_NOT_ALLOWED => "Pages are for reading",
        StatusCode::INTERNAL_SERVER_ERROR => "An error on our side",
        _ => "No answer",
    };
    let body = html! {
        div.narrow {
            p.kicker { "Error " (status.as_u16()) }
            h1 { (heading) }
            p.lead { bdi { (text::plain(&said, 600)) } "." }
            @if status == StatusCode::INTERNAL_SERVER_ERROR {
                p { "What went wrong is in our log. Asking again may help." }
                @if let Some(RequestId(id)) = &id {
                    p { "If you report it, name the request: " code { (id) } }
                }
            } @else if status == StatusCode::NOT_FOUND {
                p {
                    "An experiment lies at " code { "/blog/exp_…" } ", where " code { "exp_" }
                    " is followed by 16 digits out of " code { "0–9" } " and " code { "a–f" } "; a codec at "
                    code { "/codecs/…" } " with the 64 digits of its SHA-256. What an operator had to remove says so."
                }
            }
            @if status == StatusCode::GONE {
                p { "An operator did that. What was asked is still known, so that it is not asked again." }
            }
            p.actions {
                a.button href="/" { "To the dashboard" }
                a.button.quiet href="/blog" { "All experiments" }
            }
        }
    };
    let head = Head { title: heading, description: "There is no such page.", path: None, ..Head::default() };
    let mut page = (status, page(&site, &head, &body)).into_response();
    for (name, value) in response.headers() {
        if name == header::ALLOW {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}
