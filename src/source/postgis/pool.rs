//! The connection pool of one database.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bb8::{PooledConnection, QueueStrategy, RunError};
use parking_lot::Mutex;
use tokio::time::timeout_at;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Settings;
use super::connection::{Connection, Manager};
use super::error::{classify, is_disconnected};
use crate::source::{Deadline, SourceError};

/// What the pool is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// Open connections, idle ones included.
    pub connections: u32,
    pub idle: u32,
    /// Fetches that wait for a connection.
    pub waiting: u32,
    /// Most connections open at once.
    pub max: u32,
    /// Fetches that gave up waiting, since the start.
    pub timeouts: u64,
}

impl PoolState {
    /// All connections that there may be are out. (The server is there, unlike when none can be
    /// opened.)
    fn is_busy(&self) -> bool {
        self.connections >= self.max && self.idle == 0
    }
}

pub(super) struct Pool {
    database: String,
    config: Config,
    tls: MakeRustlsConnect,
    max: u32,
    acquire_timeout: Duration,
    /// Made by the first fetch: bb8 spawns its tasks on the runtime that makes it.
    inner: OnceLock<bb8::Pool<Manager>>,
    last_error: OnceLock<Arc<Mutex<Option<String>>>>,
    waiting: AtomicU32,
    timeouts: AtomicU64,
}

impl Pool {
    pub(super) fn new(
        database: &str,
        settings: &Settings,
        config: Config,
        tls: MakeRustlsConnect,
    ) -> Self {
        Self {
            database: database.to_owned(),
            config,
            tls,
            max: settings.pool_max.max(1),
            acquire_timeout: settings.acquire_timeout.max(Duration::from_millis(1)),
            inner: OnceLock::new(),
            last_error: OnceLock::new(),
            waiting: AtomicU32::new(0),
            timeouts: AtomicU64::new(0),
        }
    }

    fn inner(&self) -> &bb8::Pool<Manager> {
        self.inner.get_or_init(|| {
            let manager = Manager::new(self.config.clone(), self.tls.clone());
            let _ = self.last_error.set(manager.last_error.clone());
            bb8::Pool::builder()
                .max_size(self.max)
                .connection_timeout(self.acquire_timeout)
                // The check is local, see `Manager::is_valid`.
                .test_on_check_out(true)
                // The last used connection has the statements that are in use.
                .queue_strategy(QueueStrategy::Lifo)
                .build_unchecked(manager)
        })
    }

    pub(super) fn state(&self) -> PoolState {
        let state = self.inner.get().map(bb8::Pool::state);
        PoolState {
            connections: state.as_ref().map_or(0, |state| state.connections),
            idle: state.as_ref().map_or(0, |state| state.idle_connections),
            waiting: self.waiting.load(Ordering::Relaxed),
            max: self.max,
            timeouts: self.timeouts.load(Ordering::Relaxed),
        }
    }

    /// All connections that there may be are out.
    pub(super) fn is_busy(&self) -> bool {
        self.state().is_busy()
    }

    /// A connection for this caller alone.
    ///
    /// # Errors
    /// `Unavailable` after `acquire_timeout` with the reason, `Timeout` at the deadline.
    pub(super) async fn checkout(&self, deadline: Deadline) -> Result<Checkout<'_>, SourceError> {
        let got = {
            let _waiting = Waiting::new(&self.waiting);
            timeout_at(deadline.instant(), self.inner().get()).await
        };
        match got {
            Ok(Ok(connection)) => Ok(Checkout { connection, finished: false }),
            Ok(Err(RunError::TimedOut)) => {
                let reason = self.why(&format!("after {:?}", self.acquire_timeout));
                Err(SourceError::Unavailable { database: self.database.clone(), reason })
            }
            Ok(Err(RunError::User(error))) => Err(classify(&self.database, &error)),
            Err(_) => {
                let reason = self.why("before the request's time was up");
                Err(SourceError::Timeout { database: self.database.clone(), reason })
            }
        }
    }

    fn why(&self, when: &str) -> String {
        self.timeouts.fetch_add(1, Ordering::Relaxed);
        let state = self.state();
        if state.is_busy() {
            return format!(
                "no free connection {when}: {max} of {max} in use, {} more waiting",
                state.waiting,
                max = state.max,
            );
        }
        let last_error = self.last_error.get().and_then(|error| error.lock().clone());
        let error = last_error.unwrap_or_else(|| "the server did not finish connecting".to_owned());
        format!("no connection {when}: {error}")
    }
}

/// Counts a waiting fetch for as long as it lives, even if it is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection out of the pool. Dropped before [`finish`](Self::finish), it is closed: what
/// still runs on it would hold up its next borrower.
pub(super) struct Checkout<'a> {
    connection: PooledConnection<'a, Manager>,
    finished: bool,
}

impl Checkout<'_> {
    /// Every statement has run to its end, the last with this outcome. A server that goes away
    /// says so before it closes the connection, which then still looks open.
    pub(super) fn finish<T>(mut self, outcome: &Result<T, tokio_postgres::Error>) {
        self.connection.abandoned = outcome.as_ref().is_err_and(is_disconnected);
        self.finished = true;
    }
}

impl Deref for Checkout<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Checkout<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Checkout<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.connection.cancel();
            self.connection.abandoned = true;
        }
    }
}
