//! One server as a process: up when it says so, gone when it is dropped and when the test's process dies, however it dies.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Another process may take a port between our finding it free and the server binding it.
const TRIES: u32 = 5;

/// Reads the pipe that only this process holds open: its end is this process's end, even by `kill -9`. (A death signal
/// would come when the *thread* that started the server ends.)
const GUARD: &str = r#"exec 3<&0 </dev/null 2>&1
{ read -r _ <&3; kill -9 -$$; } >/dev/null &
exec "$@" 3<&-"#;

/// Where ports are drawn from: below those that the system gives to clients, one of which may otherwise be there first, even
/// the very one that asks whether the server is up.
const PORTS: Range<u16> = 10_000..30_000;

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    _alive: ChildStdin,
    port: u16,
}

impl Process {
    /// Runs what `command` makes of a free port, until it prints a line with `ready` in it.
    pub(crate) fn start(ready: &str, command: impl Fn(u16) -> Command) -> Self {
        for _ in 1..TRIES {
            if let Ok(process) = Self::try_start(ready, &command) {
                return process;
            }
        }
        Self::try_start(ready, &command).unwrap_or_else(|said| panic!("a server did not come up:\n{said}"))
    }

    fn try_start(ready: &str, command: impl Fn(u16) -> Command) -> Result<Self, String> {
        let port = free_port();
        let inner = command(port);
        let mut guarded = Command::new("sh");
        guarded.args(["-c", GUARD, "sh"]).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            guarded.env(name, value.unwrap_or_default());
        }
        guarded.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = guarded.spawn().unwrap();
        let alive = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, line) = mpsc::channel();
        // Reads on after the server is up: a full pipe would stop it.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody listens any more once it is up.
                let _ = sender.send(line);
            }
        });
        let process = Self { child, _alive: alive, port };
        let mut said = format!("{inner:?}\n");
        loop {
            match line.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(ready) => break,
                Ok(line) => said = said + &line + "\n",
                Err(ended) => return Err(format!("{said}({ended})")),
            }
        }
        // Some say so a moment before they listen.
        let begun = Instant::now();
        while let Err(error) = TcpStream::connect(("127.0.0.1", port)) {
            match line.recv_timeout(Duration::from_millis(20)) {
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(format!("{said}({error})")),
                _ if begun.elapsed() > PATIENCE => return Err(format!("{said}({error})")),
                Ok(line) => said = said + &line + "\n",
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(process)
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        // Already gone, if it cannot be ended.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Something that `make setup` installs below the cache's `tools`.
pub(crate) fn tool(path: &str) -> PathBuf {
    #[allow(clippy::disallowed_methods, reason = "tests read their environment")]
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("AIV1_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("aiv1")))
        .unwrap_or_else(|| variable("HOME").unwrap().join(".cache/aiv1"));
    let tool = cache.join("tools").join(path);
    assert!(tool.exists(), "{} is not there: run `make setup`", tool.display());
    tool
}

/// A port at which nobody listens.
fn free_port() -> u16 {
    let drawn = |draw: u64| PORTS.start + (RandomState::new().hash_one(draw) % PORTS.len() as u64) as u16;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..1_000).map(drawn).find(free).expect("a free port among a thousand")
}
