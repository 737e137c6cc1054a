//! How the functions start: from `exec` to the first answer, which asks the store over TLS, as AWS would see it after its own
//! part of a cold start. Run by `make bench`, which builds the functions first. Prints; asserts no time.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark reports by printing and panicking")]

use aiv1_model::{Digest, ExperimentId};
use aiv1_store::{Rebuild, RebuildMessage};
use aiv1_test_servers::gateway::event;
use aiv1_test_servers::{Lambda, Ministack, Outcome};
use aiv1_tests::{cache, workspace};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

const STARTS: usize = 30;
const MIB: f64 = 1024.0 * 1024.0;

fn main() {
    let server = Ministack::start_tls();
    let certificate = server.certificate().display().to_string();
    let mut variables = server.environment();
    for (name, value) in [
        ("SSL_CERT_FILE", certificate.as_str()),
        ("AIV1_TABLE", "lab"),
        ("AIV1_BUCKET", "lab"),
        ("AIV1_PUBLIC_URL", "https://lab.example"),
        ("AIV1_PARAMETERS", "/aiv1/bench"),
    ] {
        variables.push((name.to_owned(), value.to_owned()));
    }
    create_store(&variables, &certificate);
    println!(
        "{:<18} {:>10} {:>10} {:>12} {:>12} {:>12} {:>10}",
        "", "MiB", "packed", "cold p50 ms", "cold max ms", "warm p50 ms", "peak MiB"
    );
    for name in ["dashboard-ssr", "experiment-api", "presign", "regenerate-video", "housekeeping"] {
        let program = workspace().join("dist/lambda").join(name).join("bootstrap");
        let bytes = std::fs::read(&program)
            .unwrap_or_else(|error| panic!("{}: {error}: run `make build-lambda`", program.display()));
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&bytes).unwrap();
        print!(
            "{name:<18} {:>10.2} {:>10.2}",
            bytes.len() as f64 / MIB,
            packed.finish().unwrap().len() as f64 / MIB
        );
        let event = first_event(name);
        let (mut cold, mut warm, mut peak) = (Vec::new(), Vec::new(), 0);
        for _ in 0..STARTS {
            let begun = Instant::now();
            let mut lambda = Lambda::start(&program, &variables);
            answers(&mut lambda, &event);
            cold.push(begun.elapsed());
            let begun = Instant::now();
            answers(&mut lambda, &event);
            warm.push(begun.elapsed());
            peak = peak.max(lambda.peak_memory());
        }
        cold.sort_unstable();
        warm.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            " {:>12.1} {:>12.1} {:>12.1} {:>10.1}",
            ms(cold[STARTS / 2]),
            ms(cold[STARTS - 1]),
            ms(warm[STARTS / 2]),
            peak as f64 / MIB
        );
    }
    println!(
        "A warm answer is the emulator's part of a cold one. Budgets: 10 ms beyond it; 5 MiB packed, regenerate-video 8."
    );
}

/// An event of the function's own that asks the store.
fn first_event(name: &str) -> Value {
    match name {
        "housekeeping" => json!({ "source": "aws.events", "detail-type": "Scheduled Event" }),
        "regenerate-video" => {
            let experiment = ExperimentId::of(&Digest::of(b"nobody's"));
            let asks = RebuildMessage {
                rebuild: Rebuild::Bundle { experiment },
                requested_at: Timestamp::UNIX_EPOCH,
            };
            json!({ "Records": [{ "eventSource": "aws:sqs", "messageId": "1", "body": json!(asks).to_string() }] })
        }
        _ => event("GET", "/health"),
    }
}

fn answers(lambda: &mut Lambda, event: &Value) {
    let Outcome::Answered(answer) = lambda.invoke(event) else { panic!("{event} was not answered") };
    let well = answer.get("statusCode").is_none_or(|status| *status == 200);
    let whole = answer.get("batchItemFailures").is_none_or(|failed| *failed == json!([]));
    assert!(well && whole, "{answer}");
}

/// The table and the bucket that `/health` looks for.
fn create_store(variables: &[(String, String)], certificate: &str) {
    let table = "dynamodb create-table --table-name lab --billing-mode PAY_PER_REQUEST --attribute-definitions \
        AttributeName=experiment_id,AttributeType=S AttributeName=timestamp,AttributeType=N --key-schema \
        AttributeName=experiment_id,KeyType=HASH AttributeName=timestamp,KeyType=RANGE";
    for call in [table, "s3api create-bucket --bucket lab"] {
        let mut aws = Command::new(cache().join("tools/sam/bin/aws"));
        aws.args(call.split_whitespace()).envs(variables.iter().cloned()).env("AWS_CA_BUNDLE", certificate);
        let made = aws.env("AWS_DEFAULT_REGION", aiv1_test_servers::REGION).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}
