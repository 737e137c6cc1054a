//! A table of its own for each test, on a server that is started once for all of them.

use aiv1_store::{Catalog, Clock};
use aiv1_store_aws::{AwsStore, Clients, Config};
use aiv1_test_servers::{ACCESS_KEY, Asked, Dynamo, Fault, FaultProxy, REGION, SECRET_KEY};
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_sdk_dynamodb::config::Credentials;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Where `DynamoDB` is.
pub(crate) fn dynamo() -> &'static str {
    static SERVER: OnceLock<(Dynamo, String)> = OnceLock::new();
    &SERVER
        .get_or_init(|| {
            let server = Dynamo::start();
            let endpoint = server.endpoint();
            (server, endpoint)
        })
        .1
}

/// Clients of a server, or of a proxy before it, with the tries and timeouts that the store has anywhere.
pub(crate) async fn clients(endpoint: &str) -> Clients {
    Clients::load(loader(endpoint)).await
}

/// What those are loaded from.
pub(crate) fn loader(endpoint: &str) -> ConfigLoader {
    let keys = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests");
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).credentials_provider(keys);
    loader.region(REGION).endpoint_url(endpoint)
}

/// An empty table that no other test has, and what opens it.
pub(crate) async fn table(clock: &Arc<impl Clock + 'static>) -> (Config, AwsStore) {
    static TABLES: AtomicU32 = AtomicU32::new(0);
    let table = format!("lab-{}", TABLES.fetch_add(1, Ordering::Relaxed));
    let config = Config { table, bucket: "unused".to_owned(), rebuild_queue: None, parameters: None };
    let store = AwsStore::open(&clients(dynamo()).await, &config, Arc::clone(clock) as Arc<dyn Clock>);
    store.create_table().await.unwrap();
    (config, store)
}

/// The catalog of an empty table, reached through a proxy that fails as `plan` says.
pub(crate) async fn behind(
    clock: &Arc<impl Clock + 'static>,
    plan: impl FnMut(&Asked) -> Option<Fault> + Send + 'static,
) -> (FaultProxy, Arc<dyn Catalog>) {
    let (config, _) = table(clock).await;
    let proxy = FaultProxy::start(dynamo(), plan);
    let clients = clients(&proxy.endpoint()).await;
    let store = AwsStore::open(&clients, &config, Arc::clone(clock) as Arc<dyn Clock>);
    (proxy, store.catalog())
}

/// Whether a transaction was asked for.
pub(crate) fn is_transaction(asked: &Asked) -> bool {
    asked.target.ends_with(".TransactWriteItems")
}
