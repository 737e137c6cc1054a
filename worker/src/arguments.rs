//! The flags: each stands for a variable, and goes before it.

use aiv1_worker::config;
use clap::Parser;

/// Claims experiments of a lab, runs them, reports. What is not given here is taken from the environment: `AIV1_URL`,
/// `AIV1_TOKEN` (there is no flag for a secret), `AIV1_WORKER_…`; address and token also from SSM, below `AIV1_PARAMETERS`.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Address of the lab [`AIV1_URL`]
    #[arg(long)]
    url: Option<String>,
    /// Name, unique among living workers [`AIV1_WORKER_NAME`]
    #[arg(long)]
    name: Option<String>,
    /// Folder for runs and clips [`AIV1_WORKER_FOLDER`]
    #[arg(long)]
    folder: Option<String>,
    /// Most bytes of clips kept [`AIV1_WORKER_CLIP_BYTES`]
    #[arg(long)]
    clip_bytes: Option<String>,
    /// Bytes of the disk left free [`AIV1_WORKER_FREE_BYTES`]
    #[arg(long)]
    free_bytes: Option<String>,
    /// Address for /health and /metrics [`AIV1_WORKER_LISTEN`]
    #[arg(long)]
    listen: Option<String>,
    /// Threads to encode and decode with [`AIV1_WORKER_THREADS`]
    #[arg(long)]
    threads: Option<String>,
    /// Published experiments derived again on one day [`AIV1_WORKER_AUDITS`]
    #[arg(long)]
    audits: Option<String>,
}

impl Arguments {
    /// What was given, by the variable it stands for.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        let flags = [
            (config::URL, &self.url),
            (config::NAME, &self.name),
            (config::FOLDER, &self.folder),
            (config::CLIP_BYTES, &self.clip_bytes),
            (config::FREE_BYTES, &self.free_bytes),
            (config::LISTEN, &self.listen),
            (config::THREADS, &self.threads),
            (config::AUDITS, &self.audits),
        ];
        flags.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}
