//! The functions as they are deployed, each a process under the Lambda Runtime API: what it is linked with, how large it is,
//! and what becomes of it when events are not its own or the store is away. What they do right is the walk's to show.

use crate::template::{succeed, tool};
use aiv1_model::{Digest, ExperimentId};
use aiv1_store::{Rebuild, RebuildMessage};
use aiv1_test_servers::gateway::{ask, event};
use aiv1_test_servers::{Dynamo, Lambda, Outcome, environment};
use aiv1_tests::workspace;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const FUNCTIONS: [&str; 5] =
    ["dashboard-ssr", "experiment-api", "presign", "regenerate-video", "housekeeping"];
/// Those that answer requests.
const OF_THE_API: [&str; 3] = ["dashboard-ssr", "experiment-api", "presign"];
/// What `provided.al2023` has: glibc, and the libraries beside it.
const GLIBC: (u32, u32) = (2, 34);
const LIBRARIES: [&str; 5] =
    ["ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1", "libm.so.6"];
const MIB: u64 = 1 << 20;

fn program(name: &str) -> PathBuf {
    let path = workspace().join("dist/lambda").join(name).join("bootstrap");
    assert!(path.is_file(), "{} is not there: run `make build-lambda`", path.display());
    path
}

fn readelf(option: &str, program: &Path) -> String {
    succeed(Command::new("readelf").args(["--wide", option]).arg(program))
}

#[test]
fn functions_run_on_the_system_that_lambda_gives_them() {
    for program in FUNCTIONS.map(program) {
        let said = readelf("--version-info", &program);
        let versions = said.split("GLIBC_").skip(1).filter_map(|text| {
            let (major, rest) = text.split_once('.')?;
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            Some((major.parse::<u32>().ok()?, rest[..end].parse::<u32>().ok()?))
        });
        let newest = versions.max().expect("it is linked with glibc");
        assert!(newest <= GLIBC, "{} needs glibc {newest:?}, Lambda has {GLIBC:?}", program.display());
        let said = readelf("--dynamic", &program);
        let needed = said.lines().filter(|line| line.contains("(NEEDED)"));
        let needed: BTreeSet<&str> = needed.map(|line| line.split(['[', ']']).nth(1).unwrap()).collect();
        assert!(needed.contains("libc.so.6"), "{said}");
        assert!(needed.iter().all(|name| LIBRARIES.contains(name)), "{}: {needed:?}", program.display());
    }
}

/// What a cold start loads and a deployment sends.
#[test]
fn functions_are_within_their_budget_of_bytes() {
    for name in FUNCTIONS {
        let budget = match name {
            "regenerate-video" => 8 * MIB,
            // A hair above the 5 MiB of the others: it has the whole document of the API and all that workers report.
            "experiment-api" => 5 * MIB + MIB / 8,
            _ => 5 * MIB,
        };
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&std::fs::read(program(name)).unwrap()).unwrap();
        let bytes = packed.finish().unwrap().len() as u64;
        println!("{name}: {:.2} MiB packed", bytes as f64 / MIB as f64);
        assert!(bytes <= budget, "{name}: {bytes} bytes packed, its budget is {budget}");
    }
}

fn variables(dynamo: &str) -> Vec<(String, String)> {
    let ours = [
        ("AIV1_TABLE", "lab"),
        ("AIV1_BUCKET", "lab"),
        ("AIV1_PUBLIC_URL", "https://lab.example"),
        ("AIV1_PARAMETERS", "/aiv1/test"),
    ];
    let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
    environment(None, dynamo).into_iter().chain(ours).collect()
}

#[test]
fn what_is_not_a_function_s_own_event_fails_by_name() {
    // Nothing listens there: none of it reaches the store.
    let variables = variables("http://127.0.0.1:1");
    let record =
        |source: &str| json!({ "Records": [{ "eventSource": source, "messageId": "1", "body": "{}" }] });
    for name in FUNCTIONS {
        let mut lambda = Lambda::start(&program(name), &variables);
        let request = event("GET", "/");
        let mut foreign = vec![("aws:s3", record("aws:s3")), ("aws:sns", record("aws:sns"))];
        if OF_THE_API.contains(&name) {
            foreign.push(("aws:sqs", record("aws:sqs")));
        } else {
            foreign.push(("rawPath", request));
        }
        foreign.push(("", json!({})));
        foreign.push(("", json!([1])));
        for (named, event) in foreign {
            let Outcome::Failed { kind, message } = lambda.invoke(&event) else {
                panic!("{name} took {event}")
            };
            let known = if OF_THE_API.contains(&name) { "aiv1::ForeignEvent" } else { "aiv1::Handler" };
            assert_eq!(kind, known, "{name}: {message}");
            assert!(message.contains(named), "{name}: {message}");
        }
        let said = lambda.stop();
        assert!(said.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{said:#?}");
    }
}

/// A server with a lab's table that holds nothing, and what a function is told of it.
fn empty_table() -> (Dynamo, Vec<(String, String)>) {
    let dynamo = Dynamo::start();
    let endpoint = dynamo.endpoint();
    let table = "AttributeName=experiment_id,AttributeType=S AttributeName=timestamp,AttributeType=N";
    let keys = "AttributeName=experiment_id,KeyType=HASH AttributeName=timestamp,KeyType=RANGE";
    let mut create = tool("aws");
    create.args(["dynamodb", "create-table", "--table-name", "lab", "--billing-mode", "PAY_PER_REQUEST"]);
    create.arg("--attribute-definitions").args(table.split(' '));
    create.arg("--key-schema").args(keys.split(' ')).envs(environment(None, &endpoint));
    // This command knows the region by a name of its own.
    succeed(create.env("AWS_DEFAULT_REGION", aiv1_test_servers::REGION));
    (dynamo, variables(&endpoint))
}

/// A batch of a queue: messages by id, some of which ask for a rebuild that nobody knows and some for none at all.
fn batch(messages: &[(&str, bool)]) -> Value {
    let records = messages.iter().map(|(id, readable)| {
        let experiment = ExperimentId::of(&Digest::of(b"nobody's"));
        let asks =
            RebuildMessage { rebuild: Rebuild::Bundle { experiment }, requested_at: Timestamp::UNIX_EPOCH };
        let body = if *readable { json!(asks).to_string() } else { "{\"rebuild\":".to_owned() };
        json!({
            "messageId": id, "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...", "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185"
            },
            "messageAttributes": {}, "md5OfBody": "098f6bcd4621d373cade4e832627b4f6", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:rebuilds", "awsRegion": "us-east-1"
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

fn delivered_again(ids: &[&str]) -> Outcome {
    let failures: Vec<Value> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    Outcome::Answered(json!({ "batchItemFailures": failures }))
}

#[test]
fn of_a_batch_only_what_could_not_be_read_is_delivered_again() {
    let (_dynamo, variables) = empty_table();
    let mixed =
        [("one", true), ("broken", false), ("one-again", true), ("broken-again", false), ("one", true)];
    for name in ["regenerate-video", "housekeeping"] {
        let mut lambda = Lambda::start(&program(name), &variables);
        assert_eq!(lambda.invoke(&batch(&mixed)), delivered_again(&["broken", "broken-again"]), "{name}");
        assert_eq!(lambda.invoke(&batch(&[("one", true)])), delivered_again(&[]), "{name}");
        let said = lambda.stop();
        assert!(!said.iter().any(|line| line.contains("\"panic")), "{name}: {said:#?}");
    }
}

#[test]
fn what_there_is_no_time_for_is_delivered_again() {
    let (_dynamo, variables) = empty_table();
    let mut lambda = Lambda::start(&program("regenerate-video"), &variables);
    let batch = batch(&[("one", true), ("two", true)]);
    assert_eq!(lambda.invoke_within(&batch, Duration::from_secs(1)), delivered_again(&["one", "two"]));
    assert_eq!(lambda.invoke(&batch), delivered_again(&[]));
}

#[test]
fn each_round_of_the_schedule_tells_the_backlog() {
    let (_dynamo, variables) = empty_table();
    let mut lambda = Lambda::start(&program("housekeeping"), &variables);
    let schedule = json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "123456789012", "time": "2015-10-08T16:53:06Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/minute"], "detail": {}
    });
    for _ in 0..2 {
        assert_eq!(lambda.invoke(&schedule), Outcome::Answered(Value::Null));
    }
    let said = lambda.stop();
    let lines = said.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let backlogs: Vec<Value> = lines.filter(|line| line["Queued"].is_number()).collect();
    assert_eq!(backlogs.len(), 2, "{said:#?}");
    for backlog in backlogs {
        assert_eq!((&backlog["Lab"], &backlog["Queued"]), (&json!("test"), &json!(0.0)), "{backlog}");
    }
}

#[test]
fn a_store_that_is_away_is_said_and_survived() {
    let (dynamo, variables) = empty_table();
    let link = "/api/experiments/exp_0123456789abcdef/manifest";
    let paths =
        [("dashboard-ssr", "/", 200), ("experiment-api", "/api/experiments", 200), ("presign", link, 404)];
    let mut functions =
        paths.map(|(name, path, status)| (name, path, status, Lambda::start(&program(name), &variables)));
    for (name, path, status, lambda) in &mut functions {
        let answer = ask(lambda, &event("GET", path));
        assert_eq!(answer.status, *status, "{name}: {}", answer.text());
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{name}");
    }
    drop(dynamo);
    for (name, path, _, lambda) in &mut functions {
        for _ in 0..2 {
            let answer = ask(lambda, &event("GET", path));
            assert!([500, 503].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("127.0.0.1"), "{name}: {}", answer.text());
            assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        }
        // What asks the store for nothing is as it was.
        let nowhere = ask(lambda, &event("DELETE", path));
        assert_eq!(nowhere.status, 405, "{name}");
    }
}
