//! Requests as API Gateway's HTTP APIs send them to a Lambda (payload format 2.0), and the answers to them.

use crate::{Lambda, Outcome};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// A request of an HTTP API with the stage `$default`.
#[must_use]
pub fn event(method: &str, path_and_query: &str) -> Value {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {
            "accept": "*/*", "host": "lab.example", "x-forwarded-for": "192.0.2.1", "x-forwarded-port": "443",
            "x-forwarded-proto": "https", "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e"
        },
        "requestContext": {
            "accountId": "123456789012", "apiId": "r3pmxmplak", "domainName": "lab.example", "domainPrefix": "lab",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"
            },
            "requestId": "JKJaXmPLvHcESHA=", "routeKey": "$default", "stage": "$default",
            "time": "10/Mar/2020:05:16:23 +0000", "timeEpoch": 1_583_817_383_220_i64
        },
        "isBase64Encoded": false
    })
}

/// The same with a header.
#[must_use]
pub fn with_header(mut event: Value, name: &str, value: &str) -> Value {
    event["headers"][name] = json!(value);
    event
}

/// The same with a JSON body.
#[must_use]
pub fn with_json(event: Value, body: &Value) -> Value {
    let mut event = with_header(event, "content-type", "application/json");
    event["body"] = json!(body.to_string());
    event
}

/// What a client would see.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, their names in small letters.
    pub headers: Value,
    /// Every cookie that is set.
    pub cookies: Vec<String>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].as_str().unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }
}

/// Sends a request to a function and reads its answer as the gateway does.
pub fn ask(lambda: &mut Lambda, event: &Value) -> Answer {
    let Outcome::Answered(answer) = lambda.invoke(event) else { panic!("{event} was not answered") };
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true { BASE64.decode(body).unwrap() } else { body.into() };
    let cookies = answer["cookies"].as_array().into_iter().flatten();
    Answer {
        status: answer["statusCode"].as_u64().unwrap().try_into().unwrap(),
        headers: answer["headers"].clone(),
        cookies: cookies.map(|cookie| cookie.as_str().unwrap().to_owned()).collect(),
        body,
    }
}
