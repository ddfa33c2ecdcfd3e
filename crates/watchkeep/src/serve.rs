//! `watchkeep serve`: opens the listeners, then the store, and serves until a signal.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Arc;

use prometheus::Registry;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use watchkeep_engine::scrape::{Environment, Scraping};
use watchkeep_engine::{
    Documents, Engine, Sources, agents, budgets, feedback, health, prices, span_metrics,
};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Clock, Error, Result, SystemClock, TenantId};
use watchkeep_server::{About, App, Server};
use watchkeep_storage::Store;
use watchkeep_storage::embedded::{EmbeddedStore, RecoveryProgress};

use crate::cli::{COMMIT, ServeArguments, VERSION};
use crate::config::Config;
use crate::print;

/// Threads for blocking work (decoding, files) at most; they come and go as needed.
const BLOCKING_THREADS_MAX: usize = 64;

/// Runs the server until it is told to stop.
pub(crate) fn run(arguments: &ServeArguments) -> Result<()> {
    let config = Config::load(arguments, std::env::vars())?;
    start_log(&config.log.level)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("watchkeep")
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .context(|| "cannot start the runtime".into())?;
    let outcome = runtime.block_on(serve(config));
    // What is durable is on disk; a recovery that a signal cut short is not waited for.
    runtime.shutdown_background();
    outcome
}

fn start_log(level: &str) -> Result<()> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Error::invalid(format!("log.level {level:?}: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
        .context(|| "cannot start the log".into())
}

async fn serve(config: Config) -> Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let registry = Registry::new();
    let environment = Environment::new(std::env::vars());
    let engine = Arc::new(engine(&config, &clock, &registry, &environment)?);
    let about = About {
        version: VERSION,
        commit: COMMIT,
        data_dir: config.storage.data_dir.clone(),
        retention: kept(&config),
    };
    let scraping = Arc::new(Scraping::new(
        &engine,
        TenantId::new(&config.scrape.tenant)?,
        config.scrape.config_file.clone(),
        environment,
        &registry,
    )?);
    let data_dir = &config.storage.data_dir;
    let sources = Sources::new(&engine, config.sources.clone(), data_dir, &registry)?;
    let app = App::new(
        Arc::clone(&engine),
        Arc::clone(&scraping),
        registry.clone(),
        config.server.clone(),
        config.otlp.clone(),
        about,
    )?
    .with_jaeger(config.jaeger.clone())?
    .with_legacy_ports(config.legacy_ports.clone());
    let server = Server::bind(app).await?;
    let mut signals = Signals::listen()?;
    print(&welcome(&server, &config))?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async move {
        // A sender that is gone means the same as one that has sent.
        let _either_way = stopped.await;
    }));
    let outcome = tokio::select! {
        opened = open_and_wait(&config, clock, &registry, &engine, (&scraping, &sources)) => opened,
        name = signals.next() => {
            tracing::info!("{name}: stopping");
            Ok(())
        }
    };
    // Before the engine refuses what a scrape under way still brings, or what was read last.
    scraping.shut_down().await;
    sources.stop().await;
    if outcome.is_ok() {
        engine.stopping();
    }
    drop(stop);
    tokio::select! {
        ended = serving => ended.context(|| "the server ended badly".into())?,
        name = signals.next() => tracing::warn!("{name} again: not waiting for requests"),
    }
    outcome?;
    if let Ok(store) = engine.store() {
        engine.finish_budgets().await?;
        store.close().await?;
    }
    tracing::info!("stopped");
    Ok(())
}

/// The engine with all sections of the configuration.
fn engine(
    config: &Config,
    clock: &Arc<dyn Clock>,
    registry: &Registry,
    environment: &Environment,
) -> Result<Engine> {
    let engine = Engine::new(config.limits.clone(), Arc::clone(clock), registry)?;
    let engine = engine.with_loki(config.loki.clone())?.with_traces(config.traces.clone())?;
    let engine = engine
        .with_documents(Documents::new(&config.storage.data_dir))
        .with_agents(config.agents.clone())?
        .with_feedback(config.feedback.clone(), environment)?
        .with_prices(config.prices.clone())?
        .with_budgets(config.budgets.clone())?
        .with_redaction(&config.redaction)?
        .with_health(config.health.clone(), &config.storage.data_dir, environment)?;
    engine.with_span_metrics(config.span_metrics.clone())
}

/// Opens the store and lets the engine use it; returns only where that failed.
async fn open_and_wait(
    config: &Config,
    clock: Arc<dyn Clock>,
    registry: &Registry,
    engine: &Arc<Engine>,
    (scraping, sources): (&Scraping, &Sources),
) -> Result<()> {
    let (settings, registry, watched) = (config.storage(), registry.clone(), Arc::clone(engine));
    let opening = tokio::task::spawn_blocking(move || {
        let mut shown = Progress::default();
        EmbeddedStore::open(settings, clock, &registry, &mut |progress| {
            shown.show(&watched, progress);
        })
    });
    let opened = opening.await.context(|| "opening the store ended badly".into())?;
    match opened {
        Ok(store) => {
            let store: Arc<dyn Store> = Arc::new(store);
            engine.recovering("reading what agents did last");
            engine.recover_agents(&store).await?;
            engine.attach(store);
            tracing::info!("ready");
            sources.start().await?;
            tokio::spawn(span_metrics::run(Arc::clone(engine)));
            tokio::spawn(agents::run(Arc::clone(engine)));
            tokio::spawn(feedback::run(Arc::clone(engine)));
            tokio::spawn(prices::run(Arc::clone(engine)));
            tokio::spawn(budgets::run(Arc::clone(engine)));
            tokio::spawn(health::run(Arc::clone(engine)));
            if scraping.file().is_some() {
                scraping.reload().await?;
            }
            reload_on_hangup(scraping, engine).await
        }
        Err(error) => {
            engine.fail(error.message());
            Err(error)
        }
    }
}

/// Reads the scrape configuration and the price table again at every SIGHUP; never returns without an
/// error.
async fn reload_on_hangup(scraping: &Scraping, engine: &Arc<Engine>) -> Result<()> {
    let mut hangups = signal(SignalKind::hangup()).context(|| "cannot listen for SIGHUP".into())?;
    loop {
        hangups.recv().await;
        match scraping.reload().await {
            Ok(()) => tracing::info!("SIGHUP: the scrape configuration was read again"),
            Err(error) => {
                tracing::error!("SIGHUP: the scrape configuration stays: {}", error.report());
            }
        }
        let reading = Arc::clone(engine);
        match tokio::task::spawn_blocking(move || reading.prices().reload()).await {
            Ok(Ok(prices::Reloaded { file: None })) => {}
            Ok(Ok(_)) => tracing::info!("SIGHUP: the price table was read again"),
            Ok(Err(error)) => tracing::error!("SIGHUP: the prices stay: {}", error.report()),
            Err(error) => tracing::error!("SIGHUP: reading the price table ended badly: {error}"),
        }
    }
}

/// Tells how far recovery is: on `/ready` at once, in the log at every tenth.
#[derive(Default)]
struct Progress {
    tenths_logged: u64,
}

impl Progress {
    /// Less than this is replayed before anyone asks how far it is.
    const WORTH_TELLING_BYTES: u64 = 16 << 20;

    fn show(&mut self, engine: &Engine, progress: RecoveryProgress) {
        let RecoveryProgress { bytes_read, bytes_total } = progress;
        let percent = bytes_read.saturating_mul(100).checked_div(bytes_total).unwrap_or(100);
        let text = format!("replayed {bytes_read} of {bytes_total} bytes of the log");
        if bytes_total >= Self::WORTH_TELLING_BYTES && percent / 10 > self.tenths_logged {
            self.tenths_logged = percent / 10;
            tracing::info!("{text} ({percent} %)");
        }
        engine.recovering(text);
    }
}

/// How long data is kept.
fn kept(config: &Config) -> String {
    match config.retention.age.0 {
        std::time::Duration::ZERO => "kept for ever".to_owned(),
        _ => format!("kept for {}", config.retention.age),
    }
}

/// What a person sees who starts the server.
fn welcome(server: &Server, config: &Config) -> String {
    let address = |name: &str| {
        server
            .listeners()
            .iter()
            .find(|listener| listener.name == name)
            .map(|listener| format!("http://{}", listener.address))
    };
    let main = address("main").unwrap_or_default();
    let retention = kept(config);
    let mut text = format!("\n  Watchkeep {VERSION}\n\n");
    let rows = [
        ("Web UI", main.clone()),
        ("API", format!("{main}/api/watchkeep/v1")),
        ("OTLP/gRPC", address("otlp-grpc").unwrap_or_else(|| main.clone())),
        ("OTLP/HTTP", address("otlp-http").unwrap_or_else(|| main.clone())),
        ("Legacy", legacy_ports(server)),
        ("Data", format!("{}, {retention}", config.storage.data_dir.display())),
    ];
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a string can not fail.
        let _infallible = writeln!(text, "  {name:<10} {value}");
    }
    text.push('\n');
    text
}

/// The ports of other programs that are open, with the names of what they serve.
fn legacy_ports(server: &Server) -> String {
    let own = ["main", "otlp-grpc", "otlp-http"];
    let legacy = server.listeners().iter().filter(|listener| !own.contains(&listener.name));
    let shown: Vec<String> =
        legacy.map(|listener| format!("{} :{}", listener.name, listener.address.port())).collect();
    shown.join(", ")
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let on = |kind| signal(kind).context(|| "cannot listen for signals".into());
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
