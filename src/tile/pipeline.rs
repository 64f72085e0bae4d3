//! The steps from rows to one MVT layer: decode, project, clip, snap, encode.

use super::arena::Arena;
use super::clip::{Relation, Window};
use super::ewkb::EwkbError;
use super::grid::Grid;
use super::quantize::Role;
use super::shape::{Kind, Point, Shape};
use super::{Crs, Feature, Levels, TileCoord, Truncation, encode, ewkb};

/// How the rows of one layer become features; the same for all its tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    /// Name of the layer in the tile.
    pub name: String,
    /// Property names, by the index that [`Feature::properties`] uses.
    pub keys: Vec<String>,
    pub crs: Crs,
    /// Grid units along a tile's side.
    pub extent: u32,
    /// Grid units kept around the tile.
    pub buffer: u32,
    /// What is left out at each zoom.
    pub levels: Levels,
}

/// What went into one layer of one tile, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerStats {
    /// Features written.
    pub features: u64,
    /// Rows whose geometry was NULL or empty.
    pub empty: u64,
    /// Rows with a NaN or infinite coordinate.
    pub not_finite: u64,
    /// Rows whose bytes are not (E)WKB.
    pub malformed: u64,
    /// Rows with nothing left after clipping and snapping.
    pub clipped: u64,
    /// Features with an id above [`MAX_EXACT_ID`].
    pub large_ids: u64,
    /// Rows left out for their size.
    pub small: u64,
    /// Why not all features are there.
    pub truncated: Option<Truncation>,
}

/// Largest id that JavaScript clients read exactly: 2⁵³.
pub const MAX_EXACT_ID: u64 = 1 << 53;

/// Collects the rows of one layer of one tile.
pub struct LayerBuilder<'s> {
    spec: &'s LayerSpec,
    grid: Grid,
    window: Window,
    stats: LayerStats,
    arena: Arena,
    shape: Shape,
    placed: Vec<Point>,
    spare: Vec<Point>,
}

impl<'s> LayerBuilder<'s> {
    pub fn new(spec: &'s LayerSpec, tile: TileCoord) -> Self {
        Self {
            spec,
            grid: Grid::new(tile, spec.extent, spec.crs),
            window: Window::new(spec.extent, spec.buffer),
            stats: LayerStats::default(),
            arena: Arena::default(),
            shape: Shape::default(),
            placed: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Clips the row to the tile and keeps what is left of it.
    pub fn add(&mut self, feature: &dyn Feature) {
        let Some(kind) = self.decode(feature.geometry()) else { return };
        let from = self.arena.snapped.mark();
        match kind {
            Kind::Points => self.points(),
            Kind::Lines => self.lines(),
            Kind::Polygons => self.polygons(),
        }
        if self.arena.snapped.mark() == from {
            self.stats.clipped += 1;
            return;
        }
        self.stats.features += 1;
        let id = feature.id().and_then(|id| u64::try_from(id).ok());
        self.stats.large_ids += u64::from(id.is_some_and(|id| id > MAX_EXACT_ID));
        self.arena.push(id, kind, from);
        feature.properties(&mut |key, value| self.arena.tag(key, value));
    }

    /// The layer as the bytes of an MVT `Tile` message that holds only it (so that concatenated
    /// layers make a composite tile); empty when no feature is left.
    pub fn finish(self) -> (Vec<u8>, LayerStats) {
        if self.stats.features == 0 {
            return (Vec::new(), self.stats);
        }
        let bytes = encode::layer(self.spec, self.arena.ordered());
        // The encoder refuses only coordinates that are no numbers; these are integers.
        (bytes.unwrap_or_default(), self.stats)
    }

    fn decode(&mut self, geometry: Option<&[u8]>) -> Option<Kind> {
        let kind = match geometry.map(|bytes| ewkb::read(bytes, &mut self.shape)) {
            None => None,
            Some(Ok(())) => self.shape.kind(),
            Some(Err(EwkbError::NotFinite)) => {
                self.stats.not_finite += 1;
                return None;
            }
            Some(Err(EwkbError::Malformed(_))) => {
                self.stats.malformed += 1;
                return None;
            }
        };
        self.stats.empty += u64::from(kind.is_none());
        kind
    }

    fn points(&mut self) {
        for part in self.shape.parts() {
            let placed = self.shape.points(part).iter().map(|&point| self.grid.place(point));
            self.arena.snapped.points(placed.filter(|&point| self.window.contains(point)));
        }
    }

    fn lines(&mut self) {
        for part in self.shape.parts() {
            let relation = self.window.relation(&self.grid.place_bounds(&part.bounds));
            if relation == Relation::Outside {
                continue;
            }
            self.grid.place_all(self.shape.points(part), &mut self.placed);
            let snapped = &mut self.arena.snapped;
            match relation {
                Relation::Inside => snapped.line(&self.placed),
                _ => self.window.line(&self.placed, &mut self.spare, |visit| snapped.line(visit)),
            }
        }
    }

    fn polygons(&mut self) {
        // Where the current polygon starts and its area; `None` once it is gone, holes and all.
        let mut outer = None;
        for part in self.shape.parts() {
            if !part.hole {
                outer = None;
            } else if outer.is_none() {
                continue;
            }
            let bounds = self.grid.place_bounds(&part.bounds);
            if self.window.relation(&bounds) == Relation::Outside {
                continue;
            }
            self.grid.place_all(self.shape.points(part), &mut self.placed);
            self.window.ring(&mut self.placed, &bounds, &mut self.spare);
            let snapped = &mut self.arena.snapped;
            let from = snapped.mark();
            match outer {
                None => outer = snapped.ring(&self.placed, Role::Outer).map(|area| (from, area)),
                // A hole as large as what is left around it: the tile lies in the hole.
                Some((start, area)) => {
                    if snapped.ring(&self.placed, Role::Inner) >= Some(area) {
                        snapped.rewind(start);
                        outer = None;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const Z0: (u8, u32, u32) = (0, 0, 0);
    const BOX: [[i32; 2]; 4] = [[-64, -64], [4160, -64], [4160, 4160], [-64, 4160]];

    /// Builds a tile of one row whose coordinates are the tile's grid units.
    fn tile_of(wkb: impl Fn(&dyn Fn(&[P]) -> Vec<P>) -> Vec<u8>) -> (Vec<Decoded>, LayerStats) {
        let tile = (14, 8000, 6000);
        let place = move |points: &[P]| points.iter().map(|&point| metres(tile, point)).collect();
        let (bytes, stats) = build(&spec(Crs::WebMercator), tile, &[row(wkb(&place))]);
        (decode(&bytes), stats)
    }

    fn sorted(ring: &[[i32; 2]]) -> Vec<[i32; 2]> {
        let mut ring = ring.to_vec();
        ring.sort_unstable();
        ring
    }

    #[test]
    fn rows_are_counted_by_what_became_of_them() {
        let large = Row { id: Some(i64::MAX), ..row(point(1.0, 1.0)) };
        let rows = [
            row(point(0.0, 0.0)),
            large,
            Row::default(),
            row(point(f64::NAN, f64::NAN)),
            row(point(f64::INFINITY, 0.0)),
            row(vec![1, 2, 3]),
            row(point(0.0, 40e6)),
        ];
        let (_, stats) = build(&spec(Crs::WebMercator), Z0, &rows);
        let expected = LayerStats {
            features: 2,
            empty: 2,
            not_finite: 1,
            malformed: 1,
            clipped: 1,
            large_ids: 1,
            ..LayerStats::default()
        };
        assert_eq!(stats, expected);
    }

    #[test]
    fn a_tile_without_features_is_no_bytes() {
        assert!(build(&spec(Crs::Wgs84), Z0, &[row(point(0.0, 89.0))]).0.is_empty());
    }

    #[test]
    fn the_antimeridian_reaches_into_the_buffer_and_no_further() {
        let lons = [-180.0, 180.0, 185.0, -185.0, 190.0, 540.0];
        let rows: Vec<_> = lons.map(|lon| row(point(lon, 0.0))).into();
        let (bytes, stats) = build(&spec(Crs::Wgs84), Z0, &rows);
        let mut xs: Vec<_> = decode(&bytes).iter().map(|feature| feature.parts[0][0][0]).collect();
        xs.sort_unstable();
        assert_eq!(xs, [-57, 0, 4096, 4153]);
        assert_eq!(stats.clipped, 2);
    }

    #[test]
    fn a_line_over_the_antimeridian_is_cut_and_not_wrapped() {
        let (bytes, _) = build(&spec(Crs::Wgs84), Z0, &[row(line(&[(170.0, 0.0), (200.0, 0.0)]))]);
        assert_eq!(decode(&bytes)[0].parts, [[[3982, 2048], [4160, 2048]]]);
    }

    #[test]
    fn antarctica_draws_to_the_border_of_the_world() {
        let shore = [(-180.0, -90.0), (-180.0, -70.0), (180.0, -70.0), (180.0, -90.0)];
        let (bytes, _) = build(&spec(Crs::Wgs84), Z0, &[row(polygon(&[&shore]))]);
        let ring = &decode(&bytes)[0].parts[0];
        assert_eq!(sorted(ring), [[0, 3179], [0, 4160], [4096, 3179], [4096, 4160]]);
    }

    #[test]
    fn zoom_24_tells_millimetres_apart() {
        let tile = (24, 9_000_000, 5_500_000);
        let rows = [(1.0, 2.0), (2.0, 2.0), (4095.0, 4096.0)]
            .map(|at| metres(tile, at))
            .map(|(x, y)| row(point(x, y)));
        let (bytes, _) = build(&spec(Crs::WebMercator), tile, &rows);
        let points: Vec<_> = decode(&bytes).iter().map(|feature| feature.parts[0][0]).collect();
        assert_eq!(points, [[1, 2], [2, 2], [4095, 4096]]);
    }

    #[test]
    fn a_polygon_around_the_tile_becomes_the_box() {
        let (tile, _) = tile_of(|place| polygon(&[&place(&square(-9e3, -9e3, 20e3))]));
        assert_eq!(sorted(&tile[0].parts[0]), sorted(&BOX));
    }

    #[test]
    fn a_tile_inside_a_hole_is_empty() {
        let (tile, stats) = tile_of(|place| {
            polygon(&[&place(&square(-9e3, -9e3, 20e3)), &place(&square(-5e3, -5e3, 12e3))])
        });
        assert_eq!((tile, stats.clipped), (vec![], 1));
    }

    #[test]
    fn a_polygon_that_only_passes_around_a_corner_leaves_nothing() {
        // An L whose bounds cover the tile's corner while its area does not.
        let l = [(-500.0, -500.0), (900.0, -500.0), (900.0, -400.0), (-400.0, -400.0)];
        let l = [&l[..], &[(-400.0, 900.0), (-500.0, 900.0)]].concat();
        let (tile, stats) = tile_of(|place| polygon(&[&place(&l)]));
        assert_eq!((tile, stats.clipped), (vec![], 1));
    }

    #[test]
    fn a_polygon_open_around_the_tile_leaves_no_edges_on_the_box() {
        // A clamp around the tile that is inside it nowhere.
        let clamp = [
            (-900.0, -900.0),
            (5000.0, -900.0),
            (5000.0, -800.0),
            (-800.0, -800.0),
            (-800.0, 4900.0),
            (5000.0, 4900.0),
            (5000.0, 5000.0),
            (-900.0, 5000.0),
        ];
        let (tile, _) = tile_of(|place| polygon(&[&place(&clamp)]));
        assert_eq!(tile, []);
    }

    #[test]
    fn holes_follow_their_outer_ring() {
        let (tile, _) = tile_of(|place| {
            let speck =
                polygon(&[&place(&square(9.0, 9.0, 0.3)), &place(&square(50.0, 50.0, 5.0))]);
            let kept = polygon(&[
                &place(&square(100.0, 100.0, 50.0)),
                &place(&square(110.0, 110.0, 0.2)),
                &place(&square(120.0, 120.0, 10.0)),
            ]);
            collection(6, &[speck, kept])
        });
        let areas: Vec<_> =
            tile[0].parts.iter().map(|ring| super::super::quantize::doubled_area(ring)).collect();
        assert_eq!(areas, [5000, -200]);
    }

    #[test]
    fn properties_keep_their_types() {
        let values = vec![
            (0, Owned::Text("ä".into())),
            (1, Owned::Int(-7)),
            (2, Owned::Double(-0.0)),
            (2, Owned::Double(f64::NAN)),
            (1, Owned::Double(f64::INFINITY)),
            (9, Owned::Bool(true)),
        ];
        let row = Row { id: Some(5), values, ..row(point(0.0, 0.0)) };
        let flag = Row { id: Some(-1), values: vec![(0, Owned::Bool(true))], ..row.clone() };
        let features = decode(&build(&spec(Crs::Wgs84), Z0, &[flag, row]).0);
        let tag = |key: &str, value| (key.to_owned(), value);
        assert_eq!(
            features[0].tags,
            [
                tag("a", Owned::Text("ä".into())),
                tag("b", Owned::Int(-7)),
                tag("c", Owned::Double(0.0))
            ]
        );
        assert_eq!(features[0].id, Some(5));
        assert_eq!(
            (features[1].id, &features[1].tags[..]),
            (None, &[tag("a", Owned::Bool(true))][..])
        );
    }

    #[test]
    fn properties_are_read_only_of_rows_that_leave_something() {
        struct Gone;
        impl Feature for Gone {
            fn id(&self) -> Option<i64> {
                None
            }
            fn geometry(&self) -> Option<&[u8]> {
                None
            }
            fn properties(&self, _: &mut dyn FnMut(usize, super::super::Value<'_>)) {
                panic!("not asked for");
            }
        }
        let spec = spec(Crs::Wgs84);
        LayerBuilder::new(&spec, TileCoord::new(0, 0, 0).unwrap()).add(&Gone);
    }

    #[test]
    fn layers_can_be_concatenated() {
        let one = spec(Crs::Wgs84);
        let two = LayerSpec { name: "other".into(), ..one.clone() };
        let rows = [row(point(0.0, 0.0))];
        let both = [build(&one, Z0, &rows).0, build(&two, Z0, &rows).0].concat();
        let reader = mvt_reader::Reader::new(both).unwrap();
        assert_eq!(reader.get_layer_names().unwrap(), ["layer", "other"]);
    }
}
