//! How a confined program ended, and what it said.

use std::fmt::Write as _;
use std::time::Duration;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
    /// CPU time of the program and of the children it waited for, to about 10 ms.
    pub cpu: Duration,
    /// Wall-clock time from start to end.
    pub wall: Duration,
    /// What kept it in, beyond what is always there.
    pub isolation: Isolation,
}

impl Outcome {
    /// Whether it exited with code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.ended == Ended::Exited(0)
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// It used its CPU time up.
    CpuLimit {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// It was still there at the deadline, and was killed.
    Deadline {
        /// The deadline.
        after: Duration,
    },
    /// It wrote past the largest file it may write.
    FileSizeLimit {
        /// The limit.
        bytes: u64,
    },
    /// By some other signal.
    Signal(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(formatter, "exited with code {code}"),
            Self::CpuLimit { seconds } => write!(formatter, "used up its {seconds} s of CPU time"),
            Self::Deadline { after } => write!(formatter, "was not done after {after:?}"),
            Self::FileSizeLimit { bytes } => write!(formatter, "wrote a file larger than {bytes} bytes"),
            Self::Signal(signal) => write!(formatter, "was ended by signal {signal}"),
        }
    }
}

/// Output, kept up to a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The first bytes.
    pub bytes: Vec<u8>,
    /// How many more were written, read and thrown away.
    pub dropped: u64,
}

impl Captured {
    /// As text; what is not UTF-8 becomes replacement characters, and what is missing is said.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        if self.dropped > 0 {
            let _ = write!(text, "\n[{} bytes more]", self.dropped);
        }
        text
    }
}

/// Best-effort parts of the confinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// Of the file system it saw only what it was given. False only in a run [at best effort](crate::Confined::best_effort).
    pub landlock: bool,
    /// It could neither connect nor listen by TCP. False only in a run at best effort.
    pub tcp_denied: bool,
    /// It had a network namespace of its own, without any interface: no network of any kind. Where this is false, UDP
    /// was not denied.
    pub network_namespace: bool,
}
