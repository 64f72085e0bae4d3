//! Which features lie where: a packed R-tree over boxes that are in the order of a Hilbert curve.
//!
//! Features are kept in the curve's order, so that the boxes of a group of neighbours are their
//! own index: no pointers, no list of places, and what a tile reads lies together.
//!
//! ```text
//!   level 1     [ box of 0…15 ]   [ box of 16…31 ]  …
//!   level 0     0 1 2 3 … 15      16 17 … 31        …     features
//! ```

use std::ops::{ControlFlow, Range};

use crate::tile::Bounds;

/// Boxes in a group.
const GROUP: usize = 16;

/// West, south, east, north in Web Mercator metres, rounded outwards.
pub(super) type Edges = [f32; 4];

/// The boxes of features and of groups of them.
#[derive(Debug)]
pub(super) struct Tree {
    /// From the features' own up to one box for all.
    levels: Vec<Vec<Edges>>,
}

impl Tree {
    /// An index of the features with these boxes.
    pub(super) fn new(boxes: Vec<Edges>) -> Self {
        let mut levels = vec![boxes];
        while let Some(last) = levels.last()
            && last.len() > 1
        {
            let next = last.chunks(GROUP).map(around).collect();
            levels.push(next);
        }
        Self { levels }
    }

    /// Calls `found` with each feature whose box touches the area, in ascending order, until it
    /// breaks off.
    pub(super) fn search(
        &self,
        area: Edges,
        found: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let top = self.levels.len() - 1;
        self.search_level(top, 0..self.levels[top].len(), area, found)
    }

    fn search_level(
        &self,
        level: usize,
        places: Range<usize>,
        area: Edges,
        found: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for place in places {
            if !touch(self.levels[level][place], area) {
                continue;
            }
            match level {
                0 => found(place)?,
                _ => {
                    let below = self.levels[level - 1].len();
                    let first = place * GROUP;
                    self.search_level(level - 1, first..below.min(first + GROUP), area, found)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// The box of a feature.
    pub(super) fn edges(&self, feature: usize) -> Edges {
        self.levels[0][feature]
    }

    /// Bytes in use.
    pub(super) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| level.len() * size_of::<Edges>()).sum()
    }
}

fn touch(a: Edges, b: Edges) -> bool {
    a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1]
}

fn around(boxes: &[Edges]) -> Edges {
    let [west, south, east, north] = [0, 1, 2, 3].map(|edge| boxes.iter().map(move |b| b[edge]));
    let least = |edges: &mut dyn Iterator<Item = f32>| edges.fold(f32::INFINITY, f32::min);
    let most = |edges: &mut dyn Iterator<Item = f32>| edges.fold(f32::NEG_INFINITY, f32::max);
    let (mut west, mut south, mut east, mut north) = (west, south, east, north);
    [least(&mut west), least(&mut south), most(&mut east), most(&mut north)]
}

/// The box, rounded outwards.
pub(super) fn outwards(bounds: &Bounds) -> Edges {
    let below = |value: f64| {
        let near = value as f32;
        if f64::from(near) > value { near.next_down() } else { near }
    };
    let above = |value: f64| {
        let near = value as f32;
        if f64::from(near) < value { near.next_up() } else { near }
    };
    let ([west, south], [east, north]) = (bounds.min, bounds.max);
    [below(west), below(south), above(east), above(north)]
}

/// Place along a Hilbert curve through a square of 2¹⁶ by 2¹⁶ cells: from the largest quadrants to
/// the smallest, each turned such that the curve goes on where it came in.
pub(super) fn hilbert(x: u16, y: u16) -> u32 {
    let (mut x, mut y) = (u32::from(x), u32::from(y));
    let mut place = 0;
    let mut side = 1 << 15;
    while side > 0 {
        let (right, up) = (u32::from(x & side != 0), u32::from(y & side != 0));
        place += side * side * ((3 * right) ^ up);
        if up == 0 {
            if right == 1 {
                (x, y) = (!x & 0xffff, !y & 0xffff);
            }
            (x, y) = (y, x);
        }
        side /= 2;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_what_a_look_at_all_boxes_finds() {
        let mut state = 7u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / 100.0
        };
        for count in [0, 1, 15, 16, 17, 256, 257, 5_000] {
            let boxes: Vec<Edges> = (0..count)
                .map(|_| {
                    let (x, y, w, h) = (random(), random(), random() / 50.0, random() / 50.0);
                    [x, y, x + w, y + h]
                })
                .collect();
            let tree = Tree::new(boxes.clone());
            for _ in 0..50 {
                let (x, y, side) = (random(), random(), random() / 5.0);
                let area = [x, y, x + side, y + side];
                let mut found = Vec::new();
                let _ = tree.search(area, &mut |place| {
                    found.push(place);
                    ControlFlow::Continue(())
                });
                let all = boxes.iter().enumerate().filter(|(_, edges)| touch(**edges, area));
                assert_eq!(found, all.map(|(place, _)| place).collect::<Vec<_>>());
                let first = tree.search(area, &mut |_| ControlFlow::Break(()));
                assert_eq!(first.is_break(), !found.is_empty());
            }
        }
    }

    #[test]
    fn boxes_are_never_smaller_than_what_they_hold() {
        let bounds = Bounds { min: [0.1, -16_777_217.3], max: [16_777_217.3, 0.1] };
        let [west, south, east, north] = outwards(&bounds).map(f64::from);
        assert!(west <= 0.1 && south <= -16_777_217.3 && east >= 16_777_217.3 && north >= 0.1);
    }

    #[test]
    fn the_curve_visits_neighbours_one_after_the_other() {
        let mut cells: Vec<(u32, (u16, u16))> = (0..32)
            .flat_map(|x| (0..32).map(move |y| (x * 2048, y * 2048)))
            .map(|(x, y)| (hilbert(x, y), (x, y)))
            .collect();
        cells.sort_unstable();
        for pair in cells.windows(2) {
            let (a, b) = (pair[0].1, pair[1].1);
            assert_eq!(a.0.abs_diff(b.0) + a.1.abs_diff(b.1), 2048, "{a:?} {b:?}");
        }
    }
}
