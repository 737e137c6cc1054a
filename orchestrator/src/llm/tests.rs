//! The designer against a server on this machine that speaks both wire formats, well and badly.

use super::testing::brief;
use super::*;
use aiv1_client::Retry;
use aiv1_model::Digest;
use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A reply that can be used: `step` is what it changes the parent's function to.
fn reply(step: u8) -> String {
    format!(
        "### RATIONALE\nA coarser step saves bits.\n### PREDICTION\n{{\"bd_rate\": -2.5}}\n### NAME\nstep-{step}\n\
         ### EDITS\n```\n<<<<<<< SEARCH\nfn step() -> u8 {{ 1 }}\n=======\nfn step() -> u8 {{ {step} }}\n\
         >>>>>>> REPLACE\n```\n"
    )
}

/// An answer of the Messages API.
fn message(text: &str, stop_reason: &str) -> Value {
    json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-opus-5-5-20260901",
        "content": [{ "type": "thinking", "thinking": "…", "signature": "s" }, { "type": "text", "text": text }],
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": { "input_tokens": 10_000, "output_tokens": 2_000, "service_tier": "standard" }
    })
}

/// An answer of chat completions.
fn completion(text: &str, finish_reason: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5.4-2026-03-05",
        "choices": [{
            "index": 0, "message": { "role": "assistant", "content": text, "refusal": null },
            "logprobs": null, "finish_reason": finish_reason
        }],
        "usage": { "prompt_tokens": 10_000, "completion_tokens": 2_000, "total_tokens": 12_000 }
    })
}

fn ok(document: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

fn error(status: u16, message: &str) -> Response {
    let document = json!({ "type": "error", "error": { "type": "an_error", "message": message } });
    (StatusCode::from_u16(status).unwrap(), document.to_string()).into_response()
}

/// What a server answers once.
type Respond = fn() -> Response;

/// What a server was asked.
type Asked = Arc<Mutex<Vec<(Parts, Value)>>>;

/// A server that gives these answers in order, the last one again and again; where it listens, and what it was asked.
async fn serve(answers: Vec<Respond>) -> (String, Asked) {
    let asked = Asked::default();
    let heard = Arc::clone(&asked);
    let handler = move |request: axum::extract::Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let number = {
            let mut heard = heard.lock().unwrap();
            heard.push((parts, serde_json::from_slice(&body).unwrap()));
            heard.len() - 1
        };
        answers[number.min(answers.len() - 1)]()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (format!("http://{address}"), asked)
}

/// Asks a server of this provider, with a key that must not leak.
fn config(provider: Provider, url: &str) -> Config {
    let model = match provider {
        Provider::Anthropic => "claude-opus-5-5",
        Provider::OpenAi => "gpt-5.4",
    };
    let moment = Duration::from_millis(1);
    Config {
        url: url.to_owned(),
        key: Key::new("a-secret"),
        deadline: Duration::from_secs(30),
        retry: Retry { tries: 3, first: moment, most: moment },
        ..Config::new(provider, model)
    }
}

async fn ask(config: Config) -> Result<Designed, DesignError> {
    LlmDesigner::new(config).unwrap().design(&brief()).await
}

/// What comes of these answers, and how often was asked.
async fn after(answers: Vec<Respond>) -> (Result<Designed, DesignError>, usize) {
    let (url, asked) = serve(answers).await;
    let designed = ask(config(Provider::Anthropic, &url)).await;
    let asked = asked.lock().unwrap().len();
    (designed, asked)
}

/// The problem with a reply of this text, which was paid for all the same.
async fn problem(answer: Respond) -> ReplyProblem {
    match after(vec![answer]).await {
        (Ok(Designed::Unusable { problem, charge }), 1) => {
            assert_eq!(charge.counted(), 80_000, "10,000 tokens at $4 and 2,000 at $20 a million");
            problem
        }
        other => panic!("{other:?}"),
    }
}

fn proposed(designed: Result<Designed, DesignError>) -> LlmProposal {
    match designed {
        Ok(Designed::Proposal(proposal)) => *proposal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_messages_api_is_spoken_as_it_is_documented() {
    let (url, asked) = serve(vec![|| ok(&message(&reply(2), "end_turn"))]).await;
    let proposal = proposed(ask(config(Provider::Anthropic, &url)).await);
    assert_eq!(proposal.source, brief().parent.source.replace("{ 1 }", "{ 2 }"));
    assert_eq!((proposal.name.as_str(), proposal.prediction.bd_rate), ("step-2", -2.5));
    assert_eq!(proposal.prediction.anchor, "x265-medium");
    let cost = &proposal.charge.cost;
    assert_eq!(cost.model, "claude-opus-5-5-20260901");
    assert_eq!((cost.replies, cost.input_tokens, cost.output_tokens), (1, 10_000, 2_000));
    assert_eq!(cost.microdollars, Some(80_000));
    let asked = asked.lock().unwrap();
    let (parts, body) = &asked[0];
    assert_eq!((parts.method.as_str(), parts.uri.path()), ("POST", "/v1/messages"));
    assert_eq!(parts.headers["x-api-key"], "a-secret");
    assert_eq!(parts.headers["anthropic-version"], "2023-06-01");
    assert_eq!(parts.headers["content-type"], "application/json");
    assert!(!parts.headers.contains_key("authorization"));
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("claude-opus-5-5"), &json!(32_000)));
    assert_eq!(body["messages"][0]["role"], "user");
    assert!(body["system"].as_str().unwrap().contains("### EDITS"));
    assert!(body.get("stream").is_none());
}

#[tokio::test]
async fn chat_completions_are_spoken_as_they_are_documented() {
    let (url, asked) = serve(vec![|| ok(&completion(&reply(2), "stop"))]).await;
    let proposal = proposed(ask(config(Provider::OpenAi, &format!("{url}/v1"))).await);
    assert_eq!(
        proposal.charge.cost.microdollars,
        Some(55_000),
        "10,000 tokens at $2.50 and 2,000 at $15 a million"
    );
    let asked = asked.lock().unwrap();
    let (parts, body) = &asked[0];
    assert_eq!(parts.uri.path(), "/v1/chat/completions");
    assert_eq!(parts.headers["authorization"], "Bearer a-secret");
    assert!(!parts.headers.contains_key("x-api-key"));
    let roles = [&body["messages"][0]["role"], &body["messages"][1]["role"]];
    assert_eq!((roles, &body["max_tokens"]), ([&json!("system"), &json!("user")], &json!(32_000)));
}

#[tokio::test]
async fn a_server_of_one_s_own_needs_no_key_and_may_count_no_tokens() {
    let uncounted = || {
        let mut answer = completion(&reply(2), "stop");
        answer["usage"] = Value::Null;
        ok(&answer)
    };
    let (url, asked) = serve(vec![uncounted]).await;
    let own = Config { key: None, model: "qwen".to_owned(), price: None, ..config(Provider::OpenAi, &url) };
    let charge = proposed(ask(own).await).charge;
    assert_eq!((charge.cost.replies, charge.cost.microdollars, charge.counted()), (1, None, 0));
    assert!(!asked.lock().unwrap()[0].0.headers.contains_key("authorization"));
    // Where there is a price, budgets count the most that it may have been.
    let charge = proposed(ask(config(Provider::OpenAi, &url)).await).charge;
    assert_eq!(charge.cost.microdollars, None);
    assert!(charge.counted() > 480_000, "32,000 tokens at $15 a million and the prompt");
}

#[tokio::test]
async fn truncated_and_refused_replies_are_told_apart_and_paid_for() {
    assert_eq!(problem(|| ok(&message(&reply(2), "max_tokens"))).await, ReplyProblem::Truncated);
    assert_eq!(problem(|| ok(&message("I cannot.", "refusal"))).await, ReplyProblem::Refused);
    let stopped = problem(|| ok(&message("", "pause_turn\u{1b}[2J"))).await;
    assert_eq!(stopped.to_string().matches("pause_turn [2J").count(), 1, "{stopped}");
    for (finish_reason, expected) in [("length", "reply_truncated"), ("content_filter", "reply_refused")] {
        let answer: Respond = match finish_reason {
            "length" => || ok(&completion(&reply(2), "length")),
            _ => || ok(&completion("", "content_filter")),
        };
        let (url, _) = serve(vec![answer]).await;
        assert_eq!(ask(config(Provider::OpenAi, &url)).await.unwrap().outcome(), expected);
    }
}

#[tokio::test]
async fn a_hostile_reply_is_refused_with_its_reason() {
    let answers: [(Respond, &str); 6] = [
        (|| ok(&message("", "end_turn")), "reply_empty"),
        (|| ok(&message("Sure! Here is the codec: …", "end_turn")), "reply_form"),
        (|| ok(&message(&reply(1), "end_turn")), "reply_unchanged"),
        (
            || ok(&message(&reply(2).replace("saves", "<script>alert(1)</script>"), "end_turn")),
            "reply_markup",
        ),
        (
            || ok(&message(&reply(2).replace("saves", "\u{1b}]0;owned\u{7}"), "end_turn")),
            "reply_terminal_escape",
        ),
        (|| ok(&message(&reply(2).replace("step-", "../"), "end_turn")), "reply_name"),
    ];
    for (answer, expected) in answers {
        assert_eq!(problem(answer).await.kind(), expected);
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_after_the_pause_that_it_wants() {
    let answers: Vec<Respond> = vec![
        || ([(header::RETRY_AFTER, "0")], error(429, "slow down")).into_response(),
        || error(529, "overloaded"),
        || ok(&message(&reply(2), "end_turn")),
    ];
    let (designed, asked) = after(answers).await;
    assert_eq!((proposed(designed).charge.cost.replies, asked), (1, 3));
}

#[tokio::test]
async fn a_server_that_stays_broken_is_given_up() {
    let (designed, asked) = after(vec![|| error(500, "broken")]).await;
    assert!(matches!(&designed, Err(DesignError::Busy { status: 500, tries: 3, .. })), "{designed:?}");
    assert_eq!(asked, 3);
    let later = || ([(header::RETRY_AFTER, "3600")], error(429, "tomorrow")).into_response();
    let (designed, asked) = after(vec![later]).await;
    let an_hour = Some(Duration::from_hours(1));
    assert!(
        matches!(&designed, Err(DesignError::Busy { tries: 1, retry_after, .. }) if *retry_after == an_hour)
    );
    assert_eq!(asked, 1, "who is told to come back in an hour does not come back at once");
}

#[tokio::test]
async fn a_request_that_is_refused_is_not_repeated_and_the_key_is_not_told() {
    let answers: [Respond; 4] = [
        || error(400, "max_tokens: too many"),
        || error(401, "the key a-secret is \u{1b}[31mwrong"),
        || error(403, "not with a-secret"),
        || error(404, "no such model"),
    ];
    for answer in answers {
        let (designed, asked) = after(vec![answer]).await;
        let error = designed.unwrap_err();
        assert!(matches!(error, DesignError::Refused { .. }), "{error}");
        let said = format!("{error} {error:?}");
        assert!(!said.contains("a-secret") && !said.contains('\u{1b}'), "{said}");
        assert_eq!((asked, error.charge()), (1, None));
    }
}

#[tokio::test]
async fn the_key_goes_to_no_other_address() {
    let (elsewhere, asked_elsewhere) = serve(vec![|| ok(&message(&reply(2), "end_turn"))]).await;
    let there = elsewhere.clone();
    let router = Router::new().fallback(move || async move { Redirect::temporary(&there) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let error = ask(config(Provider::Anthropic, &url)).await.unwrap_err();
    assert!(matches!(error, DesignError::Refused { status: 307, .. }), "{error}");
    assert!(asked_elsewhere.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_none_is_lost_and_counted_and_not_asked_for_again() {
    let answers: [(Respond, &str); 4] = [
        (|| "<html>".into_response(), "cannot be read"),
        (|| ok(&json!({ "content": 5 })), "cannot be read"),
        (|| vec![b' '; call::MAX_ANSWER as usize + 1].into_response(), "more than the 2097152 bytes"),
        (
            || {
                let chunks = (0..3).map(|_| Ok::<_, std::convert::Infallible>(vec![b' '; 1 << 20]));
                Body::from_stream(futures_util::stream::iter(chunks)).into_response()
            },
            "more than the 2097152 bytes",
        ),
    ];
    for (answer, expected) in answers {
        let (designed, asked) = after(vec![answer]).await;
        let error = designed.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.charge().unwrap().counted() > 640_000, "32,000 tokens at $20 a million and the prompt");
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_at_the_deadline() {
    let endless = || {
        let begun = futures_util::stream::iter([Ok::<_, std::convert::Infallible>("{")]);
        Body::from_stream(begun.chain(futures_util::stream::pending())).into_response()
    };
    let (url, asked) = serve(vec![endless]).await;
    let config = Config { deadline: Duration::from_millis(500), ..config(Provider::Anthropic, &url) };
    let error = ask(config).await.unwrap_err();
    assert!(matches!(error, DesignError::Lost { .. }), "{error}");
    assert_eq!(asked.lock().unwrap().len(), 1, "it may have been paid for");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_not_to_be() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(config(Provider::Anthropic, &url)).await.unwrap_err();
    assert!(matches!(error, DesignError::Unreachable { tries: 3, .. }), "{error}");
}

#[tokio::test]
async fn nothing_is_asked_that_might_pass_a_budget() {
    let (url, asked) = serve(vec![|| ok(&message(&reply(2), "end_turn"))]).await;
    let bounded = |per_experiment, per_day| {
        let budget = Budget { per_experiment, per_day };
        LlmDesigner::new(Config { budget, ..config(Provider::Anthropic, &url) }).unwrap()
    };
    // The reply alone may cost 64 cents.
    for designer in [bounded(Some(640_000), None), bounded(None, Some(640_000))] {
        let error = designer.design(&brief()).await.unwrap_err();
        assert!(matches!(error, DesignError::OverBudget(_)), "{error}");
    }
    let designer = bounded(Some(1_000_000), Some(1_000_000));
    let spent = |experiment, day| Brief { spent: Spent { experiment, day }, ..brief() };
    assert!(designer.design(&spent(350_000, 350_000)).await.is_err());
    assert!(asked.lock().unwrap().is_empty(), "no money was spent on finding out");
    designer.design(&spent(0, 0)).await.unwrap();
}

/// Three generations, each the parent of the next; the second one takes two replies.
async fn evolution(designer: &LlmDesigner) -> Vec<String> {
    let (mut brief, mut told) = (brief(), Vec::new());
    while brief.parent.source.contains("u8 { 1 }") || told.len() < 4 {
        match designer.design(&brief).await.unwrap() {
            Designed::Proposal(proposal) => {
                told.push(format!("{} {:?}", proposal.name, proposal.charge));
                brief.parent.id = aiv1_model::ExperimentId::of(&Digest::of(proposal.source.as_bytes()));
                brief.parent.source = proposal.source;
                brief.tries.clear();
            }
            Designed::Unusable { problem, charge } => {
                told.push(format!("{problem} {charge:?}"));
                brief.tries.push(Try { change: None, outcome: TryOutcome::Unusable(problem) });
            }
        }
    }
    told
}

fn whole(step: u8) -> String {
    let edits = reply(step);
    let head = edits.split("### EDITS").next().unwrap();
    format!("{head}### SOURCE\n```rust\nfn step() -> u8 {{ {step} }}\n```\n")
}

#[tokio::test]
async fn a_recorded_evolution_is_replayed_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let records: PathBuf = folder.path().join("replies");
    let (url, asked) = serve(vec![
        || ok(&message(&reply(2), "end_turn")),
        || ok(&message("### NAME\nhalf", "max_tokens")),
        || ok(&message(&whole(3), "end_turn")),
        || ok(&message(&whole(4), "end_turn")),
    ])
    .await;
    let recording =
        Config { replies: Replies::Recording(records.clone()), ..config(Provider::Anthropic, &url) };
    let told = evolution(&LlmDesigner::new(recording).unwrap()).await;
    assert_eq!((told.len(), asked.lock().unwrap().len()), (4, 4), "{told:?}");
    assert_eq!(files(&records).len(), 4);
    for file in files(&records) {
        assert!(!std::fs::read_to_string(file).unwrap().contains("a-secret"));
    }
    // Nobody listens there, and no key is needed.
    let replies = Replies::Recorded(records);
    let replaying = Config { key: None, replies, ..config(Provider::Anthropic, "http://127.0.0.1:9") };
    let designer = LlmDesigner::new(replaying).unwrap();
    assert_eq!(evolution(&designer).await, told);
    let other = Brief { reference: "svt-av1-8".to_owned(), ..brief() };
    let error = designer.design(&other).await.unwrap_err();
    assert!(matches!(error, DesignError::NotRecorded { .. }), "{error}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_designer_that_could_not_hold_its_budget_is_not_made() {
    let budget = Budget { per_day: Some(1), ..Budget::default() };
    let unpriced = Config { price: None, budget, ..config(Provider::OpenAi, "http://127.0.0.1:9") };
    assert_eq!(LlmDesigner::new(unpriced).unwrap_err().variable, BUDGET_DAY);
}
