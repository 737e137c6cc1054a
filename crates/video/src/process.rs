//! Child processes: never waited for with a pipe unread, never left behind.

use crate::Error;
use crate::limits::MAX_MESSAGE_BYTES;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

/// A running child whose output is read by the caller and whose messages are drained by a thread, so that neither pipe
/// can fill up and stop it. Dropped, it is killed and reaped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdout: Option<ChildStdout>,
    messages: Option<JoinHandle<String>>,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it printed on standard error, bounded.
    pub(crate) message: String,
}

impl Process {
    /// Starts `command`; `path` is the file it works on, for errors.
    pub(crate) fn start(mut command: Command, path: &Path) -> Result<Self, Error> {
        let mut start = || -> io::Result<Self> {
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            let mut process = Self { child, stdout, messages: None };
            if let Some(stderr) = stderr {
                let drain = std::thread::Builder::new().name("ffmpeg-messages".to_owned());
                process.messages = Some(drain.spawn(move || drained(stderr))?);
            }
            Ok(process)
        };
        let result = start();
        result.map_err(Error::io(path, "run a program on it"))
    }

    /// Closes the output and waits for the end.
    pub(crate) fn finish(mut self) -> io::Result<Ended> {
        drop(self.stdout.take());
        let status = self.child.wait()?;
        Ok(Ended { status, message: self.messages() })
    }

    fn messages(&mut self) -> String {
        self.messages.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Read for Process {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stdout.as_mut().map_or(Ok(0), |stdout| stdout.read(buffer))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Killing or reaping a child that has ended fails, and that is all that can fail here.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.messages();
    }
}

/// Reads to the end and keeps the beginning.
fn drained(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    let mut dropped = 0;
    while let Ok(read @ 1..) = stderr.read(&mut buffer) {
        let room = MAX_MESSAGE_BYTES - kept.len();
        kept.extend_from_slice(&buffer[..read.min(room)]);
        dropped += read.saturating_sub(room);
    }
    let text = String::from_utf8_lossy(&kept).trim().to_owned();
    if dropped > 0 { format!("{text} … and {dropped} bytes more") } else { text }
}

/// Everything a short-lived child said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) message: String,
}

/// Runs `command` to its end; more than `limit` bytes of output are an error.
pub(crate) fn run(command: Command, path: &Path, limit: u64) -> Result<Output, Error> {
    let mut process = Process::start(command, path)?;
    let mut stdout = Vec::new();
    let read = (&mut process).take(limit + 1).read_to_end(&mut stdout);
    read.map_err(Error::io(path, "read what a program says about it"))?;
    if stdout.len() as u64 > limit {
        let reason = format!("its description is longer than {limit} bytes");
        return Err(Error::NotAVideo { path: path.to_owned(), reason });
    }
    let ended = process.finish().map_err(Error::io(path, "wait for a program"))?;
    Ok(Output { status: ended.status, stdout, message: ended.message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_chatty_child_neither_blocks_nor_fills_memory() {
        let script = "head -c 3000000 /dev/zero | tr '\\0' e >&2; echo out; head -c 3000000 /dev/zero >&2";
        let output = run(shell(script), Path::new("sh"), 100).unwrap();
        assert_eq!(output.stdout, b"out\n");
        assert!(output.message.len() < MAX_MESSAGE_BYTES + 64, "{}", output.message.len());
        assert!(output.message.ends_with("bytes more"), "{}", output.message);
    }

    #[test]
    fn too_long_an_answer_is_an_error() {
        assert!(run(shell("echo 0123456789"), Path::new("sh"), 5).is_err());
    }

    #[test]
    fn a_dropped_child_is_gone() {
        let process = Process::start(shell("exec sleep 1000"), Path::new("sh")).unwrap();
        let id = process.child.id();
        drop(process);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }
}
