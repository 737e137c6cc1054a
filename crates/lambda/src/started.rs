//! What a function is given, made once before its first event. No request is made for it.

use crate::config;
use crate::metrics::Metrics;
use crate::parameters::{Kept, Values};
use crate::{BoxError, Error};
use aiv1_model::Digest;
use aiv1_store::{BlobKey, Blobs, Catalog, Clock, LinkOptions, ObjectKind, SystemClock};
use aiv1_store_aws::{AwsStore, Clients, Config, Parameters};
use aiv1_web::{Defaults, Services, Site};
use jiff::SignedDuration;
use std::sync::Arc;

/// What a function is given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Started {
    /// Experiments, work, rebuilds.
    pub catalog: Arc<dyn Catalog>,
    /// Objects.
    pub blobs: Arc<dyn Blobs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where figures go.
    pub metrics: Metrics,
    /// Prefix of the parameters, which tells one lab of an account from another: `/aiv1/prod`.
    pub parameters: Option<String>,
    clients: Clients,
}

impl Started {
    /// Reads the environment and makes the clients.
    pub(crate) fn from_environment() -> Result<Self, Error> {
        let config = Config::from_environment().map_err(|error| Error::Store(error.into()))?;
        let (region, endpoint) = config::region_and_endpoint();
        let clients = Clients::of_function(region, endpoint);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = AwsStore::open(&clients, &config, clock.clone());
        let metrics = Metrics::new(config::function());
        let (catalog, blobs) = (store.catalog(), store.blobs());
        Ok(Self { catalog, blobs, clock, metrics, parameters: config.parameters, clients })
    }

    /// The parameters, not read yet.
    pub(crate) fn kept_parameters(&self) -> Result<Arc<Kept>, Error> {
        let unset = || config::wrong(aiv1_store_aws::config::PARAMETERS, "", "the prefix of the parameters");
        let prefix = self.parameters.as_deref().ok_or_else(unset)?;
        Ok(Kept::new(Parameters::new(&self.clients, prefix), self.clock.clone()))
    }

    /// What a router is given.
    pub(crate) fn services(&self, site: &Site, values: &Values) -> Services {
        let defaults = values.settings.clone().map(|settings| Defaults { settings });
        Services {
            catalog: self.catalog.clone(),
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
            tokens: values.tokens.clone(),
            site: Arc::new(Site { defaults, ..site.clone() }),
        }
    }

    /// What this site is called. Media come from where links lead: the origin of one that is made and thrown away.
    pub(crate) async fn site(&self) -> Result<Site, Error> {
        let key = BlobKey::object(ObjectKind::Source, Digest::of(b""));
        let options = LinkOptions { lifetime: SignedDuration::from_mins(1), attachment: None };
        let sign = |source: BoxError| Error::System { action: "sign links", source };
        let link = self.blobs.link(&key, &options).await.map_err(|error| sign(error.into()))?;
        Ok(Site {
            public_url: config::public_url()?,
            media_origin: Some(
                origin(&link.url).ok_or_else(|| sign("a link has no origin".into()))?.to_owned(),
            ),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            defaults: None,
        })
    }
}

/// `https://host:port` of an address.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |end| host + end);
    (end > host).then(|| &url[..end])
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_ends_where_the_path_begins() {
        assert_eq!(
            origin("https://b.s3.eu-central-1.amazonaws.com/o/1?X-Amz-Date=1"),
            Some("https://b.s3.eu-central-1.amazonaws.com")
        );
        assert_eq!(origin("http://127.0.0.1:9000"), Some("http://127.0.0.1:9000"));
        assert_eq!(origin("http:///x"), None);
        assert_eq!(origin("/x"), None);
    }
}
