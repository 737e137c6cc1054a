//! [`Client`]: where the API is, how one is known to it, and what anybody may ask.

use crate::http::{body, json, plain, send};
use crate::token::{Token, bearer};
use crate::{Error, Retry, TokenSource};
use aiv1_model::api::{ClipEntry, ExperimentAnswer, SubmitRequest, WorkerStatus};
use aiv1_model::{Digest, ExperimentId, Manifest};
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;

/// Time for one call and its answer.
pub(crate) const CALL: Duration = Duration::from_secs(30);
/// Time to reach the server.
const CONNECT: Duration = Duration::from_secs(10);
/// Time between two pieces of an answer.
const STALL: Duration = Duration::from_mins(1);
/// Most bytes of a record without per-frame series, and of any other answer of the API.
pub(crate) const MAX_ANSWER: u64 = 64 << 20;
/// Most bytes of a manifest.
const MAX_MANIFEST: u64 = 16 << 20;

/// Talks to one lab. Cheap to clone; connections are shared.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    base: Url,
    token: Token,
    pub(crate) retry: Retry,
}

/// What became of a submission.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The experiment as it stands now.
    pub answer: ExperimentAnswer,
    /// It is new; otherwise the same was asked before.
    pub created: bool,
}

impl Client {
    /// A client of the lab at `base_url`, such as `https://lab.example` or `http://127.0.0.1:8437`.
    pub fn new(base_url: &str, token: Option<&str>) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Address { url: base_url.chars().take(200).collect(), reason };
        let mut base = Url::parse(base_url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() || !base.has_host() {
            return Err(wrong("http://HOST or https://HOST is wanted".to_owned()));
        }
        base.set_query(None);
        base.set_fragment(None);
        let bearer = |token: &str| {
            bearer(token).ok_or_else(|| wrong("the token for it has characters that no token has".to_owned()))
        };
        let token = Token::new(token.filter(|token| !token.is_empty()).map(bearer).transpose()?);
        let http = reqwest::Client::builder()
            .user_agent(concat!("aiv1/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::limited(3))
            .build()
            .map_err(Error::network("set up the client"))?;
        Ok(Self { http, base, token, retry: Retry::default() })
    }

    /// The same client with other retries.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same client, which reads its token again from `source` when the server refuses it, and then asks once more;
    /// while a server has yet to hear of the new one, with the old one.
    #[must_use]
    pub fn with_token_source(mut self, source: Arc<dyn TokenSource>) -> Self {
        self.token.read_from(source);
        self
    }

    /// An experiment with its record.
    pub async fn experiment(&self, id: &ExperimentId) -> Result<ExperimentAnswer, Error> {
        let once = || async {
            let response = send("ask for the experiment", self.get(&["experiments", id.as_str()])?).await?;
            json("the experiment", response, MAX_ANSWER).await
        };
        self.retry.run(once).await
    }

    /// The manifest of an experiment's bundle: its bytes as they are stored, and what they say.
    pub async fn manifest(&self, id: &ExperimentId) -> Result<(Bytes, Manifest), Error> {
        let once = || async {
            let request = self.get(&["experiments", id.as_str(), "manifest"])?;
            body("the manifest", send("ask for the manifest", request).await?, MAX_MANIFEST).await
        };
        let bytes = self.retry.run(once).await?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| Error::damaged("the manifest", plain(&error.to_string())))?;
        if manifest.format != Manifest::FORMAT {
            let format: String = manifest.format.chars().take(40).collect();
            let reason = format!("its format is {format:?}, {:?} is read here", Manifest::FORMAT);
            return Err(Error::damaged("the manifest", reason));
        }
        Ok((bytes, manifest))
    }

    /// The clips that the lab measures.
    pub async fn clips(&self) -> Result<Vec<ClipEntry>, Error> {
        let once = || async {
            let response = send("ask for the clips", self.get(&["clips"])?).await?;
            json("the list of clips", response, MAX_ANSWER).await
        };
        self.retry.run(once).await
    }

    /// Workers heard of in the last day, latest first.
    pub async fn workers(&self) -> Result<Vec<WorkerStatus>, Error> {
        let once = || async {
            let response = send("ask for the workers", self.get(&["workers"])?).await?;
            json("the list of workers", response, MAX_ANSWER).await
        };
        self.retry.run(once).await
    }

    /// Submits an experiment. With the same `key` it may be said again without being asked twice; a key is made from the
    /// submission where none is given.
    pub async fn submit(&self, submission: &SubmitRequest, key: Option<&str>) -> Result<Submitted, Error> {
        let text = serde_json::to_vec(submission)
            .map_err(|error| Error::damaged("the submission", error.to_string()))?;
        let key = key.map_or_else(|| format!("submission-{}", Digest::of(&text)), str::to_owned);
        let text = Bytes::from(text);
        let once = || async {
            let keyed = |request: RequestBuilder| request.header("Idempotency-Key", &key);
            let response = self.post("submit the experiment", &["experiments"], &text, keyed).await?;
            let created = response.status() == StatusCode::CREATED;
            let answer = json("the answer to the submission", response, MAX_ANSWER).await?;
            Ok(Submitted { answer, created })
        };
        self.retry.run(once).await
    }

    /// A read: without the token, since reading needs none.
    pub(crate) fn get(&self, path: &[&str]) -> Result<RequestBuilder, Error> {
        Ok(self.read(self.api(path)?))
    }

    /// The same of a whole address.
    pub(crate) fn read(&self, url: Url) -> RequestBuilder {
        self.http.request(Method::GET, url).timeout(CALL)
    }

    /// A write of JSON, with the token; `with` adds to the request. Where a token is refused, others are tried, each once.
    pub(crate) async fn post(
        &self,
        action: &'static str,
        path: &[&str],
        text: &Bytes,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Error> {
        let url = self.api(path)?;
        let mut token = self.token.current();
        let mut refused = Vec::new();
        loop {
            let request = self.http.request(Method::POST, url.clone()).timeout(CALL);
            let mut request = with(request.header(CONTENT_TYPE, "application/json")).body(text.clone());
            if let Some(token) = token.clone() {
                request = request.header(AUTHORIZATION, token);
            }
            let answered = send(action, request).await;
            if !matches!(answered, Err(Error::Problem { status: 401, .. })) {
                return answered;
            }
            refused.push(token);
            match self.token.other(&refused).await? {
                None => return answered,
                another => token = another,
            }
        }
    }

    /// `BASE/api/PATH`, each part escaped.
    pub(crate) fn api(&self, path: &[&str]) -> Result<Url, Error> {
        let mut url = self.base.clone();
        let none = || Error::Address { url: self.base.to_string(), reason: "it has no path".to_owned() };
        url.path_segments_mut().map_err(|()| none())?.pop_if_empty().push("api").extend(path);
        Ok(url)
    }

    /// A link as the server gave it; one without a host is meant from the lab's address.
    pub(crate) fn link(&self, link: &str) -> Result<Url, Error> {
        let url = self.base.join(link).map_err(|error| Error::damaged("a link", error.to_string()))?;
        if matches!(url.scheme(), "http" | "https") {
            Ok(url)
        } else {
            Err(Error::damaged("a link", "it is neither http nor https"))
        }
    }

    /// Longest pause between two pieces of a file.
    pub(crate) const fn stall() -> Duration {
        STALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_made_below_the_base_and_nowhere_else() {
        for (base, expected) in [
            ("http://127.0.0.1:8437", "http://127.0.0.1:8437/api/experiments/a%2Fb"),
            ("https://lab.example/below/", "https://lab.example/below/api/experiments/a%2Fb"),
        ] {
            let client = Client::new(base, None).unwrap();
            assert_eq!(client.api(&["experiments", "a/b"]).unwrap().as_str(), expected);
        }
        for wrong in ["", "lab.example", "ftp://lab.example", "file:///etc", "data:,x"] {
            assert!(matches!(Client::new(wrong, None), Err(Error::Address { .. })), "{wrong}");
        }
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let client = Client::new("http://lab.example", Some("a-secret")).unwrap();
        assert!(!format!("{client:?}").contains("a-secret"));
        assert!(matches!(Client::new("http://lab.example", Some("a\nb")), Err(Error::Address { .. })));
    }
}
