//! The Lambda that a schedule and the dead-letter queue invoke.

use aiv1_housekeeping::{Done, handle};
use std::process::ExitCode;

fn main() -> ExitCode {
    aiv1_lambda::events(|started| {
        Ok(move |event, _| {
            let started = started.clone();
            async move {
                match handle(&*started.catalog, &*started.clock, event).await? {
                    Done::Buried(answer) => Ok(Some(answer)),
                    Done::Counted(backlog) => {
                        let lab = started.parameters.as_deref().and_then(|prefix| prefix.rsplit('/').next());
                        let dimensions: Vec<_> = lab.map(|lab| ("Lab", lab)).into_iter().collect();
                        started.metrics.put(&dimensions, &backlog.metrics());
                        Ok(None)
                    }
                }
            }
        })
    })
}
