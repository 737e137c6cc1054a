//! `aiv1 up`: the whole lab in one process. One port serves the site, the API, fresh links and the objects behind them;
//! a worker claims work over that port as it would from elsewhere; the loop proposes; a consumer rebuilds what expired.

mod clips;
mod directory;
mod narrate;
mod serve;
mod tasks;

use super::{Context, anchor_names, open_clips, run};
use crate::arguments::Up;
use crate::exit;
use aiv1_lab::{Error, Lab, machine};
use aiv1_model::api::ClipEntry;
use aiv1_model::{Limits, Settings};
use aiv1_orchestrator::{StartingCodec, USUAL_REFERENCE};
use aiv1_store::SystemClock;
use aiv1_store_embedded::EmbeddedStore;
use aiv1_video::Clip;
use aiv1_web::{Defaults, Scope, Services, Site, Tokens};
use directory::{DataDirectory, TokenFile};
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Codecs that the lab starts from when no others are named.
const STARTING_CODECS: [(&str, &str); 3] = [
    ("transform", include_str!("../../../../codecs/transform.rs")),
    ("procedural", include_str!("../../../../codecs/procedural.rs")),
    ("raw", include_str!("../../../../codecs/raw.rs")),
];

/// Why a lab could not come up, or could not go on.
#[derive(Debug, thiserror::Error)]
enum UpError {
    #[error(transparent)]
    Lab(#[from] aiv1_lab::Error),
    #[error(transparent)]
    Directory(#[from] directory::DirectoryError),
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
/// How often objects whose lifecycle has ended are swept.
const SWEEP: Duration = Duration::from_mins(10);

fn start(context: &Context, arguments: &Up) -> Result<(), UpError> {
    logging();
    let directory = DataDirectory::take(&arguments.data)?;
    let lab = Arc::new(machine::lab(context.threads)?);
    let progress = context.progress();
    let anchors = anchor_names(arguments.anchors.as_deref())?;
    let given = &arguments.clips;
    let opened = open_clips(&lab.ffmpeg, &given.clips, &given.options, &progress)?;
    let codecs = starting_codecs(&lab, arguments)?;
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
        let shutdown = stop_on_signals()?;
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
        clips::register(&*catalog, &*blobs, &opened).await?;
        let open_set = clips::open_set(&*catalog).await?;
        let settings = settings(arguments, anchors, &open_set)?;
        let reference = reference(&settings);
        let site = Site {
            public_url: public.clone(),
            media_origin: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            defaults: Defaults { settings: settings.clone() },
        };
        let tokens_in_force = Arc::new(in_force(&tokens));
        let services = Services {
            catalog: catalog.clone(),
            blobs: blobs.clone(),
            clock,
            tokens: tokens_in_force,
            site: Arc::new(site),
        };

        let mut tasks = JoinSet::new();
        let router = serve::router(&services, &store);
        // The site outlives the workers, which give their work back over it.
        let closing = CancellationToken::new();
        let serving = tokio::spawn(serve::serve(listener, router, closing.clone()));
        tasks.spawn(sweep(store, shutdown.clone()));
        self::tasks::rebuild(&mut tasks, &services, &lab, &directory, &shutdown);
        self::tasks::work(&mut tasks, arguments.workers, &lab, &directory, (&local, &tokens), &shutdown)?;
        if !arguments.no_search {
            self::tasks::search(&mut tasks, &services, codecs, settings, arguments, &shutdown)?;
        }
        say(&format!("AiV1 is up: {public}/  (data in {}; Ctrl-C stops)", directory.path().display()));
        tasks.spawn(narrate::narrate(catalog, reference, context.quiet, shutdown.clone()));

        shutdown.cancelled().await;
        say("stopping: running work is given back …");
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(error = error.to_string(), "a task ended by a panic");
            }
        }
        closing.cancel();
        // Answers under way get a moment; a client that holds its connection open does not hold up the lab.
        let _ = tokio::time::timeout(PATIENCE, serving).await;
        say("stopped; start again with the same --data and it goes on");
        Ok(())
    }
}

/// Logs go to standard error; `AIV1_LOG` takes the filters of the `tracing` crate, `warn` by default.
fn logging() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_env_var("AIV1_LOG")
        .with_default_directive(tracing::level_filters::LevelFilter::WARN.into())
        .from_env_lossy();
    let color = io::stderr().is_terminal();
    // Set once a process; a second call changes nothing.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(color).with_writer(io::stderr).try_init();
}

/// Cancelled by the first Ctrl-C or SIGTERM; the second ends the process at once.
fn stop_on_signals() -> Result<CancellationToken, UpError> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen =
        |kind| signal(kind).map_err(|source| UpError::System { action: "listen to signals", source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(i32::from(exit::INTERRUPTED));
            }
            token.cancel();
        }
    });
    Ok(shutdown)
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

fn settings(arguments: &Up, anchors: Vec<String>, clips: &[ClipEntry]) -> Result<Settings, Error> {
    let limits = Limits::default();
    let gop_frames = arguments.gop.unwrap_or_else(|| {
        run::fitting_gop(clips.iter().map(|clip| clip.info.format.frame_bytes()), &limits)
    });
    let settings = Settings { gop_frames, quality_indices: arguments.quality.clone(), anchors, limits };
    settings.check()?;
    Ok(settings)
}

/// The anchor that the search improves on, which the terminal tells of.
fn reference(settings: &Settings) -> String {
    let anchors = &settings.anchors;
    anchors.iter().find(|name| *name == USUAL_REFERENCE).or(anchors.first()).cloned().unwrap_or_default()
}

fn starting_codecs(lab: &Lab, arguments: &Up) -> Result<Vec<StartingCodec>, Error> {
    let sources = if arguments.codecs.is_empty() {
        STARTING_CODECS.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect()
    } else {
        arguments.codecs.iter().map(|path| run::read_source(path)).collect::<Result<Vec<_>, _>>()?
    };
    let declared = |(name, source): (String, String)| {
        let declaration = aiv1_lab::declaration(lab, &name, &source, &Limits::default())?;
        Ok(StartingCodec { name, source, declaration })
    };
    sources.into_iter().map(declared).collect()
}

/// Sweeps what has expired, at the start and every so often.
async fn sweep(store: EmbeddedStore, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match store.sweep().await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "objects whose lifecycle had ended are gone"),
            Err(error) => {
                tracing::warn!(error = aiv1_lab::chain(&error), "expired objects could not be swept");
            }
        }
    }
}

fn say(line: &str) {
    // Nobody is there to be told that standard error is gone.
    let _ = writeln!(io::stderr(), "{line}");
}
