//! The clients of the services, made once a process: one HTTPS client, one region, one retry policy.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use std::time::Duration;

/// Tries of one request, the first included. The SDK waits between them with exponential backoff and full jitter, and
/// spends a budget that all requests to the same service share, so that a service in trouble is not asked ever more.
pub const MAX_ATTEMPTS: u32 = 5;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long one try may take until its answer begins; of S3, whose answers may be slow.
const READ: Duration = Duration::from_secs(10);

/// How long one try of a small request may take, connecting included.
const SMALL_TRY: Duration = Duration::from_millis(2500);

/// How long a small request may take with all its tries: functions have 15 s for an answer, which takes several.
const SMALL: Duration = Duration::from_secs(6);

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
        Self::load(aws_config::defaults(behavior())).await
    }

    /// For a Lambda, which is told its region and its role's credentials: without the SDK's search for profiles, metadata
    /// services and other roles, which would be linked in for nothing. `endpoint` is an emulator's.
    #[must_use]
    pub fn of_function(region: String, endpoint: Option<String>) -> Self {
        let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
        let mut config = SdkConfig::builder().behavior_version(behavior()).region(Region::new(region));
        config.set_endpoint_url(endpoint);
        let config = config.credentials_provider(credentials);
        Self { config: config.retry_config(retries()).timeout_config(timeouts()).build() }
    }

    /// The same with a region, credentials or an endpoint of one's own; tries and timeouts are the store's.
    pub async fn load(loader: ConfigLoader) -> Self {
        Self { config: loader.retry_config(retries()).timeout_config(timeouts()).load().await }
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config).timeout_config(small());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.config).timeout_config(small());
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        let config = aws_sdk_ssm::config::Builder::from(&self.config).timeout_config(small());
        aws_sdk_ssm::Client::from_conf(config.build())
    }
}

/// What the SDK does where nothing is said, fixed by date.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

fn retries() -> RetryConfig {
    let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS);
    retries.with_initial_backoff(FIRST_PAUSE).with_max_backoff(LONGEST_PAUSE)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build()
}

/// The timeouts of services whose requests and answers are small.
fn small() -> TimeoutConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT);
    timeouts.operation_attempt_timeout(SMALL_TRY).operation_timeout(SMALL).build()
}
