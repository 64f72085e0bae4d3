//! What signals do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};

/// Exit status of a program that SIGINT ended, as shells expect it.
const INTERRUPTED: i32 = 130;

/// SIGINT ends the process at once. SIGTERM turns `/health/ready` red, goes on accepting for
/// `drain_delay`, then lets requests in flight finish; a second one ends it at once.
pub async fn on_signals(server: ServerHandle, draining: Arc<AtomicBool>, drain_delay: Duration) {
    let (mut interrupt, mut terminate) =
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(cause), _) | (_, Err(cause)) => {
                error!(%cause, "can't listen for signals");
                return;
            }
        };
    tokio::select! {
        _ = interrupt.recv() => exit("interrupted"),
        _ = terminate.recv() => {}
    }
    info!(?drain_delay, "draining");
    draining.store(true, Ordering::Relaxed);
    let stop = async {
        tokio::time::sleep(drain_delay).await;
        server.stop(true).await;
    };
    tokio::select! {
        () = stop => {}
        () = any(&mut interrupt, &mut terminate) => exit("asked again while draining"),
    }
}

async fn any(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn exit(why: &str) {
    info!("{why}: stopping at once");
    std::process::exit(INTERRUPTED);
}
