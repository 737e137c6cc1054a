//! Chat completions, as OpenAI and servers of many other models speak them:
//! <https://platform.openai.com/docs/api-reference/chat>.

use super::{Answer, Stop, Usage};
use crate::llm::prompt::Prompt;
use crate::llm::{Config, Provider};
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// OpenAI's own models know only the newer name of the bound, other servers often only the older.
#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    messages: [Message<'a>; 2],
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

pub(super) fn request(config: &Config, base: &Url, prompt: &Prompt) -> Result<Vec<u8>, serde_json::Error> {
    let own = Provider::OpenAi.url().strip_prefix("https://") == base.host_str();
    let most = Some(config.max_tokens);
    let request = Request {
        model: &config.model,
        max_completion_tokens: most.filter(|_| own),
        max_tokens: most.filter(|_| !own),
        messages: [
            Message { role: "system", content: &prompt.system },
            Message { role: "user", content: &prompt.user },
        ],
    };
    serde_json::to_vec(&request)
}

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Choice {
    message: Reply,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Reply {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    prompt_tokens: u64,
    completion_tokens: u64,
}

pub(super) fn answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let body: Body = serde_json::from_slice(body)?;
    let usage = body
        .usage
        .map(|tokens| Usage { input_tokens: tokens.prompt_tokens, output_tokens: tokens.completion_tokens });
    let Some(Choice { message, finish_reason }) = body.choices.into_iter().next() else {
        return Ok(Answer { model: body.model, text: String::new(), stop: Stop::Complete, usage });
    };
    let stop = match finish_reason.as_deref() {
        _ if message.refusal.is_some() => Stop::Refused,
        Some("stop") | None => Stop::Complete,
        Some("length") => Stop::Truncated,
        Some("content_filter") => Stop::Refused,
        Some(other) => Stop::Other(other.to_owned()),
    };
    Ok(Answer { model: body.model, text: message.content.unwrap_or_default(), stop, usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_choice_is_read() {
        let body = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-x","choices":[{"index":0,
            "message":{"role":"assistant","content":"a","refusal":null,"annotations":[]},"logprobs":null,
            "finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,
            "completion_tokens_details":{"reasoning_tokens":0}}}"#;
        let read = answer(body.as_bytes()).unwrap();
        assert_eq!((read.text.as_str(), read.stop), ("a", Stop::Complete));
        assert_eq!(read.usage, Some(Usage { input_tokens: 10, output_tokens: 7 }));
    }

    #[test]
    fn every_reason_to_stop_is_understood_or_named() {
        let stop = |reason: &str, refusal: &str| {
            let message = format!(r#"{{"role":"assistant","content":null,"refusal":{refusal}}}"#);
            let body = format!(r#"{{"choices":[{{"message":{message},"finish_reason":{reason}}}]}}"#);
            answer(body.as_bytes()).unwrap().stop
        };
        assert_eq!(stop("\"length\"", "null"), Stop::Truncated);
        assert_eq!(stop("\"content_filter\"", "null"), Stop::Refused);
        assert_eq!(stop("\"stop\"", "\"I cannot\""), Stop::Refused);
        assert_eq!(stop("\"tool_calls\"", "null"), Stop::Other("tool_calls".to_owned()));
        assert_eq!(stop("null", "null"), Stop::Complete);
        assert_eq!(answer(br#"{"choices":[]}"#).unwrap().text, "");
    }

    #[test]
    fn the_bound_on_tokens_has_the_name_that_the_server_knows() {
        let config = Config::new(Provider::OpenAi, "m");
        let prompt = Prompt { system: "s".to_owned(), user: "u".to_owned() };
        let sent = |base: &str| {
            let body = request(&config, &Url::parse(base).unwrap(), &prompt).unwrap();
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()
        };
        let own = sent("https://api.openai.com");
        assert_eq!(
            (&own["max_completion_tokens"], &own["max_tokens"]),
            (&32_000.into(), &serde_json::Value::Null)
        );
        let other = sent("http://127.0.0.1:8000");
        assert_eq!(
            (&other["max_completion_tokens"], &other["max_tokens"]),
            (&serde_json::Value::Null, &32_000.into())
        );
    }
}
