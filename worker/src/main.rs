//! `aiv1-worker`: a worker on a machine of its own. `AIV1_URL` and `AIV1_TOKEN` are all it needs to be told, or
//! `AIV1_PARAMETERS` where both are in SSM.

mod arguments;

use aiv1_lab::{chain, machine};
use aiv1_worker::{ClipCache, Config, Worker, process};
use clap::Parser as _;
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    // Compilers and untrusted modules run in children that are this very program.
    if let Some(code) = machine::run_as_child() {
        return code;
    }
    let arguments = arguments::Arguments::parse();
    process::log(LevelFilter::INFO);
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(&*error), "the worker ends");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &arguments::Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (config, surroundings) = runtime.block_on(Config::from_environment(&arguments.flags()))?;
    let lab = Arc::new(machine::lab(surroundings.threads)?);
    let clips = ClipCache::open(&surroundings.clips, surroundings.bounds)?;
    let worker = Worker::new(config, lab, clips)?;
    let ended = runtime.block_on(async { worker.run(process::shutdown()?).await.map_err(Box::from) });
    // A run that is told to stop and still compiles is not waited for: the next start sweeps its directory.
    runtime.shutdown_background();
    ended
}
