//! What a layer's tiles have shown so far, most of it of each zoom. It decides how the next one is
//! asked for, never what is in it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::tile::MAX_ZOOM;

/// Rows looked at for each zoom.
pub(super) const SAMPLE: u32 = 1000;
/// Rows from which on their sizes mean something.
const ENOUGH: u32 = 200;

/// A layer's hints.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// A bit for each zoom.
    overflowed: AtomicU32,
    /// For each zoom, rows looked at, in the upper half, and small ones among them.
    sizes: [AtomicU64; MAX_ZOOM as usize + 1],
    /// Rows may be large enough to be cut.
    large: AtomicBool,
}

impl Hints {
    pub(super) fn new(large: bool) -> Self {
        Self { large: large.into(), ..Self::default() }
    }

    /// Rows may be so large that those that reach far are cut.
    pub(super) fn large(&self) -> bool {
        self.large.load(Ordering::Relaxed)
    }

    pub(super) fn set_large(&self) {
        self.large.store(true, Ordering::Relaxed);
    }

    /// A tile of the zoom had more rows than it may have.
    pub(super) fn overflowed(&self, z: u8) -> bool {
        self.overflowed.load(Ordering::Relaxed) >> z & 1 != 0
    }

    pub(super) fn set_overflowed(&self, z: u8) {
        self.overflowed.fetch_or(1 << z, Ordering::Relaxed);
    }

    /// More rows should be looked at.
    pub(super) fn wants_sizes(&self, z: u8) -> bool {
        self.sizes(z).0 < SAMPLE
    }

    pub(super) fn add_size(&self, z: u8, small: bool) {
        if let Some(sizes) = self.sizes.get(usize::from(z)) {
            sizes.fetch_add(1 << 32 | u64::from(small), Ordering::Relaxed);
        }
    }

    /// So many rows of the zoom are small that the database had better leave them out. A look at
    /// a row takes it 0.3 µs, a row that isn't sent saves 0.6 µs there and as much again here.
    pub(super) fn mostly_small(&self, z: u8) -> bool {
        let (seen, small) = self.sizes(z);
        seen >= ENOUGH && 5 * u64::from(small) >= 2 * u64::from(seen)
    }

    fn sizes(&self, z: u8) -> (u32, u32) {
        let sizes = self.sizes.get(usize::from(z)).map_or(0, |sizes| sizes.load(Ordering::Relaxed));
        ((sizes >> 32) as u32, sizes as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooms_do_not_disturb_each_other() {
        let hints = Hints::default();
        hints.set_overflowed(24);
        hints.set_overflowed(0);
        let overflowed: Vec<u8> = (0..=24).filter(|z| hints.overflowed(*z)).collect();
        assert_eq!(overflowed, [0, 24]);
        (0..200).for_each(|i| hints.add_size(7, i % 5 < 2));
        let small: Vec<u8> = (0..=24).filter(|z| hints.mostly_small(*z)).collect();
        assert_eq!(small, [7]);
    }

    #[test]
    fn a_few_rows_or_a_few_small_ones_among_many_decide_nothing() {
        let hints = Hints::default();
        (0..199).for_each(|_| hints.add_size(3, true));
        assert!(!hints.mostly_small(3) && hints.wants_sizes(3));
        (0..801).for_each(|_| hints.add_size(3, false));
        assert!(!hints.mostly_small(3) && !hints.wants_sizes(3));
    }
}
