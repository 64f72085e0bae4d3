//! A row's geometry as flat buffers that the next row reuses.

/// Two coordinates; the unit is the row's own until a [`Grid`](super::grid::Grid) has placed them.
pub type Point = [f64; 2];

/// What a geometry draws; the order is the one in which a mixed collection prefers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Points,
    Lines,
    Polygons,
}

/// Smallest upright rectangle around some points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub min: Point,
    pub max: Point,
}

impl Bounds {
    /// Around nothing: the first point grown into it becomes both corners.
    pub const EMPTY: Self = Self { min: [f64::INFINITY; 2], max: [f64::NEG_INFINITY; 2] };

    #[inline]
    pub fn grow(&mut self, [x, y]: Point) {
        self.min = [self.min[0].min(x), self.min[1].min(y)];
        self.max = [self.max[0].max(x), self.max[1].max(y)];
    }
}

/// A run of [`Shape::points`]: a line, a ring, or all points of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub start: usize,
    pub end: usize,
    /// An inner ring of the nearest part before it that is not a hole.
    pub hole: bool,
    pub bounds: Bounds,
}

/// One decoded geometry.
#[derive(Debug, Default)]
pub struct Shape {
    kind: Option<Kind>,
    points: Vec<Point>,
    parts: Vec<Part>,
}

impl Shape {
    /// `None` for an empty geometry.
    pub fn kind(&self) -> Option<Kind> {
        self.kind
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub fn points(&self, part: &Part) -> &[Point] {
        &self.points[part.start..part.end]
    }

    /// Bytes that there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.points.capacity() * size_of::<Point>() + self.parts.capacity() * size_of::<Part>()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.kind = None;
        self.points.clear();
        self.parts.clear();
    }

    /// Appends `points` as a part of `kind`, unless what is there has a higher dimension; what
    /// has a lower one goes. False if a coordinate is NaN or infinite.
    pub(super) fn push(
        &mut self,
        kind: Kind,
        hole: bool,
        points: impl Iterator<Item = Point>,
    ) -> bool {
        if self.kind < Some(kind) {
            self.clear();
            self.kind = Some(kind);
        }
        let start = self.points.len();
        let (mut bounds, mut is_finite) = (Bounds::EMPTY, true);
        self.points.extend(points.inspect(|&point| {
            is_finite &= point[0].is_finite() & point[1].is_finite();
            bounds.grow(point);
        }));
        if self.kind > Some(kind) {
            self.points.truncate(start);
        } else {
            self.push_part(Part { start, end: self.points.len(), hole, bounds });
        }
        is_finite
    }

    /// Appends those of `points` that `keep` is true of, by their places; the part's bounds are
    /// those of all. The kind is that of all other parts, the coordinates are finite.
    pub fn push_some(
        &mut self,
        kind: Kind,
        hole: bool,
        points: &[Point],
        keep: impl Fn(usize) -> bool,
    ) {
        self.kind = Some(kind);
        let (start, mut bounds) = (self.points.len(), Bounds::EMPTY);
        for (place, point) in points.iter().enumerate() {
            bounds.grow(*point);
            if keep(place) {
                self.points.push(*point);
            }
        }
        self.push_part(Part { start, end: self.points.len(), hole, bounds });
    }

    /// Points of one row share a part, as they share a MoveTo in the tile.
    fn push_part(&mut self, part: Part) {
        match (self.kind, self.parts.last_mut()) {
            (Some(Kind::Points), Some(all)) => {
                all.end = part.end;
                all.bounds.grow(part.bounds.min);
                all.bounds.grow(part.bounds.max);
            }
            _ => self.parts.push(part),
        }
    }
}
