//! The clients of the services, made once a process: one HTTPS client, one region, one retry policy.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use std::time::Duration;

/// Tries of one request, the first included. The SDK waits between them with exponential backoff and full jitter, and
/// spends a budget that is shared by all requests of the process, so that a service in trouble is not asked ever more.
pub const MAX_ATTEMPTS: u32 = 5;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long one try may take until its answer begins.
const READ: Duration = Duration::from_secs(10);

/// The longest pause before the second try; it doubles with every try.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What every client is made of; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(crate) config: SdkConfig,
}

impl Clients {
    /// Reads region, credentials and endpoints as the SDK does, from its own variables or the machine's role.
    pub async fn from_environment() -> Self {
        Self::load(aws_config::defaults(BehaviorVersion::v2026_01_12())).await
    }

    /// The same with a region, credentials or an endpoint of one's own; tries and timeouts are the store's.
    pub async fn load(loader: ConfigLoader) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS);
        let retries = retries.with_initial_backoff(FIRST_PAUSE).with_max_backoff(LONGEST_PAUSE);
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build();
        Self { config: loader.retry_config(retries).timeout_config(timeouts).load().await }
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config)
    }
}
