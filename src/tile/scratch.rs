//! Buffers that one layer leaves to the next.
//!
//! A heavy layer grows some megabytes of them. Fresh from the system they would cost as much as
//! all clipping: every page has to be zeroed by the kernel and faulted in.

use std::ops::{Deref, DerefMut};

use parking_lot::Mutex;

use super::arena::Arena;
use super::encode::Encoding;
use super::polygons::Polygons;
use super::quantize::{GridPoint, Vertex};
use super::shape::{Point, Shape};

/// Together these bound what idle buffers take: 32 MB.
const KEPT: usize = 8;
const KEPT_BYTES: usize = 4 << 20;

#[allow(clippy::vec_box, reason = "boxes move in and out, their contents don't")]
static POOL: Mutex<Vec<Box<Scratch>>> = Mutex::new(Vec::new());

/// What making a layer needs room for.
#[derive(Default)]
pub struct Scratch {
    pub arena: Arena,
    /// Rings that wait for their neighbours.
    pub polygons: Polygons,
    pub encoding: Encoding,
    /// The row at hand: as it came, placed on the world's grid, snapped, and as it is drawn.
    pub shape: Shape,
    pub placed: Vec<Point>,
    pub spare: Vec<Point>,
    pub chain: Vec<Vertex>,
    pub drawn: Vec<GridPoint>,
}

impl Scratch {
    fn clear(&mut self) {
        self.arena.clear();
        self.polygons.clear();
        self.encoding.clear();
    }

    /// Bytes.
    fn capacity(&self) -> usize {
        let points = self.placed.capacity() + self.spare.capacity();
        self.arena.capacity()
            + self.polygons.capacity()
            + self.encoding.capacity()
            + self.shape.capacity()
            + points * size_of::<Point>()
            + self.chain.capacity() * size_of::<Vertex>()
            + self.drawn.capacity() * size_of::<GridPoint>()
    }
}

/// A [`Scratch`] that is empty at first and goes back when it is dropped.
pub struct Lease(Box<Scratch>);

impl Lease {
    pub fn take() -> Self {
        Self(POOL.lock().pop().unwrap_or_default())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut scratch = std::mem::take(&mut self.0);
        if scratch.capacity() <= KEPT_BYTES {
            scratch.clear();
            let mut pool = POOL.lock();
            if pool.len() < KEPT {
                pool.push(scratch);
            }
        }
    }
}

impl Deref for Lease {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        &self.0
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Scratch {
        &mut self.0
    }
}
