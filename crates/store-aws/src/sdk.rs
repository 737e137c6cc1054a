//! What the SDK says of a request that failed, for errors and logs.

use aiv1_model::chain;
use aiv1_store::Error;
// The same for every service.
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId as _;
use std::fmt::Debug;

/// The chain of causes, the service's code and the request's id. Never the SDK's debug text: headers and bodies are in it.
pub(crate) fn told<E, R>(error: &SdkError<E, R>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    let mut told = vec![chain(error)];
    if let Some(service) = error.as_service_error() {
        let meta = service.meta();
        told.extend(meta.code().map(|code| format!("code {code}")));
        told.extend(meta.request_id().map(|id| format!("request {id}")));
    }
    told.join("; ")
}

/// For `map_err`: the store's error with what was tried.
pub(crate) fn failed<E, R>(action: &'static str) -> impl FnOnce(SdkError<E, R>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    move |error| Error::backend(action)(told(&error))
}
