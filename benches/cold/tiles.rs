//! Which tiles are asked for: as people use a map, mostly where something is.

use std::collections::HashSet;

use postgres::Client;

use super::options::Options;
use super::random::Random;
use super::rows::HALF_WORLD;

pub type Tile = (u8, u32, u32);

/// Zooms that are reported together: a tile of the first costs a thousand of the last.
pub const BANDS: [(u8, u8); 4] = [(2, 5), (6, 9), (10, 12), (13, 16)];
/// Tiles of zooms 2 to 16, of a thousand: many people look at few tiles from far away, and those
/// are asked for once.
const WEIGHTS: [usize; 15] = [1, 2, 4, 8, 16, 26, 38, 52, 66, 80, 107, 130, 150, 160, 160];
/// Tiles in some random place, of a hundred.
const ANYWHERE: f64 = 0.1;

/// Tiles of the same zooms and places in two halves, none in both.
#[derive(Default)]
pub struct Lists {
    /// Only these are measured.
    pub measured: Vec<Tile>,
    /// Asked for before, so that what the servers learn, they learn from other tiles.
    pub others: Vec<Tile>,
}

impl Lists {
    pub fn is_empty(&self) -> bool {
        self.measured.is_empty()
    }

    /// Some of the measured tiles, to be looked at when all has been measured.
    pub fn sample(&self) -> Vec<Tile> {
        self.measured.iter().copied().step_by(SAMPLED).collect()
    }
}

/// Each so many measured tiles one is looked at.
const SAMPLED: usize = 5;

/// The tiles of each band, the heaviest zoom first: no connection idles at the end while another
/// still works on a tile of seconds.
pub fn list(client: &mut Client, subject: &str, options: &Options) -> Vec<Lists> {
    let places = places(client, subject);
    let mut random = Random::new(11);
    // A tile of an oversized row costs so much that a fifth of the tiles tell enough.
    let count = if subject == "oversized" { options.tiles / 5 } else { options.tiles };
    BANDS
        .map(|(first, last)| {
            let (first, last) = (first.max(options.zooms.0), last.min(options.zooms.1));
            let mut lists = Lists::default();
            for z in first..=last {
                for (number, tile) in zoom(&mut random, &places, z, count).into_iter().enumerate() {
                    let even = number % 2 == 0;
                    if even { &mut lists.measured } else { &mut lists.others }.push(tile);
                }
            }
            lists
        })
        .into()
}

/// The measured tiles of all bands.
pub fn measured(client: &mut Client, subject: &str, options: &Options) -> Vec<Tile> {
    list(client, subject, options).into_iter().flat_map(|band| band.measured).collect()
}

/// Twice the zoom's share of `count`, or as many as there are.
fn zoom(random: &mut Random, places: &[[f64; 2]], z: u8, count: usize) -> Vec<Tile> {
    let wanted = 2 * (WEIGHTS[usize::from(z) - 2] * count).div_ceil(1000);
    let bounds = places.iter().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |b, [x, y]| {
        [b[0].min(*x), b[1].min(*y), b[2].max(*x), b[3].max(*y)]
    });
    let (mut tiles, mut seen) = (Vec::new(), HashSet::new());
    // Low zooms have fewer tiles than are wanted.
    for _ in 0..wanted * 20 {
        let [x, y] = if random.chance(ANYWHERE) {
            [random.between(bounds[0], bounds[2]), random.between(bounds[1], bounds[3])]
        } else {
            places[random.below(places.len())]
        };
        let tile = tile_at(z, x, y);
        if seen.insert(tile) {
            tiles.push(tile);
        }
        if tiles.len() == wanted {
            break;
        }
    }
    tiles
}

fn tile_at(z: u8, x: f64, y: f64) -> Tile {
    let count = 1u32 << z;
    let size = 2.0 * HALF_WORLD / f64::from(count);
    let number = |distance: f64| ((distance / size) as u32).min(count - 1);
    (z, number(x + HALF_WORLD), number(HALF_WORLD - y))
}

/// Some thousand places where the layer has something.
fn places(client: &mut Client, subject: &str) -> Vec<[f64; 2]> {
    let sql = match subject {
        "points" | "lines" | "polygons" => format!(
            "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_Centroid(ST_Envelope(geom)) AS p, id
               FROM {subject}_3857 WHERE id % 8 = 0 ORDER BY id LIMIT 20000) AS sample"
        ),
        _ => format!(
            "SELECT ST_X(p), ST_Y(p) FROM (
               SELECT ST_Transform((dump).geom, 3857) AS p FROM (
                 SELECT dump, row_number() OVER (ORDER BY id, (dump).path) AS n,
                   count(*) OVER () AS total
                 FROM (SELECT id, ST_DumpPoints(geom) AS dump FROM {subject}) AS vertices
               ) AS numbered WHERE n % greatest(1, total / 5000) = 0 ORDER BY n) AS sample
             WHERE abs(ST_Y(p)) < 20037508"
        ),
    };
    let rows = client.query(&sql, &[]).expect("a sample of the layer");
    rows.iter().map(|row| [row.get(0), row.get(1)]).collect()
}
