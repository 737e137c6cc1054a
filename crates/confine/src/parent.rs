//! The parent's side: one thread that feeds, drains, waits and kills.

use crate::spec::{FRAME_HEAD, MAX_REPORT, REFUSED, Report, frame, split_frame};
use crate::{Captured, Confined, Ended, Error, Isolation, Outcome};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long output is still read once the program is gone: only a descendant that left its group can hold it open.
const LINGER: Duration = Duration::from_secs(1);
const REPORT_FRAME: usize = FRAME_HEAD + MAX_REPORT;
const SIGXCPU: i32 = Signal::XCPU.as_raw();
const SIGXFSZ: i32 = Signal::XFSZ.as_raw();
const SIGKILL: i32 = Signal::KILL.as_raw();

pub(crate) fn run(command: &Confined) -> Result<Outcome, Error> {
    let started = Instant::now();
    let nonce = RandomState::new().hash_one(started);
    let failed = |what| move |source| Error::Follow { what, source };
    let mut input =
        frame(&command.spec(nonce)).map_err(|error| failed("writing the specification")(error.into()))?;
    input.extend_from_slice(&command.stdin);

    let mut running = Running::start(command)?;
    let mut pipes = Pipes::take(&mut running.child, input, command.keep).map_err(failed("opening pipes"))?;
    let end = started + command.deadline;
    let mut killed = false;
    while !pipes.step(Some(&running.pidfd), (!killed).then_some(end)).map_err(failed("polling"))? {
        if !killed && Instant::now() >= end {
            running.kill();
            killed = true;
        }
    }
    let (status, cpu) = running.status().map_err(failed("reading how it ended"))?;
    let wall = started.elapsed();
    running.kill();
    let linger = Instant::now() + LINGER;
    while pipes.output_is_open() && Instant::now() < linger {
        pipes.step(None, Some(linger)).map_err(failed("draining output"))?;
    }
    running.reap().map_err(failed("reaping"))?;

    let [stdout, stderr] = pipes.captured;
    let (isolation, stdout) = read_report(command, nonce, &status, &stdout, &stderr)?;
    let ended =
        if killed { Ended::Deadline { after: command.deadline } } else { ended(command, &status, cpu) };
    Ok(Outcome { ended, stdout, stderr, cpu, wall, isolation })
}

fn ended(command: &Confined, status: &WaitIdStatus, cpu: Duration) -> Ended {
    if let Some(code) = status.exit_status() {
        return Ended::Exited(code);
    }
    let signal = status.terminating_signal().unwrap_or_default();
    let over = |seconds: u64| signal == SIGXCPU || (signal == SIGKILL && cpu >= Duration::from_secs(seconds));
    match (command.limits.cpu_seconds, command.limits.file_size) {
        (Some(seconds), _) if over(seconds) => Ended::CpuLimit { seconds },
        (_, Some(bytes)) if signal == SIGXFSZ => Ended::FileSizeLimit { bytes },
        _ => Ended::Signal(signal),
    }
}

/// Takes the helper's report off the front of standard output.
fn read_report(
    command: &Confined,
    nonce: u64,
    status: &WaitIdStatus,
    stdout: &Captured,
    stderr: &Captured,
) -> Result<(Isolation, Captured), Error> {
    let refused = status.exit_status() == Some(i32::from(REFUSED));
    let Some((report, rest)) = split_frame(&stdout.bytes) else {
        let said = format!("{}{}", stdout.text(), stderr.text()).chars().take(400).collect();
        return Err(Error::NotAHelper { path: command.helper.path.clone(), said });
    };
    // Only the helper knows the nonce, so the program cannot claim that it was never executed.
    if refused
        && let Some((Report::Execute { nonce: told, reason }, _)) = split_frame(rest)
        && told == nonce
    {
        return Err(Error::Execute { program: command.program.clone(), reason });
    }
    let isolation = match report {
        Report::Ready { landlock, tcp_denied, network_namespace } => {
            Isolation { landlock, tcp_denied, network_namespace }
        }
        Report::Unsupported { missing } => return Err(Error::Unsupported { missing }),
        Report::Path { path, reason } => return Err(Error::Path { path, reason }),
        Report::Setup { step, reason } => return Err(Error::Setup { step, reason }),
        Report::Execute { reason, .. } => {
            return Err(Error::Execute { program: command.program.clone(), reason });
        }
    };
    let kept = rest.len().min(command.keep[0]);
    let dropped = stdout.dropped + (rest.len() - kept) as u64;
    Ok((isolation, Captured { bytes: rest[..kept].to_vec(), dropped }))
}

/// A child that cannot be forgotten: dropped early, it is killed and reaped.
struct Running {
    child: Child,
    pid: Pid,
    pidfd: OwnedFd,
    reaped: bool,
}

impl Running {
    fn start(command: &Confined) -> Result<Self, Error> {
        let helper = &command.helper;
        let failed = |source| Error::Helper { path: helper.path.clone(), source };
        let mut process = Command::new(&helper.path);
        process.args(&helper.args).env_clear().process_group(0);
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = process.spawn().map_err(failed)?;
        let pid = Pid::from_child(&child);
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { child, pid, pidfd, reaped: false }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(failed(error.into()))
            }
        }
    }

    fn kill(&self) {
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// How it ended and what it used, read while the process is still a zombie and its number its own.
    fn status(&self) -> io::Result<(WaitIdStatus, Duration)> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = loop {
            match rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
                Ok(Some(status)) => break status,
                Ok(None) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero()))?;
        Ok((status, cpu_time(&stat).ok_or_else(|| io::Error::other(format!("no CPU time in {stat:?}")))?))
    }

    fn reap(&mut self) -> io::Result<()> {
        self.child.wait()?;
        self.reaped = true;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// User and system time of a process and its waited-for children, out of `/proc/PID/stat`.
fn cpu_time(stat: &str) -> Option<Duration> {
    let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let ticks: u64 = fields.skip(11).take(4).map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
}

/// The child's three pipes, none of which ever blocks the parent.
struct Pipes {
    stdin: Option<OwnedFd>,
    input: Vec<u8>,
    written: usize,
    outputs: [Option<OwnedFd>; 2],
    captured: [Captured; 2],
    keep: [usize; 2],
}

impl Pipes {
    fn take(child: &mut Child, input: Vec<u8>, keep: [usize; 2]) -> io::Result<Self> {
        let stdin = child.stdin.take().map(OwnedFd::from);
        let outputs = [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)];
        for pipe in outputs.iter().chain([&stdin]).flatten() {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        let keep = [keep[0] + REPORT_FRAME, keep[1]];
        Ok(Self { stdin, input, written: 0, outputs, captured: Default::default(), keep })
    }

    fn output_is_open(&self) -> bool {
        self.outputs.iter().any(Option::is_some)
    }

    /// Waits until something can be read or written, the process ends or `until` is there; `true` once it has ended.
    fn step(&mut self, process: Option<&OwnedFd>, until: Option<Instant>) -> io::Result<bool> {
        let mut watched = Vec::with_capacity(4);
        watched.extend(process.map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        watched.extend(self.outputs.iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        watched.extend(self.stdin.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut watched, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ended = process.is_some() && watched.first().is_some_and(|pidfd| !pidfd.revents().is_empty());
        drop(watched);
        self.read()?;
        self.write();
        Ok(ended)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        for ((pipe, captured), keep) in self.outputs.iter_mut().zip(&mut self.captured).zip(self.keep) {
            let Some(open) = pipe else { continue };
            match rustix::io::read(open, &mut buffer) {
                Ok(0) => *pipe = None,
                Ok(count) => {
                    let kept = count.min(keep.saturating_sub(captured.bytes.len()));
                    captured.bytes.extend_from_slice(&buffer[..kept]);
                    captured.dropped += (count - kept) as u64;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// A program that does not read its input, or is gone, is no error.
    fn write(&mut self) {
        let Some(pipe) = &self.stdin else { return };
        match rustix::io::write(pipe, &self.input[self.written..]) {
            Ok(count) => self.written += count,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(_) => self.written = self.input.len(),
        }
        if self.written == self.input.len() {
            self.stdin = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_a_hostile_process_name() {
        let ticks = rustix::param::clock_ticks_per_second();
        let stat = format!("7 (a) b 1 2) Z 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 {ticks} 0 20 0 1 0 5");
        assert_eq!(cpu_time(&stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu_time("7 (a"), None);
    }
}
