//! The helper's side: confines its own process, then becomes the program.

use crate::rules::{self, DENIES_TCP};
use crate::spec::{FRAME_HEAD, Limits, MAX_FRAME, REFUSED, Report, Spec, frame, frame_len};
use crate::support::NO_LANDLOCK;
use rustix::io::{Errno, FdFlags};
use rustix::process::{Resource, Rlimit, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// The helper's `main`: reads a specification from standard input, confines this process and becomes the program.
///
/// Returns only if that failed; the reason then went to the parent through standard output. The calling process must
/// have no other threads and must not have read from standard input.
#[must_use]
pub fn child_main() -> ExitCode {
    let Err(report) = become_program();
    if let Ok(frame) = frame(&report) {
        let _ = write_all(&frame);
    }
    ExitCode::from(REFUSED)
}

fn become_program() -> Result<std::convert::Infallible, Report> {
    let spec =
        read_spec().map_err(|reason| Report::Setup { step: "reading the specification".into(), reason })?;
    let step = |step: &str| {
        let step = step.to_owned();
        move |error: Errno| Report::Setup { step, reason: error.to_string() }
    };
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(step("the death signal"))?;
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get() as u32);
    if parent != Some(spec.parent) {
        return Err(Report::Setup { step: "the death signal".into(), reason: "the parent is gone".into() });
    }
    let level = rules::level();
    if level.is_none() && !spec.best_effort {
        return Err(Report::Unsupported { missing: NO_LANDLOCK.to_owned() });
    }
    let network_namespace = leave_network();
    let tcp_denied = level >= Some(DENIES_TCP) || network_namespace;
    if !tcp_denied && !spec.best_effort {
        let missing =
            "its Landlock cannot deny TCP (Linux 6.7 can), and it permits no network namespace".to_owned();
        return Err(Report::Unsupported { missing });
    }
    close_inherited()
        .map_err(|error| Report::Setup { step: "descriptors".into(), reason: error.to_string() })?;
    set_limits(&spec.limits).map_err(step("resource limits"))?;
    let none = CapabilitySet::empty();
    let nothing = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, nothing).map_err(step("dropping capabilities"))?;
    rustix::thread::set_no_new_privs(true).map_err(step("no new privileges"))?;
    if let Some(level) = level {
        rules::enforce(level, &spec.grants)?;
    }

    let ready = frame(&Report::Ready { landlock: level.is_some(), tcp_denied, network_namespace });
    let ready =
        ready.map_err(|error| Report::Setup { step: "the report".into(), reason: error.to_string() })?;
    write_all(&ready).map_err(step("the report"))?;
    let mut program = Command::new(&spec.program);
    program.args(&spec.args).env_clear().envs(spec.env).current_dir(&spec.cwd);
    Err(Report::Execute { nonce: spec.nonce, reason: program.exec().to_string() })
}

/// Reads the frame and not one byte more: what follows is the program's.
fn read_spec() -> Result<Spec, String> {
    let mut head = [0; FRAME_HEAD];
    read_exact(&mut head)?;
    let len = frame_len(&head, MAX_FRAME).ok_or("standard input does not begin with one")?;
    let mut json = vec![0; len];
    read_exact(&mut json)?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

fn read_exact(mut buffer: &mut [u8]) -> Result<(), String> {
    while !buffer.is_empty() {
        match rustix::io::read(rustix::stdio::stdin(), &mut *buffer) {
            Ok(0) => return Err("standard input ended early".into()),
            Ok(count) => buffer = &mut buffer[count..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

fn write_all(mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A network namespace without any interface, directly or through a user namespace; `false` where neither is permitted.
fn leave_network() -> bool {
    let unshare = |flags| {
        #[expect(unsafe_code, reason = "`FILES`, the flag that makes this call unsafe, is not given")]
        // SAFETY: without `FILES` the descriptor table stays shared as it was; there are no other threads besides.
        unsafe {
            rustix::thread::unshare_unsafe(flags)
        }
    };
    unshare(UnshareFlags::NEWNET).is_ok() || unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).is_ok()
}

/// Marks every descriptor beyond standard error to be closed when the program takes over.
fn close_inherited() -> std::io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if number > 2 {
            #[expect(unsafe_code, reason = "descriptors inherited by accident have no owner in this process")]
            // SAFETY: the number was just listed as open; it is only marked, and a stale one answers `EBADF`.
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            match rustix::io::fcntl_setfd(descriptor, FdFlags::CLOEXEC) {
                Ok(()) | Err(Errno::BADF) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn set_limits(limits: &Limits) -> rustix::io::Result<()> {
    let set = |resource, soft: Option<u64>, hard: Option<u64>| {
        let wanted = Rlimit { current: soft, maximum: hard };
        soft.map_or(Ok(()), |_| rustix::process::setrlimit(resource, wanted))
    };
    // Past the soft CPU limit comes a signal that says so, a second later one that cannot be caught.
    set(Resource::Cpu, limits.cpu_seconds, limits.cpu_seconds.map(|seconds| seconds + 1))?;
    set(Resource::As, limits.address_space, limits.address_space)?;
    set(Resource::Fsize, limits.file_size, limits.file_size)?;
    set(Resource::Nofile, limits.open_files, limits.open_files)?;
    set(Resource::Nproc, limits.processes, limits.processes)?;
    set(Resource::Core, Some(0), Some(0))
}
