//! What the mains of the Lambdas share: configuration, services built once, requests and events, JSON logs, metrics.
//!
//! [`http`] is the whole main of a function that answers requests, [`events`] of one that consumes queues and schedules.
//!
//! Decisions: on `lambda_runtime` without `lambda_http`, which panics on paths that API Gateway has decoded, writes the
//! stage before a path, keeps one of several headers of a name, and knows no bound on an answer (module `gateway`). One
//! thread: a Lambda answers one event at a time, and starts sooner. Nothing is asked of AWS before the first event;
//! tokens and settings are read from SSM when the first request shows a token, and read again while answers are made, so
//! that a rotated token needs no deployment (module `parameters`). Standard output carries JSON lines only: the log, and
//! one line of metrics an event in CloudWatch's embedded format. No body, token or query is ever in them.

mod config;
mod consumer;
mod error;
mod event;
mod function;
mod gateway;
mod instead;
mod logs;
mod metrics;
mod parameters;
mod process;
mod started;

pub use config::{LOG, PUBLIC_URL, VARIABLES};
pub use consumer::{Invocation, events};
pub use error::{BoxError, Error};
pub use event::{Event, Foreign, Message, redeliver};
pub use function::{Access, http};
pub use metrics::{Metric, Metrics, NAMESPACE, Unit};
pub use started::Started;
