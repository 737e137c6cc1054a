//! Runs one program in a child process that sees only what it was given.
//!
//! [`Confined`] describes the program; [`Confined::run`] starts a [`Helper`] (the running binary once more, or
//! `aiv1-confine`), which confines *itself* in [`child_main`] and then becomes the program: limits on CPU time, address
//! space, file size and descriptors, no capabilities, no new privileges, no inherited descriptors, no TCP, and
//! Landlock, so that of the file system only the named paths exist. Where the kernel permits it there is no network at
//! all. Without Landlock, or without any way to deny the network, nothing runs: the error names what the kernel lacks
//! ([`Support`] says so beforehand), unless the caller settles for the rest ([`Confined::best_effort`]). What newer kernels
//! add (devices, signals, abstract sockets) is denied where it can be.
//!
//! # Decisions
//! - **A helper, not `pre_exec`**: between `fork` and `exec` of a threaded program hardly anything is allowed, and
//!   Landlock rules allocate and open paths. A fresh process has no such rule, and the parent needs no `unsafe`.
//! - **The specification travels through standard input**, before the program's own input, and the helper's report
//!   through standard output, before the program's own output: no descriptor besides 0, 1 and 2 is ever shared, no size
//!   limit of arguments applies, and other users cannot read it in the process list.
//! - **One thread waits** for exit, output, input and deadline at once (`pidfd` and `poll`): nothing sleeps, nothing is
//!   polled by the clock, and a flood of output is drained and counted rather than kept.
//! - **The whole process group dies** with the program, and the group dies with the parent. A descendant that leaves the
//!   group on purpose stays confined and limited, but may outlive the run: programs that may do so are not run here.
//! - Rejected: *bubblewrap* (not everywhere installed, needs user namespaces), *seccomp filters* (what breaks a linker
//!   changes with every libc), *containers* (a daemon and its privileges).

mod child;
mod command;
mod error;
mod outcome;
mod parent;
mod rules;
mod spec;
mod support;

pub use child::child_main;
pub use command::{Confined, Helper, Limits};
pub use error::Error;
pub use outcome::{Captured, Ended, Isolation, Outcome};
pub use support::Support;
