//! One call: sent with patience where the server is busy, never twice where it may have been paid for.

use super::wire;
use super::{Config, ConfigError, Key, URL};
use aiv1_client::Retry;
use aiv1_client::http::{body, plain, retry_after};
use aiv1_model::chain;
use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode, Url};
use std::time::Duration;

/// Most bytes that are read of an answer.
pub(crate) const MAX_ANSWER: u64 = 2 << 20;
/// Most bytes that are read of an answer that is an error.
const MAX_REFUSAL: u64 = 64 << 10;
/// Time to reach the server.
const CONNECT: Duration = Duration::from_secs(10);
/// How often a silent connection is felt for.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Calls one endpoint.
#[derive(Debug)]
pub(crate) struct Caller {
    http: reqwest::Client,
    url: Url,
    key: Option<Key>,
    retry: Retry,
    deadline: Duration,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The request was refused.
    Refused { status: u16, detail: String },
    /// The server was busy or broken to the end.
    Busy { status: u16, detail: String, tries: u32, retry_after: Option<Duration> },
    /// Nothing was sent.
    Unreachable { tries: u32, reason: String },
    /// It was sent, and no whole answer came.
    Lost { reason: String },
}

impl Caller {
    pub(crate) fn new(config: &Config, base: &Url) -> Result<Self, ConfigError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("aiv1/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // A model thinks for minutes without a word.
            .tcp_keepalive(KEEP_ALIVE)
            .default_headers(wire::headers(config))
            // The key goes to this address and to no other.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ConfigError {
                variable: URL,
                value: chain(&error),
                bound: "reachable by a client that this machine can set up",
            })?;
        let url = wire::endpoint(config.provider, base);
        let Config { key, retry, deadline, .. } = config.clone();
        Ok(Self { http, url, key, retry, deadline })
    }

    /// The body of the answer to `request`.
    pub(crate) async fn call(&self, request: Bytes) -> Result<Bytes, CallError> {
        let mut tried = 1;
        loop {
            let failed = match self.once(request.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::ForGood(error)) => return Err(error),
                Err(Failed::ForNow(failed)) => failed,
            };
            match next(&self.retry, tried, failed.retry_after()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failed.after(tried)),
            }
            tried += 1;
        }
    }

    async fn once(&self, request: Bytes) -> Result<Bytes, Failed> {
        let call = self.http.post(self.url.clone()).timeout(self.deadline);
        let sent = call.header(CONTENT_TYPE, "application/json").body(request).send().await;
        let response = sent.map_err(|error| {
            let unsent = error.is_connect();
            let reason = plain(&chain(&error.without_url()));
            if unsent { Failed::ForNow(Passing::Unreachable { reason }) } else { lost(reason) }
        })?;
        let status = response.status();
        if status.is_success() {
            return body("the model's answer", response, MAX_ANSWER)
                .await
                .map_err(|error| lost(plain(&chain(&error))));
        }
        let retry_after = retry_after(response.headers());
        let (detail, status_code) = (self.detail(response).await, status.as_u16());
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(Failed::ForNow(Passing::Busy { status: status_code, detail, retry_after }));
        }
        Err(Failed::ForGood(CallError::Refused { status: status_code, detail }))
    }

    /// What the server says of it, without the key and fit to be shown.
    async fn detail(&self, response: Response) -> String {
        let reason = response.status().canonical_reason().unwrap_or("no reason given");
        let said = body("the refusal", response, MAX_REFUSAL).await.unwrap_or_default();
        let said = wire::refusal(&said).unwrap_or_else(|| reason.to_owned());
        let said = self.key.as_ref().map_or_else(|| said.clone(), |key| key.hide(&said));
        plain(&said)
    }
}

/// How one try failed.
enum Failed {
    ForNow(Passing),
    ForGood(CallError),
}

/// What may pass.
enum Passing {
    Busy { status: u16, detail: String, retry_after: Option<Duration> },
    Unreachable { reason: String },
}

impl Passing {
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            Self::Unreachable { .. } => None,
        }
    }

    fn after(self, tries: u32) -> CallError {
        match self {
            Self::Busy { status, detail, retry_after } => {
                CallError::Busy { status, detail, tries, retry_after }
            }
            Self::Unreachable { reason } => CallError::Unreachable { tries, reason },
        }
    }
}

fn lost(reason: String) -> Failed {
    Failed::ForGood(CallError::Lost { reason })
}

/// The pause before the next try, if there is one. Who is told to come back later than the longest pause does not come
/// back earlier: that is for another call.
fn next(retry: &Retry, tried: u32, asked: Option<Duration>) -> Option<Duration> {
    let asked = asked.unwrap_or_default();
    (tried < retry.tries && asked <= retry.most).then(|| retry.pause(tried).max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_again_after_its_own_pause_and_not_earlier() {
        let retry = Retry { tries: 3, first: Duration::from_secs(1), most: Duration::from_mins(1) };
        let pause = next(&retry, 1, None).unwrap();
        assert!(pause >= retry.first / 2 && pause <= retry.first, "{pause:?}");
        assert_eq!(next(&retry, 1, Some(Duration::from_secs(30))), Some(Duration::from_secs(30)));
        assert_eq!(next(&retry, 1, Some(Duration::from_secs(61))), None);
        assert_eq!(next(&retry, 3, None), None);
    }
}
