//! What a function is invoked with when it is no HTTP request: told apart by shape, everything else refused by name.
//!
//! The event types of `aws_lambda_events` are all options, so that a notification of S3 reads as messages of SQS and
//! would be answered with success. Here a message has an id, a body and the right source, or the invocation fails.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Longest name of a foreign event that is told.
const MAX_NAME: usize = 100;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Messages of an SQS queue; at least one.
    Messages(Vec<Message>),
    /// A schedule of `EventBridge` has come round.
    Schedule,
}

/// A message of an SQS queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which.
    pub id: String,
    /// What it says.
    pub body: String,
    /// How often it was delivered, this time included.
    pub deliveries: u32,
}

/// An event that no function here takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this function does not take {0}")]
pub struct Foreign(String);

impl Event {
    /// Reads an event.
    pub fn read(event: Value) -> Result<Self, Foreign> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        match (text("source"), text("detail-type")) {
            (Some("aws.events" | "aws.scheduler"), Some("Scheduled Event")) => return Ok(Self::Schedule),
            (Some(source), Some(kind)) => return Err(Foreign::named(&format!("{kind:?} of {source:?}"))),
            _ => {}
        }
        let Some(records) = event.get("Records").and_then(Value::as_array) else {
            let fields = event.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
            let name = fields.map_or("an event that is no object".to_owned(), |fields| {
                format!("an event with the fields {fields:?}")
            });
            return Err(Foreign::named(&name));
        };
        if records.is_empty() {
            return Err(Foreign::named("an event without records"));
        }
        let source = |record: &Value| {
            ["eventSource", "EventSource"]
                .into_iter()
                .find_map(|name| record.get(name)?.as_str().map(str::to_owned))
        };
        if let Some(other) = records.iter().map(source).find(|source| source.as_deref() != Some("aws:sqs")) {
            return Err(Foreign::named(&format!("records of {other:?}")));
        }
        let event: SqsEvent = serde_json::from_value(event)
            .map_err(|error| Foreign::named(&format!("messages that do not read: {error}")))?;
        event.records.into_iter().map(Message::read).collect::<Result<_, _>>().map(Self::Messages)
    }

    /// The messages, for a function that takes nothing else.
    pub fn messages(self) -> Result<Vec<Message>, Foreign> {
        match self {
            Self::Messages(messages) => Ok(messages),
            Self::Schedule => Err(Foreign::named("a schedule")),
        }
    }
}

impl Message {
    /// The body as what it should be; `None` if it is not, which the log is told: where, not what, for a body does not
    /// belong in a log.
    #[must_use]
    pub fn document<T: DeserializeOwned>(&self) -> Option<T> {
        let told = |error: &serde_json::Error| {
            let (line, column, kind) = (error.line(), error.column(), error.classify());
            let Self { id, deliveries, .. } = self;
            tracing::error!(id, deliveries, line, column, ?kind, "a message that does not read");
        };
        serde_json::from_str(&self.body).inspect_err(told).ok()
    }

    fn read(message: SqsMessage) -> Result<Self, Foreign> {
        let deliveries = message.attributes.get("ApproximateReceiveCount");
        match (message.message_id, message.body) {
            (Some(id), Some(body)) => {
                let deliveries = deliveries.and_then(|count| count.parse().ok()).unwrap_or(1);
                Ok(Self { id, body, deliveries })
            }
            _ => Err(Foreign::named("a message without id or body")),
        }
    }
}

impl Foreign {
    fn named(name: &str) -> Self {
        Self(name.chars().take(MAX_NAME).collect())
    }
}

/// The answer that has these messages delivered again, and all others of the batch removed.
#[must_use]
pub fn redeliver(messages: impl IntoIterator<Item = String>) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    for id in messages {
        answer.add_failure(id);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sqs(body: &str) -> Value {
        json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "3",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185"
            },
            "messageAttributes": {},
            "md5OfBody": "098f6bcd4621d373cade4e832627b4f6",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:rebuilds",
            "awsRegion": "us-east-1"
        })
    }

    #[test]
    fn messages_are_read_with_how_often_they_came() {
        let event = Event::read(json!({ "Records": [sqs("{}")] })).unwrap();
        let id = "059f36b4-87a3-44ab-83d2-661975830a7d".to_owned();
        assert_eq!(event.messages().unwrap(), [Message { id, body: "{}".to_owned(), deliveries: 3 }]);
    }

    #[test]
    fn a_schedule_is_one() {
        let event = json!({
            "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "123456789012", "time": "2015-10-08T16:53:06Z",
            "region": "us-east-1", "resources": ["arn:aws:events:us-east-1:123456789012:rule/minute"], "detail": {}
        });
        assert_eq!(Event::read(event.clone()), Ok(Event::Schedule));
        assert_eq!(
            Event::Schedule.messages().unwrap_err().to_string(),
            "this function does not take a schedule"
        );
        let mut other = event;
        other["detail-type"] = json!("EC2 Instance State-change Notification");
        other["source"] = json!("aws.ec2");
        let refused = Event::read(other).unwrap_err().to_string();
        assert!(refused.contains("EC2 Instance State-change") && refused.contains("aws.ec2"), "{refused}");
    }

    #[test]
    fn foreign_events_are_refused_by_name() {
        let s3 =
            json!({ "eventVersion": "2.1", "eventSource": "aws:s3", "s3": { "object": { "key": "x" } } });
        let sns = json!({ "EventSource": "aws:sns", "Sns": { "Message": "x" } });
        let mut nameless = sqs("{}");
        nameless.as_object_mut().unwrap().remove("messageId");
        let cases = [
            (json!({ "Records": [s3.clone()] }), "aws:s3"),
            (json!({ "Records": [sqs("{}"), s3] }), "aws:s3"),
            (json!({ "Records": [sns] }), "aws:sns"),
            (json!({ "Records": [{ "body": "{}", "messageId": "1" }] }), "records of None"),
            (json!({ "Records": [] }), "without records"),
            (json!({ "Records": [nameless] }), "without id"),
            (json!({ "version": "2.0", "rawPath": "/" }), "rawPath"),
            (json!({}), "fields []"),
            (json!(null), "no object"),
            (json!([1]), "no object"),
        ];
        for (event, name) in cases {
            let refused = Event::read(event.clone()).unwrap_err().to_string();
            assert!(refused.contains(name), "{event}: {refused}");
        }
    }

    #[test]
    fn the_answer_is_what_lambda_reads() {
        let answer = serde_json::to_value(redeliver(["a".to_owned(), "b".to_owned()])).unwrap();
        assert_eq!(
            answer,
            json!({ "batchItemFailures": [{ "itemIdentifier": "a" }, { "itemIdentifier": "b" }] })
        );
        assert_eq!(serde_json::to_value(redeliver([])).unwrap(), json!({ "batchItemFailures": [] }));
    }
}
