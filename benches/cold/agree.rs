//! Whether both sides' tiles have the same in them.

use super::tiles::Tile;

/// Tiles below this size are decoded as a map would.
const DECODED: usize = 100_000;
/// Units in the tile up to which a line or polygon may be in one tile and not in the other: the
/// encoders differ in what becomes of something that its tile's grid hardly holds.
const TINY: i32 = 3;
/// How far both sides' features may be apart, as a share of them.
const BOUND: f64 = 0.03;

/// What a tile has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    pub all: usize,
    /// Points, and what is larger than `TINY`.
    pub visible: usize,
}

impl Features {
    /// # Panics
    /// When it isn't a vector tile.
    pub fn of(tile: Vec<u8>) -> Self {
        let mut features = Self::default();
        for layer in parts(&tile).filter(|part| part.field == 3) {
            for feature in parts(layer.bytes).filter(|part| part.field == 2) {
                features.all += 1;
                features.visible += usize::from(is_visible(feature.bytes));
            }
        }
        if tile.len() < DECODED {
            let reader = mvt_reader::Reader::new(tile).expect("a vector tile");
            let layers = reader.get_layer_metadata().expect("layers");
            let decoded = layers
                .iter()
                .map(|layer| reader.get_features(layer.layer_index).expect("features").len());
            assert_eq!(decoded.sum::<usize>(), features.all, "every feature has a geometry");
        }
        features
    }
}

fn is_visible(feature: &[u8]) -> bool {
    let kind = parts(feature).find(|part| part.field == 3).map_or(0, |part| part.number);
    let geometry = parts(feature).find(|part| part.field == 4).expect("a geometry");
    let mut numbers = geometry.bytes;
    let (mut at, mut low, mut high) = ([0; 2], [i32::MAX; 2], [i32::MIN; 2]);
    while !numbers.is_empty() {
        let command = number(&mut numbers);
        let points = if command & 7 == 7 { 0 } else { command >> 3 };
        for _ in 0..points {
            for axis in 0..2 {
                let step = number(&mut numbers) as u32;
                at[axis] += (step >> 1) as i32 ^ -((step & 1) as i32);
                low[axis] = low[axis].min(at[axis]);
                high[axis] = high[axis].max(at[axis]);
            }
        }
    }
    kind == 1 || (0..2).any(|axis| high[axis] - low[axis] > TINY)
}

/// A field of a protobuf message.
struct Part<'a> {
    field: u64,
    number: u64,
    bytes: &'a [u8],
}

fn parts(mut message: &[u8]) -> impl Iterator<Item = Part<'_>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let key = number(&mut message);
        let mut part = Part { field: key >> 3, number: 0, bytes: &[] };
        match key & 7 {
            0 => part.number = number(&mut message),
            2 => {
                let length = number(&mut message) as usize;
                (part.bytes, message) = message.split_at(length);
            }
            other => panic!("a field of type {other} where a vector tile has none"),
        }
        Some(part)
    })
}

fn number(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().expect("a whole message");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

/// The tiles of a layer that were looked at.
#[derive(Default)]
pub struct Agreement {
    layer: String,
    /// For each side, over all tiles.
    sums: Vec<Features>,
    /// Where two sides differ most.
    worst: Option<(usize, Tile, [usize; 2])>,
}

impl Agreement {
    pub fn new(layer: &str) -> Self {
        Self { layer: layer.to_owned(), ..Self::default() }
    }

    /// Takes what each side's tiles have, and says where that isn't equally much.
    pub fn add(&mut self, what: &str, tiles: &[Tile], found: &[Vec<Features>]) {
        self.sums.resize(found.len(), Features::default());
        for (sum, features) in self.sums.iter_mut().zip(found) {
            sum.all += features.iter().map(|one| one.all).sum::<usize>();
            sum.visible += features.iter().map(|one| one.visible).sum::<usize>();
        }
        let zooms = tiles.iter().map(|tile| tile.0);
        let (first, last) = (zooms.clone().min().unwrap_or(0), zooms.max().unwrap_or(0));
        let empty = found[0].iter().filter(|features| features.all == 0).count();
        let sums = |of: fn(&Features) -> usize| -> Vec<usize> {
            found.iter().map(|features| features.iter().map(of).sum()).collect()
        };
        let mut note = format!(
            "{} z{first}–{last}: {} {what} tiles, {empty} of them empty, features {:?}, \
             without tiny ones {:?}",
            self.layer,
            tiles.len(),
            sums(|one| one.all),
            sums(|one| one.visible),
        );
        if let [a, b, ..] = found {
            let pairs = || a.iter().zip(b).zip(tiles);
            let differing = pairs().filter(|((a, b), _)| a.all != b.all);
            let count = differing.clone().count();
            let most = differing.max_by_key(|((a, b), _)| a.all.abs_diff(b.all));
            if let Some(((a, b), (z, x, y))) = most {
                note += &format!("; {count} differ, most {z}/{x}/{y}: {} and {}", a.all, b.all);
            }
            let apart = pairs().map(|((a, b), tile)| {
                (a.visible.abs_diff(b.visible), *tile, [a.visible, b.visible])
            });
            self.worst = self.worst.into_iter().chain(apart).max_by_key(|(apart, ..)| *apart);
        }
        eprintln!("{note}");
    }

    /// # Panics
    /// When a side draws more than another, which would cost it more.
    pub fn assert(&self) {
        let Some(first) = self.sums.first() else { return };
        for other in &self.sums[1..] {
            let (a, b) = (first.visible as f64, other.visible as f64);
            assert!(
                (a - b).abs() <= BOUND * a.max(b),
                "{}: {a} and {b} features in the same tiles; most apart (difference, tile, \
                 features): {:?}",
                self.layer,
                self.worst
            );
        }
    }

    /// Features of each side, tiny ones and all.
    pub fn features(&self) -> Vec<usize> {
        self.sums.iter().map(|sum| sum.all).collect()
    }
}
