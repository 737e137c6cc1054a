//! One request and its answer: sent, bounded, and refused by name. What is public serves other clients of HTTP as well.

use crate::Error;
use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Most bytes that are read of an answer that is an error.
const MAX_PROBLEM: u64 = 64 << 10;
/// Most characters that are kept of what the server said.
const MAX_DETAIL: usize = 1000;

/// What an RFC 9457 document says, as far as it is of use here.
#[derive(Deserialize)]
struct ProblemDocument {
    title: Option<String>,
    detail: Option<String>,
}

/// Sends a request; an answer that is no success is an error.
pub(crate) async fn send(action: &'static str, request: RequestBuilder) -> Result<Response, Error> {
    let response = request.send().await.map_err(Error::network(action))?;
    if response.status().is_success() { Ok(response) } else { Err(problem(response).await) }
}

/// 409 about claimed work means that it is lost.
pub(crate) fn or_lost(error: Error) -> Error {
    match error {
        Error::Problem { status: 409, detail, .. } => Error::Lost { detail },
        other => other,
    }
}

/// Reads an answer of at most `most` bytes.
pub async fn body(what: &'static str, mut response: Response, most: u64) -> Result<Bytes, Error> {
    let too_large = || Error::TooLarge { what: what.to_owned(), most };
    if response.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Error::network("read the answer"))? {
        if (bytes.len() + chunk.len()) as u64 > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Reads an answer that is JSON.
pub(crate) async fn json<T: DeserializeOwned>(
    what: &'static str,
    response: Response,
    most: u64,
) -> Result<T, Error> {
    let bytes = body(what, response, most).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::damaged(what, plain(&error.to_string())))
}

async fn problem(response: Response) -> Error {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let said = body("problem document", response, MAX_PROBLEM).await.unwrap_or_default();
    let detail = match serde_json::from_slice::<ProblemDocument>(&said) {
        Ok(ProblemDocument { title, detail }) => detail.or(title),
        Err(_) => None,
    };
    let detail = detail.unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned());
    Error::Problem { status: status.as_u16(), detail: plain(&detail), retry_after }
}

/// `Retry-After` in seconds; its other form, a date, is not waited for.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Text from the other side, fit to be shown: one line, bounded, nothing that a terminal obeys.
#[must_use]
pub fn plain(text: &str) -> String {
    let shown = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    shown.take(MAX_DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_one_bounded_line() {
        let shown = plain(&format!("\u{1b}[2Jgone\r\n{}", "x".repeat(5000)));
        assert_eq!(shown.chars().count(), MAX_DETAIL);
        assert!(shown.starts_with(" [2Jgone  x"), "{shown}");
    }
}
