//! The language model's turns: a server that speaks the Messages API answers from a script.

use super::*;
use aiv1_model::{DesignCost, Event, FailureSummary};
use aiv1_orchestrator::MAX_TRIES;
use aiv1_orchestrator::llm::{self, LlmDesigner, Provider, Replies};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Mutex;

/// What the server was asked, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// A server that gives these replies, each once and in order, the last one again and again.
async fn model(replies: Vec<String>) -> (String, Asked) {
    let asked = Asked::default();
    let heard = asked.clone();
    let answer = move |Json(request): Json<Value>| {
        let (replies, heard) = (replies.clone(), heard.clone());
        async move {
            let mut heard = heard.lock().unwrap();
            heard.push(request["messages"].to_string());
            let reply = &replies[(heard.len() - 1).min(replies.len() - 1)];
            Json(json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
                "content": [{ "type": "text", "text": reply }], "stop_reason": "end_turn",
                "usage": { "input_tokens": 10_000, "output_tokens": 1_000 },
            }))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/messages", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, asked)
}

/// A reply that can be used; what it proposes differs by `n`.
fn reply(n: u32, bd_rate: f64) -> String {
    format!(
        "### RATIONALE\nA smaller step, number {n}.\n\n### PREDICTION\n{{\"bd_rate\": {bd_rate:.1}, \"decode_fuel_per_pixel\": 80}}\n\n\
         ### NAME\nsmaller-{n}\n\n### SOURCE\n```rust\npub fn step() -> u32 {{ {n} }}\n```\n"
    )
}

fn designer(url: &str, replies: Replies) -> LlmDesigner {
    let mut config = llm::Config::new(Provider::Anthropic, "claude-opus-5-5");
    url.clone_into(&mut config.url);
    config.key = llm::Key::new("a-key");
    config.replies = replies;
    LlmDesigner::new(config).unwrap()
}

/// Only the model has turns, once the starting codec is measured.
fn only_the_model(lab: &Lab, designer: LlmDesigner) -> Orchestrator {
    let config = Config { search_share: 0, random_share: 0, llm_share: 1, ahead: 1, ..config(1) };
    lab.orchestrator(&[bowl_codec()], config).with_model(Some(designer))
}

/// What the bowl says of the starting codec; every codec of the model fails.
fn only_the_bowl(parameters: &Parameters) -> Option<f64> {
    if parameters.is_empty() { None } else { bowl(parameters) }
}

async fn steps(lab: &Lab, orchestrator: &mut Orchestrator, experiments: usize) {
    for _ in 0..experiments {
        let step = orchestrator.step().await.unwrap();
        assert!(matches!(step, Step::Submitted(_)), "{step:?}");
        lab.work(&only_the_bowl).await;
    }
}

async fn journal(lab: &Lab) -> Vec<Event> {
    let page = lab.catalog().journal(None, 200).await.unwrap();
    page.entries
        .into_iter()
        .rev()
        .inspect(|entry| assert_eq!(entry.by, JournalEntry::LOOP))
        .map(|entry| entry.event)
        .collect()
}

#[tokio::test]
async fn what_it_proposes_is_an_experiment_with_its_parent_its_prediction_and_its_cost() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let (url, asked) = model(vec![reply(1, -7.5)]).await;
    let mut orchestrator = only_the_model(&lab, designer(&url, Replies::Live));
    steps(&lab, &mut orchestrator, 2).await;
    let experiments = lab.experiments().await;
    let [start, proposed] = experiments.as_slice() else { panic!("{experiments:?}") };
    let origin = &proposed.origin;
    assert_eq!((origin.arm, origin.parent.as_ref()), (Arm::Llm, Some(&start.id)));
    assert_eq!(origin.rationale, "A smaller step, number 1.");
    let prediction = origin.prediction.as_ref().unwrap();
    assert_eq!((prediction.bd_rate, prediction.decode_fuel_per_pixel), (-7.5, Some(80.0)));
    assert_eq!(prediction.anchor, ANCHOR);
    let DesignCost { replies, input_tokens, output_tokens, microdollars, .. } = origin.cost.clone().unwrap();
    assert_eq!((replies, input_tokens, output_tokens), (1, 10_000, 1_000));
    assert!(microdollars.is_some_and(|cost| cost > 0));
    assert_eq!(proposed.submission.codec, "smaller-1");
    let key = BlobKey::object(ObjectKind::Source, proposed.submission.source);
    let source = lab.blobs().get(&key, 10_000).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&source).contains("fn step() -> u32 { 1 }"));
    assert_eq!(lab.catalog().loop_state().await.unwrap().spent_microdollars, microdollars.unwrap());
    // It was told what is true, and nothing of clips that nobody may see.
    let told = asked.lock().unwrap().concat();
    assert!(told.contains("// the source of bowl") && told.contains(ANCHOR), "{told}");
}

#[tokio::test]
async fn it_is_told_what_failed_until_a_person_is_asked_and_then_goes_on_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let (url, asked) = model((1..10).map(|n| reply(n, -1.0)).collect()).await;
    let mut orchestrator = only_the_model(&lab, designer(&url, Replies::Live));
    steps(&lab, &mut orchestrator, 1 + MAX_TRIES + 1).await;
    let told = asked.lock().unwrap().clone();
    assert!(!told[0].contains("it trapped") && told[1].contains("it trapped"), "{}", told[1]);
    assert!(told[1].contains("fn step() -> u32 { 1 }") && told[2].contains("fn step() -> u32 { 2 }"));
    let experiments = lab.experiments().await;
    let waiting: Vec<u64> =
        experiments.iter().filter(|one| one.attention.is_some()).map(|one| one.number).collect();
    assert_eq!(waiting, [1 + MAX_TRIES as u64], "the last of the tries, and no other");
    let last = &experiments[MAX_TRIES];
    assert!(last.attention.as_ref().unwrap().reason.contains("it trapped"));
    let FailureSummary { kind, .. } = last.failure.as_ref().unwrap();
    assert_eq!(kind, "trap");
    // The next proposal begins anew; of that one it is told that it was made, and what came of it.
    let anew = &told[MAX_TRIES];
    assert!(
        !anew.contains("Your earlier tries at this change") && anew.contains("Your last proposals"),
        "{anew}"
    );
    // Once a person has seen to it, nothing is asked of that again.
    let resolved = Action::Resolved { note: "the model was told".to_owned() };
    lab.catalog().act(&last.id, "operator", &resolved).await.unwrap();
    steps(&lab, &mut orchestrator, 1).await;
    let open = lab
        .experiments()
        .await
        .into_iter()
        .filter(|one| one.attention.as_ref().is_some_and(aiv1_model::Attention::is_open));
    assert_eq!(open.count(), 0);
}

#[tokio::test]
async fn a_reply_that_cannot_be_used_is_a_line_of_the_journal_and_asked_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let hostile = reply(1, -1.0).replace("A smaller step", "<script>alert(1)</script>\u{1b}[2J");
    let (url, asked) = model(vec![String::new(), hostile, reply(2, -1.0)]).await;
    let mut orchestrator = only_the_model(&lab, designer(&url, Replies::Live));
    steps(&lab, &mut orchestrator, 2).await;
    let outcomes: Vec<String> = journal(&lab)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::Note(Note::ModelCalled { outcome, .. }) => Some(outcome),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
    assert_eq!((outcomes[0].as_str(), outcomes[2].as_str()), ("reply_empty", "proposed"));
    assert!(asked.lock().unwrap()[1].contains("the reply was empty"));
    let experiments = lab.experiments().await;
    assert_eq!(experiments[1].origin.cost.as_ref().unwrap().replies, 3, "what it took is counted in");
    assert!(!experiments[1].origin.rationale.contains('<'));
}

#[tokio::test]
async fn while_its_last_proposal_is_measured_its_turns_are_the_search_s() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let (url, _) = model((1..10).map(|n| reply(n, -1.0)).collect()).await;
    let config = Config { search_share: 1, random_share: 0, llm_share: 1, ahead: 6, ..config(1) };
    let mut orchestrator =
        lab.orchestrator(&[bowl_codec()], config).with_model(Some(designer(&url, Replies::Live)));
    orchestrator.step().await.unwrap();
    lab.work(&only_the_bowl).await;
    while let Step::Submitted(_) = orchestrator.step().await.unwrap() {}
    let experiments = lab.experiments().await;
    let of = |arm| experiments.iter().filter(|one| one.origin.arm == arm).count();
    assert_eq!((of(Arm::Llm), of(Arm::Search)), (1, 5));
}

#[tokio::test]
async fn a_budget_that_is_used_up_lets_the_turn_pass_and_nobody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let (url, asked) = model(vec![reply(1, -1.0)]).await;
    let mut config = llm::Config::new(Provider::Anthropic, "claude-opus-5-5");
    config.url = url;
    config.key = llm::Key::new("a-key");
    config.budget.per_day = Some(1);
    let mut orchestrator = only_the_model(&lab, LlmDesigner::new(config).unwrap());
    steps(&lab, &mut orchestrator, 1).await;
    assert_eq!(orchestrator.step().await.unwrap(), Step::ModelWaits);
    assert!(asked.lock().unwrap().is_empty());
    assert!(journal(&lab).await.is_empty());
}

#[tokio::test]
async fn a_whole_evolution_is_replayed_from_its_recorded_replies() {
    let (folder, records) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (url, _) = model((1..10).map(|n| reply(n, -f64::from(n))).collect()).await;
    let mut evolutions = Vec::new();
    let unreachable = "http://127.0.0.1:9".to_owned();
    for (name, url, replies) in [
        ("live", url, Replies::Recording(records.path().to_owned())),
        ("replayed", unreachable, Replies::Recorded(records.path().to_owned())),
    ] {
        let lab = Lab::with_clip(&folder.path().join(name)).await;
        let mut orchestrator = only_the_model(&lab, designer(&url, replies));
        steps(&lab, &mut orchestrator, 6).await;
        let experiments = lab.experiments().await;
        evolutions.push(experiments.into_iter().map(|one| (one.submission, one.origin)).collect::<Vec<_>>());
    }
    assert_eq!(evolutions[0].len(), 6);
    assert!(evolutions[0] == evolutions[1]);
}
