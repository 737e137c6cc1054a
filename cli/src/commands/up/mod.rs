//! `aiv1 up`: the whole lab in one process. One port serves the site, the API, fresh links and the objects behind them;
//! a worker claims work over that port as it would from elsewhere; the loop proposes; a consumer rebuilds what expired.

mod directory;
mod narrate;
mod serve;
mod tasks;

use super::{Context, anchor_names, clips, open_clips, question};
use crate::arguments::Up;
use crate::exit;
use aiv1_lab::{Error, Lab, Observer as _, machine};
use aiv1_model::api::ClipEntry;
use aiv1_orchestrator::StartingCodec;
use aiv1_store::SystemClock;
use aiv1_store_embedded::EmbeddedStore;
use aiv1_video::Clip;
use aiv1_web::{Defaults, Scope, Services, Site, Tokens};
use aiv1_worker::process;
use directory::DataDirectory;
pub(super) use directory::{DirectoryError, TokenFile};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

/// Why a lab could not come up, or could not go on.
#[derive(Debug, thiserror::Error)]
enum UpError {
    #[error(transparent)]
    Lab(#[from] aiv1_lab::Error),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Open(#[from] aiv1_store_embedded::OpenError),
    #[error(transparent)]
    Store(#[from] aiv1_store::Error),
    #[error("cannot listen on {address}; choose another with --listen")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot {action}")]
    System { action: &'static str, source: io::Error },
    #[error("the worker cannot start")]
    Worker(#[source] aiv1_worker::Error),
    #[error("the search cannot start")]
    Loop(#[source] aiv1_orchestrator::Error),
}

/// Runs a lab until Ctrl-C or SIGTERM.
pub(crate) fn up(context: &Context, arguments: &Up) -> ExitCode {
    match start(context, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(UpError::Lab(error)) => exit::report(&error),
        Err(error) => exit::report_other(&error),
    }
}

/// How long answers under way may take once the lab stops.
const PATIENCE: Duration = Duration::from_secs(5);

fn start(context: &Context, arguments: &Up) -> Result<(), UpError> {
    process::log(LevelFilter::WARN);
    let directory = DataDirectory::take(&arguments.data)?;
    let lab = Arc::new(machine::lab(context.threads)?);
    let progress = context.progress();
    let anchors = anchor_names(arguments.measuring.anchors.as_deref())?;
    let given = &arguments.clips;
    let opened = open_clips(&lab.ffmpeg, &given.clips, &given.options, &progress)?;
    let codecs = question::starting_codecs(&lab, &arguments.codecs)?;
    // Until here a signal only sets a flag.
    if progress.cancelled() {
        return Err(Error::Cancelled.into());
    }
    drop(progress);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| UpError::System { action: "start threads", source })?;
    let ended =
        runtime.block_on(Assembly { context, arguments, directory, lab, anchors, opened, codecs }.run());
    // A compiler that still runs is not waited for: it is a confined child with a limit, and its result is not needed.
    runtime.shutdown_background();
    ended
}

/// Everything that was made ready before the first task starts.
struct Assembly<'a> {
    context: &'a Context,
    arguments: &'a Up,
    directory: DataDirectory,
    lab: Arc<Lab>,
    anchors: Vec<String>,
    opened: Vec<Clip>,
    codecs: Vec<StartingCodec>,
}

impl Assembly<'_> {
    async fn run(self) -> Result<(), UpError> {
        let Self { context, arguments, directory, lab, anchors, opened, codecs } = self;
        let shutdown = process::shutdown();
        let shutdown = shutdown.map_err(|source| UpError::System { action: "listen to signals", source })?;
        let address = arguments.listen;
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| UpError::Listen { address, source })?;
        let bound = listener.local_addr().map_err(|source| UpError::Listen { address, source })?;
        let local = format!("http://{}", reachable(bound));
        let public = arguments.public_url.clone().unwrap_or_else(|| local.clone());
        let tokens = directory.tokens()?;

        let clock = Arc::new(SystemClock);
        let store = EmbeddedStore::open(directory.path(), clock.clone())?;
        // Unless it is known where visitors come from, links stay on whatever address a visitor used.
        let (catalog, blobs) =
            (store.catalog(), store.blobs(arguments.public_url.as_deref().unwrap_or_default()));
        clips::register(&*catalog, &*blobs, &opened, ClipEntry::OPEN).await?;
        let open_set = clips::open_set::<UpError>(&*catalog).await?;
        let settings = question::settings(&arguments.measuring, anchors, &open_set)?;
        let reference = question::reference(&settings);
        let site = Site {
            public_url: public.clone(),
            media_origin: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            defaults: Some(Defaults { settings: settings.clone() }),
        };
        let tokens_in_force = Arc::new(in_force(&tokens));
        let services = Services {
            catalog: catalog.clone(),
            blobs: blobs.clone(),
            clock,
            tokens: tokens_in_force,
            site: Arc::new(site),
        };

        if store.release_rebuilds().await? {
            tracing::info!("what was being rebuilt when this lab last ended is queued again");
        }

        let mut tasks = JoinSet::new();
        let workers = self::tasks::workers(arguments.workers, &lab, &directory, (&local, &tokens))?;
        let router = serve::router(&services, &store, &workers);
        // The site outlives the workers, which give their work back over it.
        let closing = CancellationToken::new();
        let mut serving = tokio::spawn(serve::serve(listener, router, closing.clone()));
        tasks.spawn(self::tasks::sweep(store, shutdown.clone()));
        self::tasks::rebuild(&mut tasks, &services, &lab, &directory, &shutdown);
        self::tasks::work(&mut tasks, workers, &shutdown);
        if !arguments.no_search {
            self::tasks::search(&mut tasks, &services, codecs, settings, arguments, &shutdown)?;
        }
        say(&format!("AiV1 is up: {public}/  (data in {}; Ctrl-C stops)", directory.path().display()));
        tasks.spawn(narrate::narrate(catalog, reference, context.quiet, shutdown.clone()));

        let ended = supervise(&mut tasks, &mut serving, &shutdown).await;
        shutdown.cancel();
        say("stopping: running work is given back …");
        while let Some(ended) = tasks.join_next().await {
            tell_panic(ended);
        }
        closing.cancel();
        if ended.is_ok() {
            // Answers under way get a moment; a client that holds its connection open does not hold up the lab.
            let _ = tokio::time::timeout(PATIENCE, serving).await;
        }
        say("stopped; start again with the same --data and it goes on");
        ended
    }
}

/// Waits for `shutdown`, telling of a task that panics when it does. A lab that does not answer any more is an error.
async fn supervise(
    tasks: &mut JoinSet<()>,
    serving: &mut JoinHandle<io::Result<()>>,
    shutdown: &CancellationToken,
) -> Result<(), UpError> {
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            served = &mut *serving => {
                let source = match served {
                    Ok(Ok(())) => io::Error::other("the server ended by itself"),
                    Ok(Err(error)) => error,
                    Err(error) => io::Error::other(error),
                };
                return Err(UpError::System { action: "serve any longer", source });
            }
            Some(ended) = tasks.join_next() => tell_panic(ended),
        }
    }
}

fn tell_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = error.to_string(), "a task ended by a panic");
    }
}

/// An address that a client on this machine can connect to.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let mut address = bound;
    if bound.ip().is_unspecified() {
        address.set_ip(if bound.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

fn in_force(tokens: &TokenFile) -> Tokens {
    let TokenFile { submit, worker, admin } = tokens;
    Tokens::new([(Scope::Submit, submit.as_str()), (Scope::Worker, worker), (Scope::Admin, admin)])
}

fn say(line: &str) {
    // Nobody is there to be told that standard error is gone.
    let _ = writeln!(io::stderr(), "{line}");
}
