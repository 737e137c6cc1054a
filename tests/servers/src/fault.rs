//! A proxy between the SDK and a server that fails as a network and a busy service do: by plan, so that a run repeats.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// How a request fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server never sees it; this is answered instead.
    Answer {
        /// Status of the answer.
        status: u16,
        /// Its content type.
        content_type: &'static str,
        /// Its body.
        body: &'static str,
    },
    /// The server never sees it, and nothing is answered: the connection stays open.
    Silent,
    /// The connection is cut before the server sees the request.
    CutBefore,
    /// The server does what was asked; the connection is cut instead of its answer.
    CutAfter,
    /// The server does what was asked; half of the answer's body arrives, then the connection is cut. Of an answer without
    /// a body nothing arrives.
    Truncated,
}

impl Fault {
    /// DynamoDB's answer to a table or partition that is asked too often.
    pub const THROTTLED: Self = Self::dynamo(
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#,
    );
    /// DynamoDB's answer to a transaction that met another.
    pub const TRANSACTION_CONFLICT: Self = Self::dynamo(
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]","CancellationReasons":[{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}]}"#,
    );
    /// DynamoDB's own failure.
    pub const INTERNAL_ERROR: Self = Self::dynamo(
        500,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"}"#,
    );
    /// S3's answer to a prefix that is asked too often.
    pub const SLOW_DOWN: Self = Self::Answer {
        status: 503,
        content_type: "application/xml",
        body: "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    };

    const fn dynamo(status: u16, body: &'static str) -> Self {
        Self::Answer { status, content_type: "application/x-amz-json-1.0", body }
    }
}

/// A request that reached the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `X-Amz-Target`, as `DynamoDB_20120810.GetItem`; empty where there is none.
    pub target: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body, where there is a target: JSON.
    pub body: String,
    /// How it was made to fail.
    pub fault: Option<Fault>,
}

/// Fails every so many requests (`share` of them, 0 to 1), each by one of `faults`; the same seed, the same faults.
pub fn seeded(seed: u64, share: f64, faults: &[Fault]) -> impl FnMut(&Asked) -> Option<Fault> + Send + use<> {
    let (mut random, faults) = (fastrand::Rng::with_seed(seed), faults.to_vec());
    move |_| if random.f64() < share { random.choice(&faults).cloned() } else { None }
}

type Plan = Box<dyn FnMut(&Asked) -> Option<Fault> + Send>;
type Body = BoxBody<Bytes, io::Error>;

/// The running proxy; dropping it stops it.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _stop: oneshot::Sender<()>,
}

struct State {
    /// `127.0.0.1:PORT` of the server.
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    plan: Mutex<Plan>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FaultProxy {
    /// Starts one before the server at `upstream` (`http://127.0.0.1:PORT`). `plan` says of each request how it fails.
    pub fn start(upstream: &str, plan: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) -> Self {
        let upstream = upstream.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let plan: Mutex<Plan> = Mutex::new(Box::new(plan));
        let state = Arc::new(State { upstream, client, plan, asked: Arc::clone(&asked) });
        let (stop, stopped) = oneshot::channel();
        // A runtime of its own: a test's ends with the test, and may be blocked by it.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener, state) => {}
                }
            });
        });
        Self { address, asked, _stop: stop }
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Forgets what it was asked so far.
    pub fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| pass(Arc::clone(&state), request));
            // A connection that was cut on purpose is an error here, too.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// An error here makes hyper drop the connection without an answer.
async fn pass(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
    let (parts, body) = request.into_parts();
    // Read whole first: a client that is still sending would take an answer for a cut connection.
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut asked = Asked {
        target: target.to_owned(),
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        body: if target.is_empty() { String::new() } else { String::from_utf8_lossy(&body).into_owned() },
        fault: None,
    };
    asked.fault = state.plan.lock().unwrap()(&asked);
    let fault = asked.fault.clone();
    state.asked.lock().unwrap().push(asked);
    match fault {
        Some(Fault::Silent) => return std::future::pending().await,
        Some(Fault::CutBefore) => return Err(cut()),
        Some(Fault::Answer { status, content_type, body }) => {
            let answer = Response::builder().status(status).header("content-type", content_type);
            return Ok(answer.body(whole(body.into())).unwrap());
        }
        _ => {}
    }
    let answer = forward(&state, parts, body).await?;
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    match fault {
        Some(Fault::CutAfter) => Err(cut()),
        Some(Fault::Truncated) if body.is_empty() => Err(cut()),
        Some(Fault::Truncated) => {
            // Announced whole, whatever way the server sent it.
            parts.headers.remove("transfer-encoding");
            parts.headers.insert("content-length", body.len().into());
            let half = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2)))]);
            let frames = half.chain(stream::once(async {
                // While it waits for more, hyper sends what it has.
                tokio::task::yield_now().await;
                Err(cut())
            }));
            Ok(Response::from_parts(parts, BodyExt::boxed(StreamBody::new(frames))))
        }
        _ => Ok(Response::from_parts(parts, whole(body))),
    }
}

async fn forward(state: &State, mut parts: Parts, body: Bytes) -> Result<Response<Incoming>, io::Error> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("http://{}{path}", state.upstream).parse::<Uri>().map_err(io::Error::other)?;
    // The Host header stays the proxy's: it is signed. Nobody waits for a "100 Continue" any more.
    parts.headers.remove("expect");
    state.client.request(Request::from_parts(parts, Full::new(body))).await.map_err(io::Error::other)
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed()
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose")
}
