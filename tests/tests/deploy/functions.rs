//! The functions as they are deployed, each a process under the Lambda Runtime API: what it is linked with, how large it is,
//! and what becomes of it when events are not its own or the store is away. What they do right is the walk's to show.

use crate::template::{succeed, tool};
use aiv1_test_servers::gateway::{ask, event};
use aiv1_test_servers::{Dynamo, Lambda, Outcome, environment};
use aiv1_tests::workspace;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

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
        let budget = if name == "regenerate-video" { 8 * MIB } else { 5 * MIB };
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
            foreign.push(("API Gateway", request));
        }
        foreign.push(("", json!({})));
        foreign.push(("", json!([1])));
        for (named, event) in foreign {
            let Outcome::Failed { kind, message } = lambda.invoke(&event) else {
                panic!("{name} took {event}")
            };
            assert_eq!(kind, "aiv1::ForeignEvent", "{name}: {message}");
            assert!(message.contains(named), "{name}: {message}");
        }
        let said = lambda.stop();
        assert!(said.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{said:#?}");
    }
}

#[test]
fn a_store_that_is_away_is_said_and_survived() {
    let dynamo = Dynamo::start();
    let endpoint = dynamo.endpoint();
    let table = "AttributeName=experiment_id,AttributeType=S AttributeName=timestamp,AttributeType=N";
    let keys = "AttributeName=experiment_id,KeyType=HASH AttributeName=timestamp,KeyType=RANGE";
    let mut create = tool("aws");
    create.args(["dynamodb", "create-table", "--table-name", "lab", "--billing-mode", "PAY_PER_REQUEST"]);
    create.arg("--attribute-definitions").args(table.split(' '));
    create.arg("--key-schema").args(keys.split(' ')).envs(environment(None, &endpoint));
    succeed(&mut create);
    let paths = [("dashboard-ssr", "/"), ("experiment-api", "/api/experiments"), ("presign", "/health")];
    let mut functions =
        paths.map(|(name, path)| (name, path, Lambda::start(&program(name), &variables(&endpoint))));
    for (name, path, lambda) in &mut functions {
        let answer = ask(lambda, &event("GET", path));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{name}");
    }
    drop(dynamo);
    for (name, path, lambda) in &mut functions {
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
