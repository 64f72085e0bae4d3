//! What restricts a layer's rows to a tile, found out for each tile anew.

use std::sync::Arc;

use futures_util::future;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row};

use super::connection::Connection;
use super::distant::Cut;
use super::error::{is_transform_failure, is_unknown_system};
use super::filter::{self, Filter, Trip};
use super::rows::raw;
use super::small;
use super::statement::{TileValues, Values};
use super::table::{System, TableLayer};
use super::values::Decoder;
use crate::source::LayerRequest;
use crate::tile::mercator::{HALF_WORLD, MAX_LATITUDE};

impl System {
    /// How far boxes reach east and north at most. Queries may transform theirs: beyond the
    /// antimeridian and at the poles that fails, or ends on the other side of the world.
    pub(super) fn world(&self) -> [f64; 2] {
        match self {
            Self::Mercator => [HALF_WORLD, f64::INFINITY],
            Self::Degrees => [180.0, MAX_LATITUDE],
            Self::Geography { .. } | Self::Transformed { .. } => [f64::INFINITY; 2],
        }
    }
}

/// A tile's area in a layer's own system.
pub(super) struct Area<'a, 'c> {
    pub(super) connection: &'c Connection,
    pub(super) table: &'a TableLayer,
    pub(super) request: &'a LayerRequest<'a>,
}

impl<'a> Area<'a, '_> {
    /// The parameters of the layer's queries.
    pub(super) async fn values(&self) -> Result<Values<'a>, Error> {
        let request = self.request;
        let (cut, sizes) = match &self.table.system {
            System::Mercator => (Cut::mercator(request), small::mercator(request)),
            System::Degrees => {
                let area = filter::area_in_degrees(request);
                let (south, north) = (area.min().y, area.max().y);
                (Cut::degrees(request, area), small::degrees(request, south, north))
            }
            System::Geography { .. } | System::Transformed { .. } => (Cut::default(), [0.0; 2]),
        };
        let filter = self.filter().await?;
        let tile = TileValues::new(request.tile, &filter, self.table.system.world());
        let given = self.table.given(request.arguments);
        Ok(Values { filter, cut, sizes, tile, given })
    }

    async fn filter(&self) -> Result<Filter, Error> {
        let there_and_back = match &self.table.system {
            System::Mercator => return Ok(filter::mercator(self.request)),
            System::Degrees => return Ok(filter::degrees(self.request)),
            System::Geography { srid } => return Ok(filter::geography(self.request, *srid)),
            System::Transformed { there_and_back } => there_and_back,
        };
        let grid = filter::grid(self.request);
        let z = self.request.tile.z();
        match self.trips(there_and_back, &grid).await {
            Ok(trips) => Ok(filter::transformed(z, &grid, &trips)),
            Err(error) if is_unknown_system(&error) || !is_transform_failure(&error) => Err(error),
            Err(_) if z < filter::NARROW_FROM => Ok(Filter::Everything),
            // One point that the system can't express fails them all.
            Err(_) => {
                let alone = grid.iter().map(|point| async move {
                    let trip = self.trips(there_and_back, std::slice::from_ref(point)).await;
                    match trip {
                        Ok(trip) => Ok(trip.into_iter().next().flatten()),
                        Err(error) if is_transform_failure(&error) => Ok(None),
                        Err(error) => Err(error),
                    }
                });
                let trips: Result<Vec<Trip>, Error> =
                    future::join_all(alone).await.into_iter().collect();
                Ok(filter::transformed(z, &grid, &trips?))
            }
        }
    }

    /// Transforms points of the tile to the rows' system and back.
    async fn trips(&self, sql: &Arc<str>, grid: &[(f64, f64)]) -> Result<Vec<Trip>, Error> {
        let points = filter::ewkb_multipoint(4326, grid);
        let mut trips = Vec::new();
        let each = |row: Row, _: &[Decoder]| {
            if let (Some(there), Some(back)) = (raw(&row, 0), raw(&row, 1)) {
                trips = filter::trips(there, back);
            }
        };
        self.connection.rows(sql, &[(&points, Type::BYTEA)], each).await?;
        Ok(trips)
    }
}
