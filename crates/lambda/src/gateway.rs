//! Requests and answers as API Gateway's HTTP APIs and function URLs hand them over (payload format 2.0).
//!
//! An HTTP API decodes the path before it hands it over, a function URL does not: what cannot stand in a path is encoded
//! again, what is encoded already stays. An HTTP API with a named stage leaves the stage in the path: it is taken off.
//! The answer of a Lambda is bounded ([`MAX_ANSWER_BYTES`]), and a greater one would be answered with a bare 502: a problem
//! document says instead what to do (module `instead`).

use crate::Error;
use crate::instead::Instead;
use aiv1_model::chain;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::LengthLimitError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;

/// Most bytes of an invocation's answer, its JSON included: Lambda takes 6 MiB and some hundred bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 6 << 20;

/// A request as the gateway tells of it. What we do not use is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    version: Version,
    raw_path: String,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    headers: Option<BTreeMap<String, String>>,
    request_context: Context,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
enum Version {
    #[serde(rename = "2.0")]
    Two,
}

#[derive(Debug, Deserialize)]
struct Context {
    stage: Option<String>,
    http: Http,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

impl Asked {
    /// Reads an event; one that is no request is refused by what it looks like.
    pub(crate) fn read(event: &RawValue) -> Result<Self, Error> {
        serde_json::from_str(event.get()).map_err(|error| Error::Foreign(describe(event, &error)))
    }

    /// The request; or what answers one that is none.
    pub(crate) fn into_request(self) -> Result<Request, Instead> {
        let Version::Two = self.version;
        let method = Method::from_bytes(self.request_context.http.method.as_bytes());
        let method = method.map_err(|_| Instead::Refused("the method is none"))?;
        let path = without_stage(&self.raw_path, self.request_context.stage.as_deref());
        let mut target = encoded(if path.starts_with('/') { path } else { "/" }, b"/");
        if let Some(query) = self.raw_query_string.filter(|query| !query.is_empty()) {
            target.push('?');
            target += &encoded(&query, b"/?");
        }
        let uri = Uri::try_from(target).map_err(|_| Instead::Refused("the address is too long"))?;
        let body = match self.body {
            None => Bytes::new(),
            Some(text) if self.is_base64_encoded => {
                BASE64.decode(text).map_err(|_| Instead::Refused("the body is no base64"))?.into()
            }
            Some(text) => text.into(),
        };
        let mut request = Request::new(Body::from(body));
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        *request.headers_mut() =
            headers(self.headers.unwrap_or_default(), &self.cookies.unwrap_or_default())?;
        Ok(request)
    }
}

fn headers(given: BTreeMap<String, String>, cookies: &[String]) -> Result<HeaderMap, Instead> {
    let value = |value: &str| {
        HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Instead::Refused("a header is none"))
    };
    let mut headers = HeaderMap::with_capacity(given.len() + 1);
    for (name, given) in given {
        let name = HeaderName::try_from(name).map_err(|_| Instead::Refused("a header's name is none"))?;
        headers.insert(name, value(&given)?);
    }
    if !cookies.is_empty() {
        headers.insert(header::COOKIE, value(&cookies.join("; "))?);
    }
    Ok(headers)
}

fn without_stage<'p>(path: &'p str, stage: Option<&str>) -> &'p str {
    let stage = stage.filter(|stage| !stage.is_empty() && *stage != "$default");
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    rest.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path)
}

/// Percent-encodes what cannot stand in a path or query (RFC 3986, `pchar` and `also`), a `%` that encodes nothing included.
fn encoded(text: &str, also: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) || also.contains(&byte);
        let encodes = || {
            let digits = text.as_bytes().get(at + 1..at + 3);
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        if plain || (byte == b'%' && encodes()) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// An answer, as the gateway takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

/// Writes an answer; or says what is answered instead. `takes_gzip` says whether the client could have had less.
pub(crate) async fn write(parts: &Parts, body: Body, takes_gzip: bool) -> Result<Box<RawValue>, Instead> {
    let body = to_bytes(body, MAX_ANSWER_BYTES).await.map_err(|error| match error.source() {
        Some(source) if source.is::<LengthLimitError>() => Instead::TooLarge { takes_gzip },
        _ => Instead::Failed(format!("the answer's body: {}", chain(&error))),
    })?;
    let answer = to_raw_value(&answer(parts.status, &parts.headers, body));
    let answer = answer.map_err(|error| Instead::Failed(format!("the answer as JSON: {error}")))?;
    if answer.get().len() <= MAX_ANSWER_BYTES { Ok(answer) } else { Err(Instead::TooLarge { takes_gzip }) }
}

fn answer(status: StatusCode, given: &HeaderMap, body: Bytes) -> Answer {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in given.iter().filter(|(name, _)| **name != header::SET_COOKIE) {
        // Lines of one name mean the same as one line with commas (RFC 9110, section 5.3), which is all that fits here.
        let line = headers.entry(name.as_str().to_owned()).or_default();
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(&text(value));
    }
    let cookies = given.get_all(header::SET_COOKIE).iter().map(text).collect();
    let (body, is_base64_encoded) = match String::from_utf8(body.into()) {
        Ok(text) => (Some(text).filter(|text| !text.is_empty()), false),
        Err(binary) => (Some(BASE64.encode(binary.as_bytes())), true),
    };
    Answer { status_code: status.as_u16(), headers, cookies, body, is_base64_encoded }
}

/// What an event seems to be, for the one who wired it here.
fn describe(event: &RawValue, error: &serde_json::Error) -> String {
    let Ok(event) = serde_json::from_str::<Value>(event.get()) else { return "no JSON".to_owned() };
    let record = &event["Records"][0];
    let source = [&record["eventSource"], &record["EventSource"], &event["source"]];
    let source = source.into_iter().find_map(Value::as_str);
    let named = match source {
        Some(source) => format!("an event of {source:?}"),
        None if event["requestContext"]["elb"].is_object() => "a load balancer's request".to_owned(),
        None if event["httpMethod"].is_string() => "a request in payload format 1.0".to_owned(),
        None => match event.as_object() {
            Some(object) if object.is_empty() => "an empty event".to_owned(),
            Some(object) => format!("{:?} ({error})", object.keys().take(8).collect::<Vec<_>>()),
            None => "something else than an object".to_owned(),
        },
    };
    named.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::{IntoResponse as _, Response};
    use serde_json::json;

    fn request(event: &Value) -> Result<Request, Instead> {
        Asked::read(&to_raw_value(event).unwrap()).unwrap().into_request()
    }

    /// An event as API Gateway's documentation shows it.
    fn event(path: &str, stage: &str) -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": { "accept": "*/*", "host": "id.execute-api.eu-central-1.amazonaws.com" },
            "requestContext": {
                "accountId": "123456789012", "apiId": "id", "domainName": "id.execute-api.eu-central-1.amazonaws.com",
                "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "agent" },
                "requestId": "JKJaXmPLvHcESHA=", "routeKey": "$default", "stage": stage,
                "time": "12/Mar/2020:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_i64
            },
            "isBase64Encoded": false
        })
    }

    async fn sent(response: Response, takes_gzip: bool) -> Result<Value, Instead> {
        let (parts, body) = response.into_parts();
        write(&parts, body, takes_gzip).await.map(|answer| serde_json::from_str(answer.get()).unwrap())
    }

    async fn written(response: Response, takes_gzip: bool) -> Value {
        sent(response, takes_gzip).await.unwrap()
    }

    #[test]
    fn a_path_is_the_same_whether_the_gateway_decoded_it_or_not() {
        let cases = [
            ("/blog/exp_1", "/blog/exp_1"),
            ("/a b/ü", "/a%20b/%C3%BC"),
            ("/a%20b/%C3%BC", "/a%20b/%C3%BC"),
            ("/what?admin=true#part", "/what%3Fadmin=true%23part"),
            ("/100%/%zz/%", "/100%25/%25zz/%25"),
            ("/a\u{0}\r\n<script>\"\\", "/a%00%0D%0A%3Cscript%3E%22%5C"),
            ("", "/"),
            ("http://elsewhere/", "/"),
        ];
        for (given, path) in cases {
            assert_eq!(request(&event(given, "$default")).unwrap().uri().to_string(), path, "{given:?}");
        }
    }

    #[test]
    fn a_stage_is_taken_off_the_path_and_nothing_else_is() {
        let cases = [
            ("prod", "/prod/blog", "/blog"),
            ("prod", "/prod", "/"),
            ("prod", "/production/blog", "/production/blog"),
            ("prod", "/blog", "/blog"),
            ("$default", "/prod/blog", "/prod/blog"),
        ];
        for (stage, given, path) in cases {
            assert_eq!(request(&event(given, stage)).unwrap().uri().path(), path, "{stage} {given}");
        }
    }

    #[test]
    fn query_cookies_headers_and_body_arrive_as_they_were_sent() {
        let mut asked = event("/api/experiments", "$default");
        asked["rawQueryString"] = json!("codec=a%20b&status=queued&x=a b");
        asked["cookies"] = json!(["a=1", "b=2"]);
        asked["headers"]["if-none-match"] = json!("W/\"1\",W/\"2\"");
        asked["requestContext"]["http"]["method"] = json!("POST");
        asked["body"] = json!(BASE64.encode([0, 159, 146, 150]));
        asked["isBase64Encoded"] = json!(true);
        let request = request(&asked).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "/api/experiments?codec=a%20b&status=queued&x=a%20b");
        assert_eq!(request.headers()[header::COOKIE], "a=1; b=2");
        assert_eq!(request.headers()[header::IF_NONE_MATCH], "W/\"1\",W/\"2\"");
        let body = futures_body(request.into_body());
        assert_eq!(body.as_ref(), [0, 159, 146, 150]);
    }

    fn futures_body(body: Body) -> Bytes {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(to_bytes(body, 100)).unwrap()
    }

    #[test]
    fn what_is_no_request_is_answered_not_dropped() {
        let with = |pointer: &str, value: Value| {
            let mut asked = event("/", "$default");
            asked["isBase64Encoded"] = json!(true);
            *asked.pointer_mut(pointer).unwrap() = value;
            request(&asked).unwrap_err().into_response().status()
        };
        assert_eq!(with("/requestContext/http/method", json!("GE T")), 400);
        assert_eq!(with("/headers/accept", json!("a\r\nb: c")), 400);
        assert_eq!(with("/rawPath", json!(format!("/{}", "x".repeat(70_000)))), 400);
        let mut asked = event("/", "$default");
        (asked["isBase64Encoded"], asked["body"]) = (json!(true), json!("no base64!"));
        assert_eq!(request(&asked).unwrap_err(), Instead::Refused("the body is no base64"));
    }

    #[test]
    fn an_event_that_is_no_request_is_refused_by_name() {
        let cases = [
            (json!({ "Records": [{ "eventSource": "aws:s3" }] }), "an event of \"aws:s3\""),
            (json!({ "Records": [{ "eventSource": "aws:sqs", "body": "{}" }] }), "an event of \"aws:sqs\""),
            (
                json!({ "source": "aws.events", "detail-type": "Scheduled Event" }),
                "an event of \"aws.events\"",
            ),
            (json!({ "httpMethod": "GET", "requestContext": { "elb": {} } }), "a load balancer's request"),
            (
                json!({ "httpMethod": "GET", "path": "/", "requestContext": {} }),
                "a request in payload format 1.0",
            ),
            (json!({}), "an empty event"),
            (json!({ "key": 1 }), "[\"key\"]"),
            (json!([1, 2]), "something else than an object"),
        ];
        for (event, name) in cases {
            let said = Asked::read(&to_raw_value(&event).unwrap()).unwrap_err().to_string();
            assert!(said.contains(name), "{said}");
        }
        let mut one = event("/", "$default");
        one["version"] = json!("1.0");
        assert!(Asked::read(&to_raw_value(&one).unwrap()).is_err());
    }

    #[tokio::test]
    async fn an_answer_keeps_every_header_and_cookie() {
        let mut response = (StatusCode::ACCEPTED, "text").into_response();
        for (name, value) in
            [("vary", "accept"), ("vary", "origin"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
        {
            response.headers_mut().append(name, HeaderValue::from_static(value));
        }
        let answer = written(response, false).await;
        assert_eq!(answer["statusCode"], 202);
        assert_eq!(answer["headers"]["vary"], "accept, origin");
        assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
        assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&json!("text"), &json!(false)));
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_travel_as_base64() {
        let answer = written(Response::new(Body::from(vec![0x1f, 0x8b, 0xff])), true).await;
        assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&json!("H4v/"), &json!(true)));
        let empty = written(StatusCode::NOT_MODIFIED.into_response(), true).await;
        assert!(empty.get("body").is_none());
    }

    #[tokio::test]
    async fn an_answer_that_lambda_would_not_take_says_so_instead() {
        // It fits as it is, but not once its quotes are escaped.
        for body in ["x".repeat(MAX_ANSWER_BYTES + 1), "\"".repeat(MAX_ANSWER_BYTES / 2)] {
            for takes_gzip in [false, true] {
                let answer = sent(Response::new(Body::from(body.clone())), takes_gzip).await;
                assert_eq!(answer, Err(Instead::TooLarge { takes_gzip }));
            }
        }
        let fits = written(Response::new(Body::from("x".repeat(MAX_ANSWER_BYTES - 1000))), false).await;
        assert_eq!(fits["statusCode"], 200);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_told_apart_from_one_that_is_too_large() {
        let breaks =
            futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("the disk is gone")) });
        let Err(Instead::Failed(how)) = sent(Response::new(Body::from_stream(breaks)), true).await else {
            panic!("it was sent")
        };
        assert!(how.contains("the disk is gone"), "{how}");
    }
}
