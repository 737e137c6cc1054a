//! Text from codecs, models and workers: whatever it says, it stays text.

use crate::sample;
use crate::site::{Answer, Site};
use aiv1_model::{Arm, CANARIES, Canary, CaughtBy, Evidence, Failure, Fault, Phase, Record, Submission};
use axum::http::StatusCode;

/// Tries to be markup, to leave an attribute, to turn the line, to clear a terminal, to be long.
fn hostile() -> String {
    format!(
        "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}evil\u{1b}[2J\0{}",
        "x".repeat(4000)
    )
}

fn spoil(mut record: Record) -> Record {
    record.codec.name = hostile();
    for clip in &mut record.clips {
        clip.name = hostile();
    }
    if let Some(declaration) = &mut record.codec.declaration {
        declaration.about = hostile();
        for parameter in &mut declaration.parameters {
            parameter.help = hostile();
        }
    }
    for anchor in &mut record.anchors {
        anchor.encode.tuning = hostile();
        anchor.encode.encoder = hostile();
        anchor.encode.command = vec![hostile()];
    }
    record.machine.cpu = Some(hostile());
    record.machine.ffmpeg = Some(hostile());
    record.machine.lab = hostile();
    record
}

fn is_harmless(path: &str, answer: &Answer) {
    assert!(answer.status.is_success() || answer.status.is_client_error(), "{path}: {}", answer.status);
    assert!(
        !answer.body.contains("<script>") && !answer.body.contains("<img src=x"),
        "{path} lets markup through"
    );
    for letter in ['\u{202e}', '\u{1b}', '\0'] {
        assert!(!answer.body.contains(letter), "{path} lets {letter:?} through");
    }
    let page = answer.document();
    assert!(page.all("[onerror], [onload], script:not([src])").is_empty(), "{path}");
    assert!(answer.body.len() < 100_000, "{path} has {} bytes", answer.body.len());
}

#[tokio::test]
async fn hostile_text_stays_text_on_every_page() {
    let site = Site::empty();
    let lab = &site.lab;
    for mut clip in sample::clips() {
        clip.info.name = hostile();
        clip.set = hostile();
        lab.catalog.put_clip(&clip).await.unwrap();
    }
    let rationale = hostile();
    lab.submit_as(&hostile(), Arm::Person, 1.1, &rationale[..rationale.floor_char_boundary(4096)]).await;
    let good = lab.end("bench-1", |submission: &Submission| spoil(sample::record(submission, 0.9))).await;
    lab.submit_as(&hostile(), Arm::Search, 1.2, &rationale).await;
    let failure = Failure {
        fault: Fault::Candidate,
        phase: Phase::Execution,
        kind: hostile(),
        message: hostile(),
        clip: None,
        quality_index: None,
        evidence: vec![
            Evidence::new(hostile(), &hostile()),
            Evidence::new("backtrace", &"\u{202e}<b>".repeat(9000)),
        ],
    };
    let failed =
        lab.end("bench-1", |submission: &Submission| spoil(sample::failed(submission, failure))).await;
    lab.submit_as(&hostile(), Arm::Search, 1.3, &rationale).await;
    let running = lab.claim("bench-1").await.experiment;
    let codec = running.submission.source;
    let (clip, quality) = (running.submission.clips[0], 16);
    for path in [
        "/".to_owned(),
        "/?tab=failed".to_owned(),
        "/?tab=in_progress".to_owned(),
        "/blog".to_owned(),
        format!("/blog/{good}"),
        format!("/blog/{good}?video=1"),
        format!("/blog/{good}/frames.svg?clip={clip}&q={quality}"),
        format!("/blog/{failed}"),
        format!("/blog/{}", running.id),
        format!("/compare?ids={good},{failed}"),
        format!("/codecs/{codec}"),
        "/codecs".to_owned(),
        "/clips".to_owned(),
        "/feed.xml".to_owned(),
        "/sitemap.xml".to_owned(),
        "/partials/live?tab=in_progress".to_owned(),
        "/%3Cscript%3E/%1b%00".to_owned(),
        "/?tab=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE%1b".to_owned(),
        "/blog/%3Cscript%3E%E2%80%AE".to_owned(),
    ] {
        is_harmless(&path, &site.get(&path).await);
    }
    let page = site.page(&format!("/blog/{failed}")).await;
    assert!(page.text("h1").contains("<script>alert(1)</script>"), "it is shown, as text");
    assert_eq!(site.get(&format!("/blog/{good}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_canary_in_a_reply_is_text_wherever_it_is_shown() {
    let site = Site::empty();
    for clip in sample::clips() {
        site.lab.catalog.put_clip(&clip).await.unwrap();
    }
    for (canary, amount) in
        CANARIES.iter().filter(|canary| canary.caught_by == CaughtBy::Display).zip([1.1, 1.2])
    {
        assert_eq!(canary.expected, Canary::ESCAPED);
        let reply = match canary.name {
            "markup_in_reply" => "better <img src=x onerror=alert(1)><script>alert(2)</script>",
            "escapes_in_reply" => "better \u{1b}[31mred\u{9b}2J \u{202e}transform\0",
            other => panic!("no reply with the canary {other}"),
        };
        let codec = reply.replace(' ', "-");
        site.lab.submit_as(&codec, Arm::Llm, amount, reply).await;
        let id = site.lab.end("bench-1", |submission: &Submission| sample::record(submission, 0.9)).await;
        for path in ["/".to_owned(), "/blog".to_owned(), format!("/blog/{id}"), "/feed.xml".to_owned()] {
            let answer = site.get(&path).await;
            is_harmless(&path, &answer);
            assert!(answer.body.contains("better"), "{path} shows the reply");
        }
    }
}
