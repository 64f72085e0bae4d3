//! Valid EWKB out of arbitrary bytes, with a liking for the borders of the tile.

use super::bytes::Bytes;
use super::tile::mercator::unproject;
use super::tile::testing::{P, collection, line, point, polygon};
use super::tile::{Crs, LayerSpec, TileCoord};

/// Where grid units of a tile are, in the layer's coordinates.
pub struct Place<'a> {
    pub tile: TileCoord,
    pub spec: &'a LayerSpec,
}

impl Place<'_> {
    pub fn geometry(&self, bytes: &mut Bytes<'_>, depth: u8) -> Vec<u8> {
        let count = |bytes: &mut Bytes<'_>| 0..bytes.below(5);
        match bytes.below(8) {
            0 => self.point(bytes),
            1 => self.line(bytes),
            2 | 3 => self.polygon(bytes),
            4 => collection(4, &count(bytes).map(|_| self.point(bytes)).collect::<Vec<_>>()),
            5 => collection(5, &count(bytes).map(|_| self.line(bytes)).collect::<Vec<_>>()),
            6 => collection(6, &count(bytes).map(|_| self.polygon(bytes)).collect::<Vec<_>>()),
            _ if depth == 0 => collection(7, &[]),
            _ => {
                let members = count(bytes).map(|_| self.geometry(bytes, depth - 1));
                collection(7, &members.collect::<Vec<_>>())
            }
        }
    }

    fn point(&self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let (x, y) = self.coordinate(bytes);
        point(x, y)
    }

    fn line(&self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        line(&self.path(bytes))
    }

    fn polygon(&self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let rings: Vec<_> = (0..bytes.below(4)).map(|_| self.path(bytes)).collect();
        polygon(&rings.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn path(&self, bytes: &mut Bytes<'_>) -> Vec<P> {
        (0..bytes.below(12)).map(|_| self.coordinate(bytes)).collect()
    }

    fn coordinate(&self, bytes: &mut Bytes<'_>) -> P {
        let (x, y) = (self.ordinate(bytes), self.ordinate(bytes));
        let bounds = self.tile.bounds();
        let unit = bounds.width() / f64::from(self.spec.extent);
        let (x, y) = (bounds.min().x + x * unit, bounds.max().y - y * unit);
        match self.spec.crs {
            Crs::WebMercator => (x, y),
            Crs::Wgs84 => unproject(x, y),
        }
    }

    /// In grid units: at a border of the tile or of its buffer, anywhere in it, far away, absurd.
    fn ordinate(&self, bytes: &mut Bytes<'_>) -> f64 {
        let (extent, buffer) = (f64::from(self.spec.extent), f64::from(self.spec.buffer));
        match bytes.below(8) {
            0..=3 => {
                let border = bytes.choose(&[-buffer, 0.0, extent / 2.0, extent, extent + buffer]);
                border + f64::from(bytes.next() as i8) / 4.0
            }
            4 | 5 => {
                let share = f64::from(bytes.wide()) / f64::from(u16::MAX);
                share * (extent + 2.0 * buffer) - buffer
            }
            6 => f64::from(bytes.wide() as i16) * extent / 16.0,
            _ => bytes.choose(&[1e30, -1e30, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 1e9]),
        }
    }
}
