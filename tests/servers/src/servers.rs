//! The servers: what each is for, how it is started, and what the SDK must be told to find it.

use crate::process::{Process, tool};
use crate::time::Time;
use crate::{ACCESS_KEY, SECRET_KEY, environment};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use tempfile::TempDir;

/// DynamoDB: dynoxide, in memory.
#[derive(Debug)]
pub struct Dynamo(Process);

impl Dynamo {
    /// Starts an empty one.
    #[must_use]
    pub fn start() -> Self {
        let program = tool("bin/dynoxide");
        Self(Process::start("listening on", |port| {
            let mut command = Command::new(&program);
            command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            command
        }))
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.0.url()
    }

    /// What the SDK is told.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(Some("DYNAMODB"), &self.endpoint())
    }
}

/// S3 on a folder: s3s-fs. Quick, and checks every signature; it keeps what fails its checksum and answers no condition,
/// so what is promised about those is asked of [`Ministack`].
#[derive(Debug)]
pub struct S3 {
    process: Process,
    buckets: TempDir,
    time: Option<Time>,
}

impl S3 {
    /// Starts one with these buckets.
    #[must_use]
    pub fn start(buckets: &[&str]) -> Self {
        Self::run(buckets, None)
    }

    /// Starts one with these buckets whose clock stands at `now` until [`Self::set_time`] moves it. The dates of its
    /// objects are the machine's all the same.
    #[must_use]
    pub fn start_at(now: SystemTime, buckets: &[&str]) -> Self {
        Self::run(buckets, Some(Time::at(now)))
    }

    fn run(names: &[&str], time: Option<Time>) -> Self {
        let (program, buckets) = (tool("bin/s3s-fs"), tempfile::tempdir().unwrap());
        for name in names {
            std::fs::create_dir(buckets.path().join(name)).unwrap();
        }
        let process = Process::start("server is running at", |port| {
            let mut command = Command::new(&program);
            command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]).arg(buckets.path());
            command.env("RUST_LOG", "s3s_fs=info").envs(time.iter().flat_map(Time::variables));
            command
        });
        Self { process, buckets, time }
    }

    /// Where it is. Buckets are paths here, as the SDK has them by itself for an address in digits.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.process.url()
    }

    /// What the SDK is told.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(Some("S3"), &self.endpoint())
    }

    /// The folder that holds its buckets.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.buckets.path()
    }

    /// Moves the clock of one that was started by [`Self::start_at`].
    pub fn set_time(&self, now: SystemTime) {
        Time::set(self.time.as_ref(), now);
    }
}

/// Many services in one process: ministack. Checks every signature.
#[derive(Debug)]
pub struct Ministack {
    process: Process,
    time: Option<Time>,
    scratch: TempDir,
    tls: bool,
}

impl Ministack {
    /// Starts an empty one.
    #[must_use]
    pub fn start() -> Self {
        Self::run(&[], None, false)
    }

    /// Starts an empty one with more variables: what a test needs beside the usual.
    #[must_use]
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::run(variables, None, false)
    }

    /// Starts an empty one whose clock stands at `now` until [`Self::set_time`] moves it.
    #[must_use]
    pub fn start_at(now: SystemTime) -> Self {
        Self::run(&[], Some(Time::at(now)), false)
    }

    /// Starts an empty one that speaks TLS, with a certificate of its own; functions deployed to it find it and trust it.
    #[must_use]
    pub fn start_tls() -> Self {
        Self::run(&[], None, true)
    }

    /// The certificate of one that was started by [`Self::start_tls`].
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        certificate(self.scratch.path())
    }

    fn run(variables: &[(&str, &str)], time: Option<Time>, tls: bool) -> Self {
        let (python, scratch) = (tool("ministack/bin/python"), tempfile::tempdir().unwrap());
        let process = Process::start("Running on http", |port| {
            let mut command = Command::new(&python);
            command.args(["-m", "ministack"]).env("TMPDIR", scratch.path());
            command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
            command.env("MINISTACK_HOST", "127.0.0.1").env("MINISTACK_REGION", crate::REGION);
            command.env("AUTH", "true").env("SFTP_ENABLED", "0").env("IOT_MTLS_ENABLED", "0");
            if tls {
                command.env("USE_SSL", "1").env("SSL_CERT_FILE", certificate(scratch.path()));
                command.env("AWS_ENDPOINT_URL", format!("https://127.0.0.1:{port}"));
            }
            command.envs(time.iter().flat_map(Time::variables)).envs(variables.iter().copied());
            command
        });
        Self { process, time, scratch, tls }
    }

    /// Where it is, for every service.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let url = self.process.url();
        if self.tls { url.replacen("http:", "https:", 1) } else { url }
    }

    /// What the SDK is told.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(None, &self.endpoint())
    }

    /// Moves the clock of one that was started by [`Self::start_at`].
    pub fn set_time(&self, now: SystemTime) {
        Time::set(self.time.as_ref(), now);
    }
}

/// Where ministack puts the certificate that it makes, below its folder for temporary files.
fn certificate(scratch: &Path) -> PathBuf {
    scratch.join("ministack-tls/server.crt")
}
