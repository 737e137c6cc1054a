//! A function as a process under the Lambda Runtime API: what the routers' own tests cannot see.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_test_servers::gateway::{ask, event, with_header};
use aiv1_test_servers::{Lambda, Outcome, environment};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Nothing listens there: whoever asks the store or SSM is refused at once.
const NOWHERE: &str = "http://127.0.0.1:1";

fn variables() -> Vec<(String, String)> {
    let ours = [
        ("AIV1_TABLE", "lab"),
        ("AIV1_BUCKET", "lab"),
        ("AIV1_PUBLIC_URL", "https://lab.example"),
        ("AIV1_PARAMETERS", "/aiv1/test"),
    ];
    let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
    environment(None, NOWHERE).into_iter().chain(ours).collect()
}

/// An example; `cargo test` builds it with these tests.
fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let program = here.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(
        program.is_file(),
        "{} is not there: `--test` builds no example, run all tests of the package",
        program.display()
    );
    program
}

fn start() -> Lambda {
    Lambda::start(&program("awkward"), &variables())
}

fn lines(lambda: Lambda) -> Vec<Value> {
    let said = lambda.stop();
    said.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[test]
fn a_panic_is_answered_with_500_and_the_function_lives_on() {
    let mut lambda = start();
    let answer = ask(&mut lambda, &event("GET", "/panic"));
    assert_eq!((answer.status, answer.header("content-type")), (500, "application/problem+json"));
    assert!(!answer.text().contains("on purpose"), "{}", answer.text());
    let id = answer.header("x-request-id").to_owned();
    // Nothing of an answer has left before its end is there.
    for path in ["/late-panic", "/broken"] {
        let answer = ask(&mut lambda, &event("GET", path));
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (500, "application/problem+json"),
            "{path}"
        );
        assert!(!answer.text().contains("on purpose"), "{}", answer.text());
        assert!(answer.text().contains(answer.header("x-request-id")), "{}", answer.text());
    }
    assert_eq!(ask(&mut lambda, &event("GET", "/cookies")).status, 200);
    let lines = lines(lambda);
    for said in ["on purpose, late", "broken on purpose"] {
        assert!(lines.iter().any(|line| line.to_string().contains(said)), "{said}: {lines:#?}");
    }
    let errors = lines.iter().filter_map(|line| line["ServerErrors"].as_f64()).sum::<f64>();
    assert_eq!(errors as u32, 3, "each is counted: {lines:#?}");
    let told = lines.iter().find(|line| line["message"] == "on purpose, at once" && line["level"] == "ERROR");
    assert!(told.unwrap()["place"].as_str().unwrap().contains("awkward.rs"), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line["id"] == id && line["span"]["invocation"].is_string()),
        "{lines:#?}"
    );
}

#[test]
fn an_answer_that_lambda_would_not_take_is_a_problem_and_fits_compressed() {
    let mut lambda = start();
    let plain = ask(&mut lambda, &event("GET", "/much"));
    assert_eq!(plain.status, 406);
    assert!(plain.json()["detail"].as_str().unwrap().contains("Accept-Encoding: gzip"));
    let compressed = ask(&mut lambda, &with_header(event("GET", "/much"), "accept-encoding", "br, gzip"));
    assert_eq!((compressed.status, compressed.header("content-encoding")), (200, "gzip"));
    assert_eq!(compressed.body[..2], [0x1f, 0x8b]);
    let hopeless = ask(&mut lambda, &with_header(event("GET", "/noise"), "accept-encoding", "gzip"));
    assert_eq!((hopeless.status, hopeless.header("cache-control")), (500, "no-store"));
    for answer in [plain, hopeless] {
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(!answer.header("x-request-id").is_empty());
    }
    let lines = lines(lambda);
    let statuses: Vec<&Value> = lines.iter().filter_map(|line| line.get("status")).collect();
    assert_eq!(statuses, [406, 200, 500], "what was sent is what is counted");
}

#[test]
fn what_cannot_be_answered_before_the_deadline_is_answered_at_it() {
    let mut lambda = start();
    let Outcome::Answered(answer) = lambda.invoke_within(&event("GET", "/never"), Duration::from_millis(600))
    else {
        panic!("not answered")
    };
    assert_eq!(
        (&answer["statusCode"], &answer["headers"]["cache-control"]),
        (&json!(503), &json!("no-store"))
    );
    assert_eq!(ask(&mut lambda, &event("GET", "/cookies")).status, 200);
    let lines = lines(lambda);
    assert!(lines.iter().any(|line| line["status"] == 503 && line["ServerErrors"] == 1.0), "{lines:#?}");
}

#[test]
fn every_cookie_and_a_link_with_its_query_arrive() {
    let mut lambda = start();
    assert_eq!(ask(&mut lambda, &event("GET", "/cookies")).cookies, ["a=1", "b=2"]);
    let found = ask(&mut lambda, &event("GET", "/elsewhere"));
    assert_eq!((found.status, found.header("location")), (302, "https://elsewhere.example/?a=b&c=d"));
    assert!(found.body.is_empty());
}

#[test]
fn a_path_arrives_whatever_the_gateway_made_of_it() {
    let mut lambda = start();
    let mut hostile = event("POST", "/echo/x");
    hostile["rawPath"] = json!("/echo/a b/%2F?#\u{e4}\n");
    hostile["rawQueryString"] = json!("q=1 2&r=%zz");
    hostile["cookies"] = json!(["a=1", "b=2"]);
    let answer = ask(&mut lambda, &hostile);
    assert_eq!(answer.text(), "POST /echo/a%20b/%2F%3F%23%C3%A4%0A?q=1%202&r=%25zz cookies: a=1; b=2");
    let mut staged = event("GET", "/prod/echo/x");
    staged["requestContext"]["stage"] = json!("prod");
    assert!(ask(&mut lambda, &staged).text().starts_with("GET /echo/x "));
    let head = ask(&mut lambda, &event("HEAD", "/echo/x"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    let mut broken = event("POST", "/echo/x");
    (broken["body"], broken["isBase64Encoded"]) = (json!("%%%"), json!(true));
    let refused = ask(&mut lambda, &broken);
    assert_eq!((refused.status, refused.header("x-content-type-options")), (400, "nosniff"));
    let lines = lines(lambda);
    assert!(lines.iter().any(|line| line["status"] == 400 && line["method"].is_null()), "{lines:#?}");
}

#[test]
fn an_event_that_is_no_request_fails_the_invocation_by_name() {
    let mut lambda = start();
    let s3 = json!({ "Records": [{ "eventSource": "aws:s3", "s3": { "object": { "key": "x" } } }] });
    let Outcome::Failed { kind, message } = lambda.invoke(&s3) else { panic!("answered") };
    assert_eq!(kind, "aiv1::ForeignEvent");
    assert!(message.contains("aws:s3"), "{message}");
    assert_eq!(ask(&mut lambda, &event("GET", "/cookies")).status, 200);
}

#[test]
fn each_event_is_counted_however_it_ends() {
    let mut lambda = Lambda::start(&program("nervous"), &variables());
    for event in ["panic", "fail"] {
        assert!(matches!(lambda.invoke(&json!(event)), Outcome::Failed { .. }), "{event}");
    }
    assert_eq!(lambda.invoke(&json!("well")), Outcome::Answered(json!("well")));
    let lines = lines(lambda);
    let of = |name: &str| lines.iter().filter_map(|line| line[name].as_f64()).sum::<f64>();
    assert_eq!([of("Events"), of("FailedEvents")].map(|sum| sum as u32), [3, 2], "{lines:#?}");
}

#[test]
fn tokens_that_cannot_be_read_open_nothing_and_close_nothing_else() {
    let mut lambda = start();
    assert_eq!(ask(&mut lambda, &event("GET", "/secret")).status, 401);
    let shown =
        ask(&mut lambda, &with_header(event("GET", "/secret"), "authorization", "Bearer hunter2-hunter2"));
    assert_eq!((shown.status, shown.header("content-type")), (503, "application/problem+json"));
    assert_eq!(ask(&mut lambda, &event("GET", "/cookies")).status, 200);
    let said = lambda.stop();
    assert!(said.iter().any(|line| line.contains("no token can be checked")), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("hunter2")), "{said:#?}");
}

#[test]
fn each_request_is_one_line_of_figures_and_nothing_that_was_sent_is_in_any_line() {
    let mut variables = variables();
    variables.push(("AIV1_LOG".to_owned(), "trace".to_owned()));
    let mut lambda = Lambda::start(&program("awkward"), &variables);
    ask(&mut lambda, &event("GET", "/echo/one?secret=in-the-query"));
    ask(&mut lambda, &with_header(event("GET", "/nowhere"), "authorization", "Bearer in-the-header"));
    let mut posted = event("POST", "/echo/two");
    posted["body"] = json!("in-the-body");
    ask(&mut lambda, &posted);
    let lines = lines(lambda);
    let figures: Vec<&Value> = lines.iter().filter(|line| line.get("_aws").is_some()).collect();
    let of = |name: &str| figures.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("Requests"), [1.0, 1.0, 1.0].map(Value::from));
    assert_eq!(of("ColdStarts"), [1.0, 0.0, 0.0].map(Value::from));
    assert_eq!(of("status"), [200, 503, 200].map(Value::from));
    assert_eq!(of("route"), [json!("/echo/{*path}"), Value::Null, json!("/echo/{*path}")]);
    assert_eq!(of("Function"), ["tested"; 3].map(Value::from));
    assert!(of("Duration").iter().all(|duration| duration.as_f64().unwrap() > 0.0));
    let text = lines.iter().map(Value::to_string).collect::<String>();
    for secret in ["in-the-query", "in-the-header", "in-the-body"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn what_is_not_configured_is_named_and_the_process_ends() {
    let named = |remove: &str| {
        let variables: Vec<_> = variables().into_iter().filter(|(name, _)| name != remove).collect();
        let mut lambda = Lambda::start(&program("awkward"), &variables);
        assert_eq!(lambda.invoke(&event("GET", "/cookies")), Outcome::Ended);
        lambda.stop().concat()
    };
    for variable in ["AIV1_TABLE", "AIV1_BUCKET", "AIV1_PUBLIC_URL", "AIV1_PARAMETERS"] {
        let said = named(variable);
        assert!(said.contains(&format!("{variable} is not set, but")), "{said}");
    }
    // Not started by Lambda at all.
    let output = std::process::Command::new(program("awkward")).env_clear().output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && said.contains("AWS_LAMBDA_RUNTIME_API is not set"), "{said}");
}
