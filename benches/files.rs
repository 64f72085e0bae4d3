//! Reading files: how fast, and how much memory the features take. `-- N` makes N features of each
//! kind (100000 when absent).
//!
//! Needs no database: points, lines and polygons are made here, with the properties of a map of
//! streets. What is printed to stdout is Markdown for `RESULTS.md`.

#[path = "support/random.rs"]
#[allow(dead_code, reason = "shared with the other benchmarks")]
mod random;

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytesize::ByteSize;
use flatgeobuf::geozero::error::Result;
use flatgeobuf::geozero::{ColumnValue, GeomProcessor, PropertyProcessor};
use flatgeobuf::{ColumnType, FgbWriter, GeometryType, GeozeroGeometry};
use random::Random;
use tesela::source::embedded::{LoadOptions, load};

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;

/// What is made, and vertices of a feature on average.
const KINDS: [(&str, GeometryType, usize); 3] = [
    ("points", GeometryType::Point, 1),
    ("lines", GeometryType::LineString, 20),
    ("polygons", GeometryType::Polygon, 8),
];

struct Feature {
    name: String,
    kind: &'static str,
    levels: i64,
    points: Vec<[f64; 2]>,
}

fn main() {
    // `cargo test --benches` passes no such flag and must be quick.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(100_000);
    let folder = std::env::temp_dir().join(format!("tesela-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    println!("## Files: `scripts/bench --bench files -- {count}`\n");
    println!("{count} features of each kind; {ROUNDS} rounds by turns, medians. MB/s of text.\n");
    println!(
        "| | MB GeoJSON | MB/s read | MB/s of serde_json alone, all cores | ratio | \
         MB FlatGeobuf | MB in memory | ratio |\n|---|---|---|---|---|---|---|---|"
    );
    for (name, geometry, vertices) in KINDS {
        let features = features(count, vertices, geometry);
        let geojson = folder.join(format!("{name}.geojson"));
        std::fs::write(&geojson, collection(&features, geometry)).expect("a file");
        let fgb = folder.join(format!("{name}.fgb"));
        write_flatgeobuf(&fgb, &features, geometry);
        drop(features);
        report(name, &geojson, &fgb);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

fn report(name: &str, geojson: &PathBuf, fgb: &PathBuf) {
    let size = |path: &PathBuf| std::fs::metadata(path).expect("a file").len() as f64 / 1e6;
    let options = LoadOptions { strict: true, memory_limit: ByteSize::gb(8), progress: &() };
    let text = std::fs::read(geojson).expect("the file");
    let (mut ours, mut theirs, mut memory) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let loaded = load(geojson, options).expect("it is GeoJSON");
        ours.push(started.elapsed().as_secs_f64());
        memory = loaded.layers[0].store.bytes() as f64 / 1e6;
        drop(loaded);
        theirs.push(ceiling(&text));
    }
    let rate = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        size(geojson) / seconds[seconds.len() / 2]
    };
    let (ours, theirs) = (rate(ours), rate(theirs));
    println!(
        "| {name} | {:.1} | {ours:.0} | {theirs:.0} | {:.2} | {:.1} | {memory:.1} | {:.2} |",
        size(geojson),
        ours / theirs,
        size(fgb),
        memory / size(fgb),
    );
}

/// Seconds that serde_json takes to read each line of the text into its own values, on all cores:
/// what a reader without shortcuts does before it has kept anything.
fn ceiling(text: &[u8]) -> f64 {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|l| l.len() > 60).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for part in lines.chunks(lines.len().div_ceil(cores)) {
            scope.spawn(move || {
                for line in part {
                    let line = line.strip_suffix(b",").unwrap_or(line);
                    let value: serde_json::Value = serde_json::from_slice(line).expect("JSON");
                    std::hint::black_box(&value);
                }
            });
        }
    });
    started.elapsed().as_secs_f64()
}

fn features(count: usize, vertices: usize, geometry: GeometryType) -> Vec<Feature> {
    const KINDS: [&str; 6] = ["residential", "service", "footway", "house", "shop", "track"];
    let mut random = Random::new(5);
    (0..count)
        .map(|number| {
            let mut at = [random.between(5.0, 15.0), random.between(45.0, 55.0)];
            let mut points: Vec<[f64; 2]> = (0..vertices)
                .map(|_| {
                    at = [at[0] + random.between(-3e-4, 4e-4), at[1] + random.between(-3e-4, 4e-4)];
                    at.map(|degrees| (degrees * 1e7).round() / 1e7)
                })
                .collect();
            if geometry == GeometryType::Polygon {
                points.push(points[0]);
            }
            Feature {
                name: format!("Street {}", number % (count / 3).max(1)),
                kind: KINDS[random.below(KINDS.len())],
                levels: random.below(9) as i64,
                points,
            }
        })
        .collect()
}

/// A feature a line.
fn collection(features: &[Feature], geometry: GeometryType) -> String {
    let mut text = String::from("{\"type\":\"FeatureCollection\",\"features\":[\n");
    for (number, feature) in features.iter().enumerate() {
        let list: Vec<String> = feature.points.iter().map(|[x, y]| format!("[{x},{y}]")).collect();
        let (kind, coordinates) = match geometry {
            GeometryType::Point => ("Point", list.concat()),
            GeometryType::LineString => ("LineString", format!("[{}]", list.join(","))),
            _ => ("Polygon", format!("[[{}]]", list.join(","))),
        };
        let comma = if number + 1 < features.len() { "," } else { "" };
        let Feature { name, kind: class, levels, .. } = feature;
        let _ = writeln!(
            text,
            "{{\"type\":\"Feature\",\"id\":{number},\"properties\":{{\"name\":\"{name}\",\"class\":\"{class}\",\
             \"levels\":{levels}}},\"geometry\":{{\"type\":\"{kind}\",\"coordinates\":{coordinates}}}}}{comma}"
        );
    }
    text.push_str("]}\n");
    text
}

/// With its index, as GDAL writes it.
fn write_flatgeobuf(path: &Path, features: &[Feature], geometry: GeometryType) {
    let mut writer = FgbWriter::create("features", geometry).expect("a writer");
    writer.add_column("name", ColumnType::String, |_, _| {});
    writer.add_column("class", ColumnType::String, |_, _| {});
    writer.add_column("levels", ColumnType::Long, |_, _| {});
    for feature in features {
        let written = writer.add_feature_geom(Shape(feature, geometry), |out| {
            let Feature { name, kind, levels, .. } = feature;
            let _ = out.property(0, "name", &ColumnValue::String(name));
            let _ = out.property(1, "class", &ColumnValue::String(kind));
            let _ = out.property(2, "levels", &ColumnValue::Long(*levels));
        });
        written.expect("a feature");
    }
    writer.write(BufWriter::new(File::create(path).expect("a file"))).expect("space on the disk");
}

/// A feature's geometry for the writer.
struct Shape<'a>(&'a Feature, GeometryType);

impl GeozeroGeometry for Shape<'_> {
    fn process_geom<P: GeomProcessor>(&self, out: &mut P) -> Result<()> {
        let Self(Feature { points, .. }, geometry) = self;
        let each = |out: &mut P| {
            points.iter().enumerate().try_for_each(|(place, [x, y])| out.xy(*x, *y, place))
        };
        match *geometry {
            GeometryType::Point => {
                out.point_begin(0)?;
                each(out)?;
                out.point_end(0)
            }
            GeometryType::LineString => {
                out.linestring_begin(true, points.len(), 0)?;
                each(out)?;
                out.linestring_end(true, 0)
            }
            _ => {
                out.polygon_begin(true, 1, 0)?;
                out.linestring_begin(false, points.len(), 0)?;
                each(out)?;
                out.linestring_end(false, 0)?;
                out.polygon_end(true, 0)
            }
        }
    }
}
