//! The slow way around rows that can't be transformed: they alone are left out.

use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row, Statement, Transaction};

use super::connection::Connection;
use super::error::is_transform_failure;
use super::fetch::SharedSink;
use super::rank::Key;
use super::rows::{RowFeature, raw};
use super::statement::{Values, Wanted};
use super::table::Transform;
use super::values::Decoder;
use crate::tile::Truncation;

/// Rows in memory at once.
const CHUNK: usize = 256;

/// From so many rows on, of which not one can be transformed, the fault is not in the rows:
/// the server's PROJ lacks a grid, say, or the role may not read `spatial_ref_sys`.
const NOT_THE_ROWS: u64 = 100;

/// A layer that is read one by one.
pub(super) struct OneByOne<'a> {
    pub(super) transform: &'a Transform,
    pub(super) values: &'a Values<'a>,
    pub(super) wanted: Wanted,
    pub(super) order: &'a [Key],
    pub(super) index: usize,
}

/// Reads a layer's rows as they are and transforms them in ever smaller groups, until those
/// that fail stand alone. Needs the connection for itself: a cursor lives in a transaction.
///
/// # Errors
/// The first row's error if there are many rows and none at all can be transformed.
pub(super) async fn one_by_one(
    connection: &mut Connection,
    layer: OneByOne<'_>,
    sink: &SharedSink<'_>,
) -> Result<(), Error> {
    let OneByOne { transform, values, wanted, order, index } = layer;
    let sql = transform.plain.sql(values, wanted);
    let values = values.of(&transform.plain, wanted);
    let (values, types): (Vec<_>, Vec<Type>) = values.into_iter().unzip();
    let transaction = connection.transaction().await?;
    let rows = transaction.prepare_typed(&sql, &types).await?;
    let some = transaction.prepare_typed(&transform.some, &[Type::BYTEA_ARRAY]).await?;
    let decoders: Vec<Decoder> =
        rows.columns().iter().skip(2).map(|column| Decoder::of(column.type_())).collect();
    let portal = transaction.bind(&rows, &values).await?;
    let mut work = Work {
        transaction,
        some,
        decoders,
        order,
        index,
        sink,
        first: None,
        failed: 0,
        worked: false,
    };
    let most = wanted.limit.rows().unwrap_or(u64::MAX);
    let mut left = usize::try_from(most).unwrap_or(usize::MAX);
    loop {
        let chunk = work.transaction.query_portal(&portal, CHUNK as i32).await?;
        if chunk.is_empty() {
            break;
        }
        if chunk.len() > left {
            sink.truncated(index, Truncation::MaxFeatures);
        }
        work.chunk(&chunk[..chunk.len().min(left)]).await?;
        left -= chunk.len().min(left);
    }
    work.transaction.commit().await?;
    match work.first {
        Some(error) if !work.worked && work.failed >= NOT_THE_ROWS => Err(error),
        _ => Ok(()),
    }
}

struct Work<'a, 's> {
    transaction: Transaction<'a>,
    some: Statement,
    decoders: Vec<Decoder>,
    order: &'a [Key],
    index: usize,
    sink: &'a SharedSink<'s>,
    /// The first row's failure.
    first: Option<Error>,
    failed: u64,
    /// A row was transformed.
    worked: bool,
}

impl Work<'_, '_> {
    async fn chunk(&mut self, rows: &[Row]) -> Result<(), Error> {
        let mut groups = vec![rows];
        while let Some(group) = groups.pop() {
            match self.transform(group).await? {
                Ok(geometries) => self.send(group, &geometries),
                Err(error) if group.len() == 1 => {
                    self.sink.untransformable(self.index);
                    self.failed += 1;
                    self.first.get_or_insert(error);
                }
                Err(_) => {
                    let (before, after) = group.split_at(group.len() / 2);
                    groups.extend([after, before]);
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, group: &[Row], geometries: &[Row]) {
        for (row, geometry) in group.iter().zip(geometries) {
            let geometry = raw(geometry, 0);
            self.worked |= geometry.is_some();
            let feature = RowFeature {
                row,
                decoders: &self.decoders,
                geometry,
                order: self.order,
                cut: false,
            };
            self.sink.feature(self.index, &feature);
        }
    }

    /// The geometries of `group` in degrees. The inner error leaves the transaction usable.
    async fn transform(&self, group: &[Row]) -> Result<Result<Vec<Row>, Error>, Error> {
        let geometries: Vec<Option<&[u8]>> = group.iter().map(|row| raw(row, 1)).collect();
        self.transaction.batch_execute("SAVEPOINT tesela").await?;
        match self.transaction.query(&self.some, &[&geometries]).await {
            Err(error) if is_transform_failure(&error) => {
                let undo = "ROLLBACK TO SAVEPOINT tesela; RELEASE SAVEPOINT tesela";
                self.transaction.batch_execute(undo).await?;
                Ok(Err(error))
            }
            Err(error) => Err(error),
            Ok(geometries) => {
                self.transaction.batch_execute("RELEASE SAVEPOINT tesela").await?;
                Ok(Ok(geometries))
            }
        }
    }
}
