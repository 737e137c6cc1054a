//! The Lambda that rebuilds what messages of its queue ask for.

use aiv1_lambda::Event;
use aiv1_regenerate_video::{Rebuilder, function_compiler, handle};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::SystemTime;

fn main() -> ExitCode {
    // Decoders are compiled in children that are this very program.
    if let Some(code) = aiv1_decoder::run_as_child() {
        return code;
    }
    aiv1_lambda::events(|started| {
        let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        #[expect(clippy::disallowed_methods, reason = "the one folder that a Lambda may write to")]
        let scratch = std::env::temp_dir().join("aiv1");
        let rebuilder =
            Rebuilder::new(started.catalog, started.blobs, function_compiler()?, scratch, threads);
        let metrics = started.metrics;
        Ok(move |event, invocation: aiv1_lambda::Invocation| {
            let (rebuilder, metrics) = (rebuilder.clone(), metrics.clone());
            async move {
                let messages = Event::read(event)?.messages()?;
                let time = invocation.deadline.duration_since(SystemTime::now()).unwrap_or_default();
                let handled = handle(&rebuilder, messages, time).await;
                metrics.put(&[], &handled.figures.metrics());
                if handled.busy {
                    // Without an answer every message comes again, as those do that are not done.
                    tracing::error!("a job that was stopped goes on: the process ends with it");
                    std::process::exit(1);
                }
                Ok(handled.answer)
            }
        })
    })
}
