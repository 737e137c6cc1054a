//! What a worker in the cloud is told by SSM: where the lab is, and by which token the worker is known.

use crate::Error;
use aiv1_client::TokenSource;
use aiv1_model::api::tokens;
use aiv1_store_aws::{Clients, Parameters};
use async_trait::async_trait;
use std::sync::Arc;

/// Address of the lab, below the prefix.
const URL: &str = "worker/url";
/// Tokens with the worker's scope. The first is used: of several, it is the one that has been in force longest, and so
/// known to every function.
const TOKENS: &str = "tokens/worker";

/// What was read at the start; empty where nothing is in SSM. Without `Debug`: the token is plain.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) url: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) source: Option<Arc<dyn TokenSource>>,
}

impl Told {
    /// Reads what is below `prefix`.
    pub(crate) async fn read(prefix: &str) -> Result<Self, Error> {
        let failed = |source| Error::Parameters { prefix: prefix.to_owned(), source };
        let parameters = Parameters::new(&Clients::from_environment().await, prefix);
        let url = parameters.get(URL).await.map_err(failed)?.map(|url| url.expose().trim().to_owned());
        let source = Arc::new(InParameters(parameters));
        let token = source.first().await.map_err(failed)?;
        Ok(Self { url, token, source: Some(source) })
    }
}

/// The token in SSM.
#[derive(Debug)]
struct InParameters(Parameters);

impl InParameters {
    async fn first(&self) -> Result<Option<String>, aiv1_store::Error> {
        let text = self.0.get(TOKENS).await?;
        Ok(text.and_then(|text| tokens(text.expose()).next().map(str::to_owned)))
    }
}

#[async_trait]
impl TokenSource for InParameters {
    async fn token(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        self.first().await?.ok_or_else(|| format!("the parameter {TOKENS} has no token").into())
    }
}
