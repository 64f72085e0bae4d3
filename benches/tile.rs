//! EWKB to an MVT layer, and that to gzip: 8,000 rows with five properties each.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tesela::tile::{
    Crs, Feature, LayerBuilder, LayerSpec, Level, Levels, TileCoord, Value, compress,
};

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 8_000;
/// A tile over the middle of Europe.
const TILE: (u8, u32, u32) = (12, 2200, 1343);

struct Row {
    id: i64,
    geometry: Vec<u8>,
    name: String,
}

impl Feature for Row {
    fn id(&self) -> Option<i64> {
        Some(self.id)
    }

    fn geometry(&self) -> Option<&[u8]> {
        Some(&self.geometry)
    }

    fn properties(&self, visit: &mut dyn FnMut(usize, Value<'_>)) {
        visit(0, Value::Text(&self.name));
        visit(1, Value::Text(["residential", "service", "track"][self.id as usize % 3]));
        visit(2, Value::Int(self.id % 10));
        visit(3, Value::Bool(self.id % 2 == 0));
        visit(4, Value::Double((self.id % 100) as f64 / 4.0));
    }
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    /// Between 0 and 1 (a linear congruential generator after Knuth).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn wkb(code: u32, rings: &[Vec<[f64; 2]>]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend(code.to_le_bytes());
    if code == 3 {
        out.extend((rings.len() as u32).to_le_bytes());
    }
    for ring in rings {
        if code != 1 {
            out.extend((ring.len() as u32).to_le_bytes());
        }
        ring.iter().flatten().for_each(|v| out.extend(v.to_le_bytes()));
    }
    out
}

/// `vertices` per row: a point, a wandering line or a ring around a centre.
fn rows(code: u32, vertices: usize, crs: Crs) -> Vec<Row> {
    let tile = TileCoord::new(TILE.0, TILE.1, TILE.2).expect("a tile");
    let (bounds, mut random) = (tile.bounds(), Random(7));
    let unit = bounds.width() / 4096.0;
    let place = |x: f64, y: f64| match crs {
        Crs::WebMercator => [x, y],
        Crs::Wgs84 => tesela::tile::mercator::unproject(x, y).into(),
    };
    (0..ROWS as i64)
        .map(|id| {
            let mut x = bounds.min().x + (random.next() * 1.1 - 0.05) * bounds.width();
            let mut y = bounds.min().y + (random.next() * 1.1 - 0.05) * bounds.height();
            let mut points = Vec::new();
            for i in 0..vertices {
                if code == 3 {
                    let angle = std::f64::consts::TAU * i as f64 / (vertices - 1) as f64;
                    points.push(place(x + 9.0 * unit * angle.cos(), y + 9.0 * unit * angle.sin()));
                } else {
                    points.push(place(x, y));
                    x += (random.next() - 0.3) * 30.0 * unit;
                    y += (random.next() - 0.3) * 30.0 * unit;
                }
            }
            if code == 3 {
                points[vertices - 1] = points[0];
            }
            Row { id, geometry: wkb(code, &[points]), name: format!("Street {}", id % 900) }
        })
        .collect()
}

fn tile(c: &mut Criterion) {
    let mut group = c.benchmark_group("tile");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (crs, srid) in [(Crs::WebMercator, "3857"), (Crs::Wgs84, "4326")] {
        for (name, code, vertices) in [("points", 1, 1), ("lines", 2, 10), ("polygons", 3, 10)] {
            let spec = LayerSpec {
                name: name.into(),
                keys: ["name", "kind", "level", "oneway", "width"].map(String::from).into(),
                crs,
                extent: 4096,
                buffer: 64,
                levels: Levels::new(
                    Level { simplify: 0.5, min_size: 1.0, ..Level::default() },
                    24,
                    vec![],
                ),
            };
            let tile = TileCoord::new(TILE.0, TILE.1, TILE.2).expect("a tile");
            let rows = rows(code, vertices, crs);
            let fill = || {
                let mut builder = LayerBuilder::new(&spec, tile);
                rows.iter().for_each(|row| builder.add(black_box(row)));
                builder
            };
            group.bench_function(BenchmarkId::new(name, srid), |b| b.iter(|| fill().finish()));
            group.bench_function(BenchmarkId::new(format!("{name}, rows only"), srid), |b| {
                b.iter(|| drop(black_box(fill())));
            });
            let (tile, _) = fill().finish();
            group.bench_function(BenchmarkId::new(format!("{name}, gzip"), srid), |b| {
                b.iter(|| compress::gzip(black_box(&tile)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, tile);
criterion_main!(benches);
