//! What signals do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tracing::info;

/// Exit status of a program that SIGINT ended, as shells expect it.
const INTERRUPTED: i32 = 130;

/// Process managers may signal a process and then its group: what comes so soon after the first
/// SIGTERM is the same request again.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// SIGINT and SIGTERM, caught from here on.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches the signals; inside a runtime.
    ///
    /// # Errors
    /// The system doesn't let them be caught.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for SIGTERM. SIGINT ends the process at once.
    pub async fn terminated(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => exit("interrupted"),
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGTERM turns `/health/ready` red, goes on accepting for `drain_delay`, then lets requests in
/// flight finish. Another one ends the process at once, as SIGINT does at any time.
pub async fn drain_on_signal(
    mut signals: Signals,
    server: ServerHandle,
    draining: Arc<AtomicBool>,
    drain_delay: Duration,
) {
    signals.terminated().await;
    info!(?drain_delay, "draining");
    draining.store(true, Ordering::Relaxed);
    let started = Instant::now();
    let again = async {
        signals.terminated().await;
        while started.elapsed() < SAME_REQUEST {
            signals.terminated().await;
        }
    };
    let stop = async {
        tokio::time::sleep(drain_delay).await;
        server.stop(true).await;
    };
    tokio::select! {
        () = stop => {}
        () = again => exit("asked again while draining"),
    }
}

fn exit(why: &str) {
    info!("{why}: stopping at once");
    std::process::exit(INTERRUPTED);
}
