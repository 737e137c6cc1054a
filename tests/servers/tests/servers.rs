//! The servers come up, answer, fail by plan, and end with whoever started them.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_test_servers::{Dynamo, Fault, FaultProxy, Lambda, Ministack, Outcome, S3, seeded};
use serde_json::json;
use std::time::{Duration, UNIX_EPOCH};

async fn status(url: &str) -> u16 {
    reqwest::get(url).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_server_answers_until_it_is_dropped() {
    let (dynamo, s3, ministack) = (Dynamo::start(), S3::start(&["bucket"]), Ministack::start());
    let endpoints = [dynamo.endpoint(), s3.endpoint(), ministack.endpoint()];
    for endpoint in &endpoints {
        // Without a signature all refuse; what matters is that they answer.
        assert!(status(endpoint).await < 500, "{endpoint}");
    }
    drop((dynamo, s3, ministack));
    for endpoint in endpoints {
        assert!(reqwest::get(&endpoint).await.unwrap_err().is_connect(), "{endpoint} still answers");
    }
}

#[tokio::test]
async fn a_clock_that_is_moved_is_the_server_s_clock() {
    let server = Ministack::start_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let date = async || {
        let answer = reqwest::get(server.endpoint() + "/_ministack/health").await.unwrap();
        answer.headers()["date"].to_str().unwrap().to_owned()
    };
    assert_eq!(date().await, "Tue, 14 Nov 2023 22:13:20 GMT");
    server.set_time(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + 7 * 86_400));
    assert_eq!(date().await, "Tue, 21 Nov 2023 22:13:20 GMT");
}

#[tokio::test]
async fn every_fault_is_what_the_client_sees() {
    let server = Ministack::start();
    let mut faults =
        [None, Some(Fault::SLOW_DOWN), Some(Fault::CutBefore), Some(Fault::CutAfter), Some(Fault::Truncated)]
            .into_iter();
    let proxy = FaultProxy::start(&server.endpoint(), move |_| faults.next().flatten());
    let url = proxy.endpoint() + "/_ministack/health";
    let whole = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
    assert!(!whole.is_empty());
    assert_eq!(status(&url).await, 503);
    for _ in 0..2 {
        // A client of its own: one that keeps connections would try again by itself.
        reqwest::Client::new().get(&url).send().await.unwrap_err();
    }
    let short = reqwest::Client::new().get(&url).send().await;
    assert!(short.unwrap().bytes().await.is_err(), "half a body is no body");
    let asked = proxy.asked();
    assert_eq!(asked.len(), 5);
    assert_eq!((asked[3].path.as_str(), &asked[3].fault), ("/_ministack/health", &Some(Fault::CutAfter)));
    proxy.forget();
    assert_eq!(proxy.asked(), []);
    drop(proxy);
    let proxy = FaultProxy::start(&server.endpoint(), |_| Some(Fault::Truncated));
    let empty = reqwest::Client::new().head(proxy.endpoint() + "/_ministack/health").send().await;
    assert!(empty.is_err(), "nothing of an answer without a body arrives");
}

#[test]
fn the_same_seed_fails_the_same_requests() {
    let asked = aiv1_test_servers::Asked {
        target: String::new(),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        body: String::new(),
        fault: None,
    };
    let run = |seed| {
        let mut plan = seeded(seed, 0.3, &[Fault::CutBefore, Fault::SLOW_DOWN]);
        (0..1000).map(|_| plan(&asked)).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let failed = run(1).iter().flatten().count();
    assert!((200..400).contains(&failed), "{failed} of 1000");
}

/// Answers as its events say.
const FUNCTION: &str = r#"#!/bin/bash
ask() {
    exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
    printf '%s HTTP/1.1\r\nhost: lambda\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s' "$1" "${#2}" "$2" >&3
    mapfile -t <&3
    exec 3>&-
}
id() {
    for line in "${MAPFILE[@]}"; do
        [[ $line == lambda-runtime-aws-request-id:* ]] && id=${line#*: } && id=${id%$'\r'}
    done
    true
}
while ask "GET /2018-06-01/runtime/invocation/next" "" && id; do
    answer='{"answer": 1}'
    case ${MAPFILE[-1]} in
        '"stale"') id=00000000-0000-4000-8000-000000000000 ;;
        '"text"') answer=text ;;
        '"large"') printf -v answer '%6291557s' '' ;;
    esac
    ask "POST /2018-06-01/runtime/invocation/$id/response" "$answer"
    echo "told ${MAPFILE[0]}"
done
"#;

#[test]
fn lambda_takes_one_answer_to_what_is_under_way_that_is_json_and_not_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let (text, program) = (folder.path().join("text"), folder.path().join("function"));
    std::fs::write(&text, FUNCTION).unwrap();
    // By another process: what this one writes itself may still be open in a child of another test, and cannot be run then.
    let installed = std::process::Command::new("install").args([&text, &program]).status().unwrap();
    assert!(installed.success());
    let mut lambda = Lambda::start(&program, &[]);
    for (event, kind) in [
        ("stale", "InvalidRequestID"),
        ("text", "Runtime.InvalidResponse"),
        ("large", "Function.ResponseSizeTooLarge"),
    ] {
        let Outcome::Failed { kind: failed, .. } = lambda.invoke(&json!(event)) else { panic!("{event}") };
        assert_eq!(failed, kind, "{event}");
    }
    assert_eq!(lambda.invoke(&json!("well")), Outcome::Answered(json!({ "answer": 1 })));
    // What it does after an answer waits for the next event, or comes never.
    let said = lambda.stop();
    let told: Vec<&str> = said.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(told[..3], ["400", "400", "413"], "{said:#?}");
}

/// Runs itself again as the process that is killed.
#[tokio::test]
async fn a_server_ends_with_its_process_even_by_kill_9() {
    if let Some(told) = std::env::var_os("AIV1_TEST_SERVERS_TELL") {
        let server = Dynamo::start();
        std::fs::write(told, server.endpoint()).unwrap();
        // Until it is killed.
        std::future::pending::<()>().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("endpoint");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_ends_with_its_process_even_by_kill_9"])
        .env("AIV1_TEST_SERVERS_TELL", &pipe)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let endpoint = std::fs::read_to_string(&pipe).unwrap();
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // The kernel closes the connection when the server is gone.
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    match std::io::Read::read(&mut stream, &mut [0]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    assert!(std::net::TcpStream::connect(address).is_err(), "it still listens");
}
