//! A function that answers HTTP requests.

use crate::consumer::serve;
use crate::gateway::{self, Asked};
use crate::instead::Instead;
use crate::metrics::{Metric, Metrics};
use crate::parameters::{Kept, Values};
use crate::{Error, Started, process};
use aiv1_model::chain;
use aiv1_web::{Services, Site, prefers_gzip};
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use futures_util::FutureExt as _;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde_json::json;
use serde_json::value::RawValue;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::time::timeout;
use tower::ServiceExt as _;
use tracing::Instrument as _;

/// So long before Lambda ends the process, a request is answered that it could not be.
const MARGIN: Duration = Duration::from_millis(500);

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
            function.answer(&event.payload, &event.context).instrument(span).await
        });
        serve(Runtime::new(answer).run().await)
    })
}

struct Function {
    /// For requests that show no token.
    open: Router,
    services: Services,
    tokens: Option<Guarded>,
    metrics: Metrics,
    /// The first event has come.
    warm: AtomicBool,
}

impl Function {
    async fn start(access: Access, router: fn(Services) -> Router) -> Result<Self, Error> {
        let started = Started::from_environment()?;
        let site = started.site().await?;
        let services = started.services(&site, &Values::default());
        let open = mount(router, &services);
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
        Ok(Self { open, services, tokens, metrics, warm: AtomicBool::new(false) })
    }

    async fn answer(&self, event: &RawValue, context: &Context) -> Result<Box<RawValue>, Diagnostic> {
        let begun = Instant::now();
        let cold = !self.warm.swap(true, Ordering::Relaxed);
        let asked = Asked::read(event).map_err(|error| {
            tracing::error!(error = chain(&error), "no request");
            Diagnostic { error_type: "aiv1::ForeignEvent".to_owned(), error_message: chain(&error) }
        })?;
        let (mut method, mut route) = (None, None);
        let sent = match asked.into_request() {
            Err(refused) => Err(refused),
            Ok(request) => {
                method = Some(request.method().clone());
                self.in_time(request, context.deadline(), &mut route).await
            }
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(instead) => self.send_instead(instead, method.clone()).await?,
        };
        // Routes and statuses are no dimensions, but can be searched for: every combination would be a metric of its own.
        let properties = [
            ("method", json!(method.as_ref().map(Method::as_str))),
            ("route", json!(route)),
            ("status", json!(sent.status.as_u16())),
            ("invocation", json!(context.request_id)),
            ("request", json!(sent.request)),
        ];
        self.metrics.put_with(
            &[],
            &[
                Metric::count("Requests", 1),
                Metric::count("ServerErrors", u64::from(sent.status.is_server_error())),
                Metric::count("ColdStarts", u64::from(cold)),
                Metric::milliseconds("Duration", begun.elapsed()),
            ],
            properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        );
        Ok(sent.answer)
    }

    /// What the routes answer, whole; `route` is the one that did.
    async fn in_time(
        &self,
        request: Request,
        deadline: SystemTime,
        route: &mut Option<String>,
    ) -> Result<Sent, Instead> {
        let takes_gzip = prefers_gzip(request.headers());
        let answer = async {
            let response = self.respond(request).await?;
            *route = response.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
            Sent::of(response, takes_gzip).await
        };
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(MARGIN);
        match timeout(left, AssertUnwindSafe(answer).catch_unwind()).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Err(Instead::Failed("a panic while the answer was written".to_owned())),
            Err(_) => {
                tracing::error!(milliseconds = left.as_millis() as u64, "not answered in time");
                Err(Instead::Late)
            }
        }
    }

    async fn respond(&self, request: Request) -> Result<Response, Instead> {
        let router = match &self.tokens {
            Some(guarded) if request.headers().contains_key(AUTHORIZATION) => guarded.router().await?,
            _ => self.open.clone(),
        };
        let Ok(response) = router.oneshot(request).await;
        Ok(response)
    }

    /// With all that is around a route's answer.
    async fn send_instead(&self, instead: Instead, method: Option<Method>) -> Result<Sent, Diagnostic> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.unwrap_or_default();
        let routes = aiv1_web::edge(Router::new().fallback(instead), &self.services);
        let Ok(response) = routes.oneshot(request).await;
        Sent::of(response, false).await.map_err(|instead| Diagnostic {
            error_type: "aiv1::Answer".to_owned(),
            error_message: format!("no answer can be written: {instead:?}"),
        })
    }
}

/// An answer as it goes to the gateway.
struct Sent {
    status: StatusCode,
    /// Id of the request.
    request: Option<String>,
    answer: Box<RawValue>,
}

impl Sent {
    async fn of(response: Response, takes_gzip: bool) -> Result<Self, Instead> {
        let (parts, body) = response.into_parts();
        let answer = gateway::write(&parts, body, takes_gzip).await?;
        let request = parts.headers.get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        Ok(Self { status: parts.status, request, answer })
    }
}

/// For requests that show a token: the routes, made anew whenever tokens or settings changed.
struct Guarded {
    started: Started,
    site: Site,
    router: fn(Services) -> Router,
    parameters: Arc<Kept>,
    current: Mutex<Option<(Arc<Values>, Router)>>,
}

impl Guarded {
    async fn router(&self) -> Result<Router, Instead> {
        let values = self.parameters.current().await.map_err(|error| {
            tracing::error!(error = chain(&error), "no token can be checked");
            Instead::NoTokens
        })?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match &*current {
            // Read again, they are mostly what they were, and the router has kept answers.
            Some((made_of, router)) if *made_of == values => router.clone(),
            _ => {
                let router = mount(self.router, &self.started.services(&self.site, &values));
                *current = Some((values, router.clone()));
                router
            }
        })
    }
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
