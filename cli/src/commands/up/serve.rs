//! The four routers and the objects on one port.

use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::Services;
use aiv1_worker::Worker;
use axum::Router;
use std::io;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

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

/// Serves until `shutdown`, then answers what is under way and stops.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}
