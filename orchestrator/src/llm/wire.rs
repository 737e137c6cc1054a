//! Two wire formats and what they have in common: a request with a prompt in it, an answer with a reply in it.

mod anthropic;
mod openai;

use super::prompt::Prompt;
use super::{Config, Provider};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

/// Version of the Messages API that is spoken.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// What an answer says, whichever format it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The model that answered, as the provider names it.
    pub(crate) model: Option<String>,
    pub(crate) text: String,
    pub(crate) stop: Stop,
    pub(crate) usage: Option<Usage>,
}

/// Why a reply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is complete, as far as the provider says.
    Complete,
    /// It is as long as it may be.
    Truncated,
    /// The model or a filter declined.
    Refused,
    /// For another reason.
    Other(String),
}

/// Tokens, as the provider counted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
}

/// The request's body: the same prompt and configuration make the same bytes.
pub(crate) fn request(config: &Config, base: &Url, prompt: &Prompt) -> Result<Vec<u8>, serde_json::Error> {
    match config.provider {
        Provider::Anthropic => anthropic::request(config, prompt),
        Provider::OpenAi => openai::request(config, base, prompt),
    }
}

/// Reads an answer's body, or says what is wrong with it.
pub(crate) fn answer(provider: Provider, body: &[u8]) -> Result<Answer, String> {
    match provider {
        Provider::Anthropic => anthropic::answer(body),
        Provider::OpenAi => openai::answer(body),
    }
    .map_err(|error| error.to_string())
}

/// Where requests go: below the base, whether that ends in `/v1` or not.
pub(crate) fn endpoint(provider: Provider, base: &Url) -> Url {
    let mut url = base.clone();
    let below = base.path().trim_end_matches('/').trim_end_matches("/v1");
    let path = match provider {
        Provider::Anthropic => "v1/messages",
        Provider::OpenAi => "v1/chat/completions",
    };
    url.set_path(&format!("{below}/{path}"));
    url
}

/// Headers beside the type of the body; the one with the key prints as nothing.
pub(crate) fn headers(config: &Config) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut with_key = |name: HeaderName, value: String| {
        if let Ok(mut value) = HeaderValue::try_from(value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    };
    match (config.provider, &config.key) {
        (_, None) => {}
        (Provider::Anthropic, Some(key)) => {
            with_key(HeaderName::from_static("x-api-key"), key.as_str().to_owned());
        }
        (Provider::OpenAi, Some(key)) => {
            with_key(AUTHORIZATION, format!("Bearer {}", key.as_str()));
        }
    }
    if config.provider == Provider::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    headers
}

/// What a server says of a request that it refuses: `{"error": {"message": …}}`, or `{"error": …}`.
pub(crate) fn refusal(body: &[u8]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let error = document.get("error")?;
    let message = error.get("message").unwrap_or(error);
    message.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_below_the_base_whether_it_ends_in_v1_or_not() {
        for (base, expected) in [
            ("https://host.example", "https://host.example/v1/chat/completions"),
            ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions"),
            ("https://host.example/proxy", "https://host.example/proxy/v1/chat/completions"),
        ] {
            let url = endpoint(Provider::OpenAi, &Url::parse(base).unwrap());
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn a_refusal_is_read_in_every_form_that_servers_use() {
        let said = |text: &str| refusal(text.as_bytes());
        let anthropic =
            r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
        assert_eq!(said(anthropic).unwrap(), "invalid x-api-key");
        assert_eq!(said(r#"{"error":{"message":"no","code":null}}"#).unwrap(), "no");
        assert_eq!(said(r#"{"error":"model not found"}"#).unwrap(), "model not found");
        assert_eq!(said("<html>"), None);
    }
}
