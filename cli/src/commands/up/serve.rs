//! The four routers and the objects on one port.

use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::Services;
use aiv1_worker::Worker;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tower_http::timeout::TimeoutBody;

/// Most connections at once; more wait to be taken.
const MAX_CONNECTIONS: usize = 1024;
/// Within this time the head of a request must be there, and on a connection that is kept the next request.
const HEAD: Duration = Duration::from_secs(30);
/// So long a body may pause.
const BODY: Duration = Duration::from_secs(30);
/// Pause when the system gives no more connections.
const BREATH: Duration = Duration::from_millis(200);

/// Everything that is served. What a worker of its own serves on a port is below `/workers/NAME` here: its `/health` and
/// `/metrics`.
pub(super) fn router(services: &Services, store: &EmbeddedStore, workers: &[(String, Worker)]) -> Router {
    let functions = aiv1_dashboard_ssr::router(services.clone())
        .merge(aiv1_experiment_api::router(services.clone()))
        .merge(aiv1_presign::router(services.clone()))
        .merge(aiv1_web::health(services.clone()));
    let functions = workers
        .iter()
        .fold(functions, |router, (name, worker)| router.nest(&format!("/workers/{name}"), worker.router()));
    // Objects are bound by their links: neither the bound on bodies nor compression is for them.
    aiv1_web::edge(functions, services).merge(store.router())
}

/// Serves until `shutdown`, then answers what is under way and stops. A client that sends nothing is not waited for.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let (room, connections) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), TaskTracker::new());
    loop {
        let accept = async {
            let place = room.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let answering = answer(stream, router.clone(), shutdown.clone());
                connections.spawn(async move {
                    answering.await;
                    drop(place);
                });
            }
            Err(error) if is_the_client_s(&error) => {}
            // Out of descriptors, say: some are given back soon.
            Err(error) => {
                tracing::warn!(error = aiv1_lab::chain(&error), "no connection can be taken");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
    Ok(())
}

fn is_the_client_s(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers on one connection until either side ends it.
async fn answer(stream: TcpStream, router: Router, shutdown: CancellationToken) {
    // Answers are written whole: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let request = request.map(|body| Body::new(TimeoutBody::new(BODY, body)));
        router.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = aiv1_lab::chain(&error), "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    /// What is answered to a request of which this is all that ever comes, and how long it took.
    async fn answered(request: &str) -> (String, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(async |body: Bytes| body));
        let (shutdown, started) = (CancellationToken::new(), Instant::now());
        let serving = tokio::spawn(serve(listener, router, shutdown.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let took = started.elapsed();
        shutdown.cancel();
        serving.await.unwrap().unwrap();
        (answer, took)
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_ends_a_request_is_hung_up_on() {
        let (answer, took) = answered("POST / HTTP/1.1\r\nhost: lab").await;
        assert!(!answer.contains("200"), "{answer}");
        assert!(took >= HEAD && took < 2 * HEAD, "{took:?}");
        let (answer, took) = answered("POST / HTTP/1.1\r\nhost: lab\r\ncontent-length: 9\r\n\r\nhalf").await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(took >= BODY, "{took:?}");
        let (answer, _) =
            answered("POST / HTTP/1.1\r\nhost: lab\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfull")
                .await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("full"), "{answer}");
    }
}
