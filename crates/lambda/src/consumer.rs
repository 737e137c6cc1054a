//! A function that is invoked with events: queues, schedules.

use crate::metrics::Metric;
use crate::{BoxError, Error, Started, process};
use aiv1_model::chain;
use futures_util::FutureExt as _;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};
use tracing::Instrument as _;

/// What is known of an invocation beside its event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invocation {
    /// Its id, in every line of its log.
    pub request_id: String,
    /// When Lambda ends the process if it has not answered.
    pub deadline: SystemTime,
}

/// The whole main of a function that is invoked with events. An error of the handler, or its panic, is an error of the
/// invocation: whoever invoked it tries again, or gives up, as it was configured.
pub fn events<Handler, Handling, Answer>(make: impl FnOnce(Started) -> Result<Handler, BoxError>) -> ExitCode
where
    Handler: Fn(Value, Invocation) -> Handling,
    Handling: Future<Output = Result<Answer, BoxError>>,
    Answer: Serialize,
{
    process::run(async || {
        let started = Started::from_environment()?;
        let metrics = started.metrics.clone();
        let handler = make(started).map_err(Error::Begin)?;
        let handle = service_fn(async |event: LambdaEvent<Value>| {
            let LambdaEvent { payload, context } = event;
            let invocation = Invocation { deadline: context.deadline(), request_id: context.request_id };
            let span = tracing::error_span!(target: "aiv1::invocation", "invocation", invocation = invocation.request_id);
            let begun = Instant::now();
            let handling = async { handler(payload, invocation).await };
            let handled = AssertUnwindSafe(handling.instrument(span.clone())).catch_unwind().await;
            let failed = u64::from(!matches!(handled, Ok(Ok(_))));
            metrics.put(
                &[],
                &[
                    Metric::count("Events", 1),
                    Metric::count("FailedEvents", failed),
                    Metric::milliseconds("Duration", begun.elapsed()),
                ],
            );
            // A panic is the runtime's to report.
            let answer = handled.unwrap_or_else(|panic| resume_unwind(panic));
            answer.map_err(|error| {
                let error_message = chain(error.as_ref());
                span.in_scope(|| tracing::error!(error = error_message, "the event is not handled"));
                Diagnostic { error_type: "aiv1::Handler".to_owned(), error_message }
            })
        });
        serve(Runtime::new(handle).run().await)
    })
}

/// How a runtime's end is told.
pub(crate) fn serve(ended: Result<(), lambda_runtime::Error>) -> Result<(), Error> {
    ended.map_err(|source| Error::System { action: "go on asking Lambda for events", source })
}
