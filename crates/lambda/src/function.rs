//! A function that answers HTTP requests.

use crate::consumer::serve;
use crate::gateway::{self, Asked};
use crate::metrics::{Metric, Metrics};
use crate::parameters::{Kept, Values};
use crate::{Error, Started, process};
use aiv1_model::chain;
use aiv1_web::{Problem, Services, Site};
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use axum::http::{HeaderMap, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde_json::json;
use serde_json::value::RawValue;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tower::ServiceExt as _;
use tracing::Instrument as _;

/// What a function needs to know of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it answers everyone alike, and reads no parameters.
    Public,
    /// Tokens: some of its routes are for who shows one.
    Tokens,
}

/// The whole main of a function that answers HTTP requests: its routes and `/health`.
pub fn http(access: Access, router: fn(Services) -> Router) -> ExitCode {
    process::run(async || {
        let function = Function::start(access, router).await?;
        let answer = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
            let span = tracing::error_span!(target: "aiv1::invocation", "invocation", invocation = event.context.request_id);
            function.answer(&event.payload, &event.context.request_id).instrument(span).await
        });
        serve(Runtime::new(answer).run().await)
    })
}

struct Function {
    /// For requests that show no token.
    open: Router,
    tokens: Option<Guarded>,
    metrics: Metrics,
    /// The first event has come.
    warm: AtomicBool,
}

impl Function {
    async fn start(access: Access, router: fn(Services) -> Router) -> Result<Self, Error> {
        let started = Started::from_environment().await?;
        let site = started.site().await?;
        let open = mount(router, &started.services(&site, &Values::default()));
        let metrics = started.metrics.clone();
        let tokens = match access {
            Access::Public => None,
            Access::Tokens => Some(Guarded {
                parameters: started.kept_parameters()?,
                started,
                site,
                router,
                current: Mutex::default(),
            }),
        };
        Ok(Self { open, tokens, metrics, warm: AtomicBool::new(false) })
    }

    async fn answer(&self, event: &RawValue, invocation: &str) -> Result<Box<RawValue>, Diagnostic> {
        let begun = Instant::now();
        let cold = !self.warm.swap(true, Ordering::Relaxed);
        let asked =
            Asked::read(event).inspect_err(|error| tracing::error!(error = chain(error), "no request"));
        let (method, takes_gzip, response) = match asked.map_err(|error| diagnostic(&error))?.into_request() {
            Err(refused) => (Method::GET, false, refused.into_response()),
            Ok(request) => {
                let (method, takes_gzip) = (request.method().clone(), takes_gzip(request.headers()));
                (method, takes_gzip, self.respond(request).await)
            }
        };
        let status = response.status();
        let route = response.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
        let request =
            response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let written = gateway::write(response, takes_gzip).await;
        // Routes and statuses are no dimensions, but can be searched for: every combination would be a metric of its own.
        let properties = [
            ("method", json!(method.as_str())),
            ("route", json!(route)),
            ("status", json!(status.as_u16())),
            ("invocation", json!(invocation)),
            ("request", json!(request)),
        ];
        self.metrics.put_with(
            &[],
            &[
                Metric::count("Requests", 1),
                Metric::count("ServerErrors", u64::from(status.is_server_error())),
                Metric::count("ColdStarts", u64::from(cold)),
                Metric::milliseconds("Duration", begun.elapsed()),
            ],
            properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        );
        written.map_err(|error| diagnostic(&error))
    }

    async fn respond(&self, request: Request) -> Response {
        let router = match &self.tokens {
            Some(guarded) if request.headers().contains_key(AUTHORIZATION) => guarded.router().await,
            _ => self.open.clone(),
        };
        let Ok(response) = router.oneshot(request).await;
        response
    }
}

/// For requests that show a token: the routes, made anew whenever tokens or settings were read again.
struct Guarded {
    started: Started,
    site: Site,
    router: fn(Services) -> Router,
    parameters: Arc<Kept>,
    current: Mutex<Option<(Arc<Values>, Router)>>,
}

impl Guarded {
    async fn router(&self) -> Router {
        let values = match self.parameters.current().await {
            Ok(values) => values,
            Err(error) => {
                tracing::error!(error = chain(&error), "no token can be checked");
                return mount(no_tokens, &self.started.services(&self.site, &Values::default()));
            }
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((made_of, router)) if Arc::ptr_eq(made_of, &values) => router.clone(),
            _ => {
                let router = mount(self.router, &self.started.services(&self.site, &values));
                *current = Some((values, router.clone()));
                router
            }
        }
    }
}

/// What answers while tokens cannot be checked: neither yes nor no.
fn no_tokens(_: Services) -> Router {
    let problem = || Problem::Unavailable("tokens cannot be checked just now; try again".to_owned());
    Router::new().fallback(async move || problem().into_response())
}

/// The routes with all that is around them.
fn mount(router: fn(Services) -> Router, services: &Services) -> Router {
    let routes = router(services.clone()).merge(aiv1_web::health(services.clone()));
    aiv1_web::edge(routes, services).layer(middleware::from_fn(keep_route))
}

/// Tells by which route a request was answered.
async fn keep_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("gzip"))
}

fn diagnostic(error: &Error) -> Diagnostic {
    let kind = if matches!(error, Error::Foreign(_)) { "aiv1::ForeignEvent" } else { "aiv1::Answer" };
    Diagnostic { error_type: kind.to_owned(), error_message: chain(error) }
}
