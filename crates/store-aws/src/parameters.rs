//! Configuration and secrets in SSM's parameter store, below one prefix.

use crate::Clients;
use crate::sdk::failed;
use aiv1_store::Error;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use aws_sdk_ssm::types::Parameter;
use std::collections::BTreeMap;

const READ: &str = "read its parameters";

/// A text that no log shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// The parameters below a prefix.
#[derive(Clone, Debug)]
pub struct Parameters {
    client: Client,
    prefix: String,
}

impl Parameters {
    /// What a role needs to read them.
    pub const CALLS: [&str; 2] = ["GetParameter", "GetParametersByPath"];

    /// Those below `prefix`, `/aiv1/prod`; no request is made.
    #[must_use]
    pub fn new(clients: &Clients, prefix: &str) -> Self {
        Self { client: clients.ssm(), prefix: prefix.trim_end_matches('/').to_owned() }
    }

    /// All of them, decrypted, by their names below the prefix: `tokens/worker`.
    pub async fn all(&self) -> Result<BTreeMap<String, Secret>, Error> {
        let ask =
            self.client.get_parameters_by_path().path(&self.prefix).recursive(true).with_decryption(true);
        let mut pages = ask.into_paginator().send();
        let mut all = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let parameters = page.map_err(failed(READ))?.parameters.unwrap_or_default();
            all.extend(parameters.into_iter().filter_map(|parameter| self.named(parameter)));
        }
        Ok(all)
    }

    /// One of them, decrypted.
    pub async fn get(&self, name: &str) -> Result<Option<Secret>, Error> {
        let path = format!("{}/{name}", self.prefix);
        match self.client.get_parameter().name(path).with_decryption(true).send().await {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value).map(Secret)),
            Err(error) if error.as_service_error().is_some_and(GetParameterError::is_parameter_not_found) => {
                Ok(None)
            }
            Err(error) => Err(failed(READ)(error)),
        }
    }

    fn named(&self, parameter: Parameter) -> Option<(String, Secret)> {
        let name = parameter.name?.strip_prefix(&self.prefix)?.strip_prefix('/')?.to_owned();
        Some((name, Secret(parameter.value?)))
    }
}
