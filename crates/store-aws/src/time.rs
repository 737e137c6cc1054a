//! The store's clock, as the client of S3 asks for the time: links are signed at the time that their end is counted by.

use aiv1_store::Clock;
use aws_smithy_async::time::TimeSource;
use std::sync::Arc;
use std::time::SystemTime;

/// A clock of ours.
#[derive(Debug)]
pub(crate) struct TimeOf(pub(crate) Arc<dyn Clock>);

impl TimeSource for TimeOf {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}
