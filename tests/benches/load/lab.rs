//! The labs under load: the same routers over the embedded store, and over the AWS store with servers that speak AWS.

use crate::experiments::{experiment, put_record, submission};
use aiv1_model::{Experiment, Record, Status};
use aiv1_store::contract::fixtures;
use aiv1_store::{Blobs, Catalog, Clock as _, SystemClock};
use aiv1_store_aws::{AwsStore, Clients, Config};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::{Defaults, Services, Site, Tokens};
use axum::Router;
use std::sync::Arc;
use tempfile::TempDir;

/// Experiments that are put into the store at once.
const IN_ONE_BATCH: usize = 2_000;
/// Experiments whose pages are asked for, spread over all ages: their records are stored with every frame.
const LOOKED_AT: usize = 50;

/// Where an experiment that is looked at is found.
#[derive(Clone)]
pub(crate) struct LookedAt {
    /// Its page.
    pub(crate) page: String,
    /// The same as JSON.
    pub(crate) api: String,
    /// The quality of its frames, which is drawn from the whole record.
    pub(crate) frames: String,
}

impl LookedAt {
    fn of(experiment: &Experiment, record: &Record) -> Self {
        let (id, point) = (&experiment.id, &record.points[0]);
        let frames = format!("/blog/{id}/frames.svg?clip={}&q={}", point.clip, point.quality_index);
        Self { page: format!("/blog/{id}"), api: format!("/api/experiments/{id}"), frames }
    }
}

/// A store.
pub(crate) enum Lab {
    /// In a folder.
    Embedded { store: EmbeddedStore, _folder: TempDir },
    /// On the servers that the environment names.
    Aws(AwsStore),
}

impl Lab {
    /// Everything in one folder.
    pub(crate) fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
        Self::Embedded { store, _folder: folder }
    }

    /// A table of its own, and the bucket that all share.
    pub(crate) async fn aws(table: String, bucket: &str) -> Self {
        let config = Config { table, bucket: bucket.to_owned(), rebuild_queue: None, parameters: None };
        let store = AwsStore::open(&Clients::from_environment().await, &config, Arc::new(SystemClock));
        store.create_table().await.unwrap();
        Self::Aws(store)
    }

    /// What tables call it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Embedded { .. } => "embedded",
            Self::Aws(_) => "aws",
        }
    }

    pub(crate) fn catalog(&self) -> Arc<dyn Catalog> {
        match self {
            Self::Embedded { store, .. } => store.catalog(),
            Self::Aws(store) => store.catalog(),
        }
    }

    fn blobs(&self, url: &str) -> Arc<dyn Blobs> {
        match self {
            Self::Embedded { store, .. } => store.blobs(url),
            Self::Aws(store) => store.blobs(),
        }
    }

    /// How often the store was read so far: snapshots, or requests to the table.
    pub(crate) fn reads(&self) -> u64 {
        match self {
            Self::Embedded { store, .. } => store.reads(),
            Self::Aws(store) => store.reads(),
        }
    }

    /// Fills the store up to all but the three that are added to be worked at; the paths of those that are looked at.
    pub(crate) async fn fill(&self, records: usize) -> Vec<LookedAt> {
        let blobs = self.blobs("http://127.0.0.1");
        for number in 0..2 {
            self.catalog().put_clip(&fixtures::clip(number)).await.unwrap();
        }
        let records = records.saturating_sub(3);
        let looked_at = (records / LOOKED_AT).max(1);
        let now = SystemClock.now();
        let (mut batch, mut paths) = (Vec::new(), Vec::new());
        for number in 0..records {
            let (mut experiment, mut record) = experiment(number, records, now);
            if number % looked_at == 0 && experiment.status == Status::Successful {
                put_record(&*blobs, &mut experiment, &mut record).await;
                paths.push(LookedAt::of(&experiment, &record));
            }
            batch.push((experiment, Some(record.without_series())));
            if batch.len() == IN_ONE_BATCH || number + 1 == records {
                self.import(std::mem::take(&mut batch)).await;
            }
        }
        paths
    }

    async fn import(&self, batch: Vec<(Experiment, Option<Record>)>) {
        match self {
            Self::Embedded { store, .. } => store.import(batch).await.unwrap(),
            Self::Aws(store) => store.import(batch).await.unwrap(),
        };
    }

    /// Serves all functions as `aiv1 up` does; where.
    pub(crate) async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let services = Services {
            catalog: self.catalog(),
            blobs: self.blobs(&url),
            clock: Arc::new(SystemClock),
            tokens: Arc::new(Tokens::default()),
            site: Arc::new(Site {
                public_url: url.clone(),
                media_origin: None,
                version: "load".to_owned(),
                defaults: Some(Defaults { settings: submission(0).settings }),
            }),
        };
        let router = aiv1_dashboard_ssr::router(services.clone())
            .merge(aiv1_experiment_api::router(services.clone()))
            .merge(aiv1_presign::router(services.clone()))
            .merge(self.objects());
        let router = aiv1_web::edge(router, &services);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    /// Where signed links lead, if that is here.
    fn objects(&self) -> Router {
        match self {
            Self::Embedded { store, .. } => store.router(),
            Self::Aws(_) => Router::new(),
        }
    }
}
