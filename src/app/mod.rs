//! Composition root: puts a server together, starts it and stops it in order.

mod databases;
mod files;
mod shutdown;
mod versions;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use databases::Databases;
pub use files::{Files, FilesError};
use shutdown::Signals;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tracing::{info, warn};

use crate::config::Settings;
use crate::engine::{Engine, EngineSettings};
use crate::http::{self, Origins, Readiness, State};
use crate::metrics::Metrics;
use crate::source::SourceError;
use crate::source::embedded::Progress;
use crate::source::postgis::InvalidUrl;

/// Why the server doesn't start.
#[derive(Debug, Error)]
pub enum AppError {
    #[error("can't listen on {address}: {cause}{}{hint}", if hint.is_empty() { "" } else { "; " })]
    Listen { address: SocketAddr, cause: std::io::Error, hint: &'static str },
    #[error("can't start: {0}")]
    Start(#[from] std::io::Error),
    #[error("can't declare the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("databases.{name}.url: {cause}")]
    Url { name: String, cause: InvalidUrl },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("{0}")]
    Strict(String),
}

const PORT_HINT: &str = "choose another with --listen";

/// Longest wait at the start for databases to say what they hold; slower ones are published when
/// they have.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// The runtime that everything but HTTP runs on.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().thread_name("tesela-engine").build()
}

/// Serves until a signal stops it.
///
/// # Errors
/// It can't start, or with `strict` something configured can't be served.
pub fn serve(settings: &Settings, strict: bool, progress: &dyn Progress) -> Result<(), AppError> {
    // Said before files are read, which may take a while; nobody should wait for that in vain.
    drop(listen(settings.server.listen, PORT_HINT)?);
    let files = Files::load(settings, strict, progress)?;
    let listener = listen(settings.server.listen, PORT_HINT)?;
    let admin_listener = listen_admin(&settings.server)?;
    let mut settings = settings.clone();
    // Port 0 asks the system for one.
    settings.server.listen = listener.local_addr()?;
    let settings = Arc::new(settings);
    let runtime = runtime()?;
    let metrics = Arc::new(Metrics::new()?);
    let engine_settings = EngineSettings {
        cache: settings.cache.clone(),
        request_timeout: settings.server.request_timeout,
    };
    let engine = Arc::new(Engine::new(engine_settings, metrics, runtime.handle().clone()));
    let databases = Arc::new(Databases::new(&settings, files)?);
    let mut signals = runtime.block_on(async { Signals::catch() })?;
    let tried = databases.watch(&engine, &settings, runtime.handle());
    let stopped = runtime.block_on(async {
        tokio::select! {
            _ = tokio::time::timeout(START_PATIENCE, tried) => false,
            () = signals.terminated() => true,
        }
    });
    if stopped {
        return Ok(());
    }
    databases.publish(&engine, &settings);
    report(&engine, &databases, strict)?;
    let draining = Arc::new(AtomicBool::new(false));
    let (listen, drain_delay) = (settings.server.listen, settings.server.drain_delay);
    let state = Arc::new(state(&settings, engine, databases, draining.clone()));
    actix_web::rt::System::new().block_on(async {
        let admin = admin_listener.map(|admin| http::admin_server(admin, state.clone()));
        let admin = admin.transpose()?;
        let admin_handle = admin.as_ref().map(|admin| admin.handle());
        if let Some(admin) = admin {
            actix_web::rt::spawn(admin);
        }
        let server = http::server(listener, state)?;
        runtime.spawn(shutdown::drain_on_signal(signals, server.handle(), draining, drain_delay));
        info!("listening on http://{listen} (open it for a map; /catalog lists what is published)");
        let served = server.await;
        if let Some(admin) = admin_handle {
            admin.stop(false).await;
        }
        served
    })?;
    // Requests have ended or had their time; what they left behind need not be waited for.
    runtime.shutdown_background();
    info!("stopped");
    Ok(())
}

/// `hint` is what to do if the address is in use.
fn listen(address: SocketAddr, hint: &'static str) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).map_err(|cause| {
        let hint = if cause.kind() == ErrorKind::AddrInUse { hint } else { "" };
        AppError::Listen { address, cause, hint }
    })
}

/// The admin listener. That another server has the usual address is no reason not to start.
fn listen_admin(settings: &http::Settings) -> Result<Option<TcpListener>, AppError> {
    const HINT: &str = "choose another with server.admin_listen";
    let listener = match settings.admin_listen {
        Some(address) => Some(listen(address, HINT)?),
        None => listen(http::ADMIN_LISTEN, HINT)
            .inspect_err(|error| warn!("no admin listener, so that nothing can be purged: {error}"))
            .ok(),
    };
    if let Some(Ok(address)) = listener.as_ref().map(TcpListener::local_addr) {
        info!("admin listener on http://{address} (/purge, /stats, /metrics)");
    }
    Ok(listener)
}

/// Logs what is published and what is not.
fn report(engine: &Engine, databases: &Databases, strict: bool) -> Result<(), AppError> {
    let catalog = engine.catalog();
    for (id, reason) in catalog.disabled() {
        warn!(layer = id, reason = reason.detail, "disabled");
    }
    for warning in catalog.warnings() {
        warn!("{warning}");
    }
    info!(published = catalog.tilesets().count(), disabled = catalog.disabled().len(), "catalogue");
    if strict && let Some(name) = databases.unreachable().first() {
        return Err(AppError::Strict(format!("database {name:?} can't be reached")));
    }
    if strict && !catalog.disabled().is_empty() {
        let disabled = catalog.disabled().iter();
        let lines = disabled.map(|(id, reason)| format!("\n  {id}: {}", reason.detail));
        return Err(AppError::Strict(format!("can't serve{}", lines.collect::<String>())));
    }
    Ok(())
}

fn state(
    settings: &Settings,
    engine: Arc<Engine>,
    databases: Arc<Databases>,
    draining: Arc<AtomicBool>,
) -> State {
    let (metrics, pools) = (engine.metrics().clone(), databases.clone());
    let required = settings.server.ready_requires.clone();
    State {
        engine,
        origins: Origins::new(&settings.server.cors_origins),
        settings: settings.server.clone(),
        draining: draining.clone(),
        readiness: Box::new(move || {
            let draining = draining.load(Ordering::Relaxed);
            let databases = databases.health(&required);
            let missing = databases.iter().any(|database| database.required && !database.reachable);
            Readiness { ready: !draining && !missing, draining, databases }
        }),
        sample_metrics: Box::new(move || pools.sample(&metrics)),
    }
}
