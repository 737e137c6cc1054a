//! The Messages API: <https://platform.claude.com/docs/en/api/messages>.

use super::{Answer, Stop, Usage};
use crate::llm::Config;
use crate::llm::prompt::Prompt;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    max_tokens: u32,
    system: &'a str,
    messages: [Message<'a>; 1],
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

pub(super) fn request(config: &Config, prompt: &Prompt) -> Result<Vec<u8>, serde_json::Error> {
    let request = Request {
        model: &config.model,
        max_tokens: config.max_tokens,
        system: &prompt.system,
        messages: [Message { role: "user", content: &prompt.user }],
    };
    serde_json::to_vec(&request)
}

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    content: Vec<Block>,
    stop_reason: Option<String>,
    usage: Option<Tokens>,
}

/// Of the kinds of blocks only text is read; what the model thought is not part of its reply.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// Tokens that a cache had are counted as others: no cache is asked for.
#[derive(Deserialize)]
struct Tokens {
    #[serde(rename = "input_tokens")]
    input: u64,
    #[serde(rename = "output_tokens")]
    output: u64,
    #[serde(rename = "cache_creation_input_tokens")]
    cached_now: Option<u64>,
    #[serde(rename = "cache_read_input_tokens")]
    cached_before: Option<u64>,
}

pub(super) fn answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let body: Body = serde_json::from_slice(body)?;
    let texts = body.content.into_iter().filter(|block| block.kind == "text");
    let stop = match body.stop_reason.as_deref() {
        Some("end_turn" | "stop_sequence") | None => Stop::Complete,
        Some("max_tokens" | "model_context_window_exceeded") => Stop::Truncated,
        Some("refusal") => Stop::Refused,
        Some(other) => Stop::Other(other.to_owned()),
    };
    let usage = body.usage.map(|tokens| {
        let cached = [tokens.cached_now, tokens.cached_before];
        let input_tokens = cached.into_iter().flatten().fold(tokens.input, u64::saturating_add);
        Usage { input_tokens, output_tokens: tokens.output }
    });
    let text = texts.filter_map(|block| block.text).collect();
    Ok(Answer { model: body.model, text, stop, usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_and_thoughts_are_not() {
        let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[
            {"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a"},{"type":"text","text":"b"}],
            "stop_reason":"end_turn","stop_sequence":null,
            "usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":7,"service_tier":"standard"}}"#;
        let read = answer(body.as_bytes()).unwrap();
        assert_eq!((read.text.as_str(), read.model.as_deref()), ("ab", Some("claude-x")));
        assert_eq!(read.stop, Stop::Complete);
        assert_eq!(read.usage, Some(Usage { input_tokens: 15, output_tokens: 7 }));
    }

    #[test]
    fn every_reason_to_stop_is_understood_or_named() {
        for (reason, expected) in [
            ("\"max_tokens\"", Stop::Truncated),
            ("\"model_context_window_exceeded\"", Stop::Truncated),
            ("\"refusal\"", Stop::Refused),
            ("\"pause_turn\"", Stop::Other("pause_turn".to_owned())),
            ("null", Stop::Complete),
        ] {
            let body = format!(r#"{{"content":[],"stop_reason":{reason}}}"#);
            let read = answer(body.as_bytes()).unwrap();
            assert_eq!((read.stop, read.usage), (expected, None), "{reason}");
        }
        assert!(answer(b"{\"content\":\"text\"}").is_err());
    }
}
