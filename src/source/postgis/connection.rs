//! One connection with the statements that it has prepared.

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;

use bb8_postgres::PostgresConnectionManager;
use futures_util::{FutureExt, TryStreamExt};
use lru::LruCache;
use parking_lot::Mutex;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Column, Error, Row, Statement, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{describe, is_stale_plan};
use super::values::Decoder;

/// Statements kept per connection; each costs the server the memory of its plan.
const STATEMENTS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// A parameter of a statement; its type must be built in, because the driver looks others up.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A prepared statement and how its property columns (from the third on) are read.
struct Prepared {
    statement: Statement,
    decoders: Vec<Decoder>,
}

/// A statement with the types of its parameters: the same text may be one of two layers that declare
/// others.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked {
    sql: Arc<str>,
    types: Box<[u32]>,
}

impl Asked {
    fn new(sql: &Arc<str>, parameters: &[Parameter<'_>]) -> Self {
        let types = parameters.iter().map(|(_, kind)| kind.oid()).collect();
        Self { sql: sql.clone(), types }
    }
}

fn decoders_of(columns: &[Column]) -> Vec<Decoder> {
    columns.iter().skip(2).map(|column| Decoder::of(column.type_())).collect()
}

pub(super) struct Connection {
    client: Client,
    tls: MakeRustlsConnect,
    statements: Mutex<LruCache<Asked, Arc<Prepared>>>,
    /// A statement was abandoned, so that the next borrower would wait for its end.
    pub(super) abandoned: bool,
}

impl Connection {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Undoes what SQL of the operator's or a function of theirs may have set for the session: the next
    /// who uses the connection has the settings that it began with. Nobody waits for it, since
    /// statements run in the order in which they are sent.
    pub(super) fn cleanse(&self) {
        const CLEANSE: [&str; 3] = [
            "RESET ALL",
            "RESET SESSION AUTHORIZATION; RESET ROLE",
            // Locks are released even if a server that follows another one refuses the rest.
            "SELECT pg_catalog.pg_advisory_unlock_all(); UNLISTEN *",
        ];
        // One by one, so that none undoes another by failing. The first poll sends a message, and
        // there is nothing to be done about its answer.
        for statement in CLEANSE {
            let _ = self.client.batch_execute(statement).now_or_never();
        }
    }

    /// A transaction, for which nobody else may use the connection.
    pub(super) async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.client.build_transaction().read_only(true).start().await
    }

    /// Tells the server to stop what the abandoned connection still runs: its work is wasted.
    pub(super) fn cancel(&self) {
        let token = self.client.cancel_token();
        let tls = self.tls.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { token.cancel_query(tls).await });
        }
    }

    /// Runs a statement and calls `each` with every row. A plan that a change of the table has
    /// invalidated is prepared once more; that error comes before the first row.
    pub(super) async fn rows(
        &self,
        sql: &Arc<str>,
        parameters: &[Parameter<'_>],
        mut each: impl FnMut(Row, &[Decoder]),
    ) -> Result<(), Error> {
        let mut started = false;
        let asked = Asked::new(sql, parameters);
        let prepared = self.prepare(&asked, parameters).await?;
        let drained = self.drain(&prepared, parameters, &mut each, &mut started).await;
        match drained {
            Err(error) if is_stale_plan(&error) && !started => {
                self.forget(&asked, &prepared);
                let prepared = self.prepare(&asked, parameters).await?;
                self.drain(&prepared, parameters, &mut each, &mut started).await
            }
            result => result,
        }
    }

    /// The same of a statement that isn't kept, because it hardly ever comes again.
    pub(super) async fn rows_once(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
        mut each: impl FnMut(Row, &[Decoder]),
    ) -> Result<(), Error> {
        let values = parameters.iter().map(|(value, kind)| (*value, kind.clone()));
        let mut rows = pin!(self.client.query_typed_raw(sql, values).await?);
        let mut decoders: Option<Vec<Decoder>> = None;
        while let Some(row) = rows.try_next().await? {
            let decoders = decoders.get_or_insert_with(|| decoders_of(row.columns()));
            each(row, decoders);
        }
        Ok(())
    }

    async fn drain(
        &self,
        prepared: &Arc<Prepared>,
        parameters: &[Parameter<'_>],
        each: &mut impl FnMut(Row, &[Decoder]),
        started: &mut bool,
    ) -> Result<(), Error> {
        let values = parameters.iter().map(|(value, _)| *value);
        let mut rows = pin!(self.client.query_raw(&prepared.statement, values).await?);
        while let Some(row) = rows.try_next().await? {
            *started = true;
            each(row, &prepared.decoders);
        }
        Ok(())
    }

    async fn prepare(
        &self,
        asked: &Asked,
        parameters: &[Parameter<'_>],
    ) -> Result<Arc<Prepared>, Error> {
        if let Some(prepared) = self.statements.lock().get(asked) {
            return Ok(prepared.clone());
        }
        let types: Vec<Type> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
        let statement = self.client.prepare_typed(&asked.sql, &types).await?;
        let decoders = decoders_of(statement.columns());
        let prepared = Arc::new(Prepared { statement, decoders });
        self.statements.lock().put(asked.clone(), prepared.clone());
        Ok(prepared)
    }

    /// Drops a statement unless another layer of the same tile has already replaced it.
    fn forget(&self, asked: &Asked, stale: &Arc<Prepared>) {
        let mut statements = self.statements.lock();
        if statements.peek(asked).is_some_and(|current| Arc::ptr_eq(current, stale)) {
            statements.pop(asked);
        }
    }
}

/// Opens [`Connection`]s for the pool and remembers why the last attempt failed.
pub(super) struct Manager {
    inner: PostgresConnectionManager<MakeRustlsConnect>,
    tls: MakeRustlsConnect,
    pub(super) last_error: Arc<Mutex<Option<String>>>,
}

impl Manager {
    pub(super) fn new(config: tokio_postgres::Config, tls: MakeRustlsConnect) -> Self {
        let inner = PostgresConnectionManager::new(config, tls.clone());
        Self { inner, tls, last_error: Arc::default() }
    }
}

impl bb8::ManageConnection for Manager {
    type Connection = Connection;
    type Error = Error;

    async fn connect(&self) -> Result<Connection, Error> {
        let connected = self.inner.connect().await;
        *self.last_error.lock() = connected.as_ref().err().map(describe);
        Ok(Connection {
            client: connected?,
            tls: self.tls.clone(),
            statements: Mutex::new(LruCache::new(STATEMENTS)),
            abandoned: false,
        })
    }

    /// Looks at what is known on this side; no round trip.
    async fn is_valid(&self, connection: &mut Connection) -> Result<(), Error> {
        if connection.client.is_closed() {
            return connection.client.check_connection().await;
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.abandoned || connection.client.is_closed()
    }
}
