//! What the kernel says of processes: memory and CPU time.

use std::fs;
use std::time::Duration;

/// The kernel counts CPU time in hundredths of a second, whatever the machine.
const TICK: Duration = Duration::from_millis(10);

/// CPU time used so far.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    /// By this process: the lab.
    pub(crate) lab: Duration,
    /// By children that have ended: the generator.
    pub(crate) generator: Duration,
    /// By the servers of the store.
    pub(crate) servers: Duration,
}

impl Used {
    pub(crate) fn now(servers: &[u32]) -> Self {
        let own = stat("self").unwrap();
        let servers: u64 = servers.iter().filter_map(|id| stat(&id.to_string())).map(|of| of.cpu).sum();
        let time = |ticks: u64| TICK * u32::try_from(ticks).unwrap();
        Self { lab: time(own.cpu), generator: time(own.children), servers: time(servers) }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            lab: self.lab.saturating_sub(before.lab),
            generator: self.generator.saturating_sub(before.generator),
            servers: self.servers.saturating_sub(before.servers),
        }
    }
}

/// The processes that this one has started.
pub(crate) fn children() -> Vec<u32> {
    let ids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| stat(&id.to_string()).is_some_and(|of| of.parent == std::process::id())).collect()
}

struct Stat {
    parent: u32,
    cpu: u64,
    children: u64,
}

/// A process's line in proc(5); `None` for what is no process, or has just ended.
fn stat(process: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        cpu: number(11)? + number(12)?,
        children: number(13)? + number(14)?,
    })
}

/// Memory of this process.
pub(crate) fn resident_megabytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// Cores of this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
