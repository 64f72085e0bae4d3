//! A feature of FlatGeobuf, straight into a batch.

use flatbuffers::{ForwardsUOffset, Vector};
use flatgeobuf::{ColumnType, Geometry, GeometryType};

use super::{Layer, first_line, limits};
use crate::source::embedded::batch::{Batch, Flaw, Types};
use crate::source::embedded::times;
use crate::source::embedded::wkb::LINEARISE;
use crate::tile::{Crs, Kind, Point, Value};

/// A property that features have.
pub(super) struct Column {
    pub(super) name: String,
    kind: ColumnType,
    /// Among a batch's properties.
    place: u16,
}

impl Column {
    /// Binary columns are left out.
    pub(super) fn is_property(&self) -> bool {
        self.kind != ColumnType::Binary
    }

    /// Of its values in tiles.
    pub(super) fn types(&self) -> Types {
        match self.kind {
            ColumnType::Bool => Types::of(Value::Bool(false)),
            ColumnType::Float | ColumnType::Double => Types::of(Value::Double(0.0)),
            ColumnType::String | ColumnType::Json => Types::of(Value::Text("")),
            ColumnType::DateTime => Types::TIMES,
            _ => Types::of(Value::Int(0)),
        }
    }
}

/// The columns of a header, or of a feature that has its own.
pub(super) fn columns(
    all: Vector<'_, ForwardsUOffset<flatgeobuf::Column<'_>>>,
    batch: &mut Batch,
) -> Result<Vec<Column>, Flaw> {
    let columns = all.iter().map(|column| {
        let (name, kind) = (column.name().to_owned(), column.type_());
        let mut column = Column { name, kind, place: 0 };
        if column.is_property() {
            column.place = batch.declare(&column.name, column.types())?;
        }
        Ok(column)
    });
    columns.collect()
}

/// Reads a feature with its size before it.
pub(super) fn read(layer: &Layer, bytes: &[u8], batch: &mut Batch) -> Result<(), Flaw> {
    let feature = flatgeobuf::size_prefixed_root_as_feature_with_opts(&limits(bytes.len()), bytes);
    let feature = feature.map_err(|error| format!("it is broken: {}", first_line(&error)))?;
    if let Some(geometry) = feature.geometry() {
        let kind = match layer.kind {
            GeometryType::Unknown => geometry.type_(),
            kind => kind,
        };
        draw(&geometry, kind, layer.crs, batch)?;
    }
    let own = feature.columns().filter(|columns| !columns.is_empty());
    let own = own.map(|all| columns(all, batch)).transpose()?;
    let columns = own.as_deref().unwrap_or(&layer.columns);
    let mut properties = Properties(feature.properties().map_or(&[], |bytes| bytes.bytes()));
    while !properties.0.is_empty() {
        properties.next(columns, batch)?;
    }
    Ok(())
}

/// Draws a geometry. Its nesting is bounded by the verifier.
fn draw(
    geometry: &Geometry<'_>,
    kind: GeometryType,
    crs: Crs,
    batch: &mut Batch,
) -> Result<(), Flaw> {
    let parts = geometry.parts();
    match kind {
        GeometryType::Point => {
            let all = points(geometry)?;
            // As in well-known binary, two NaNs are no point at all.
            let some = all.filter(|[x, y]| !(x.is_nan() && y.is_nan()));
            batch.part(Kind::Points, false, crs, some)
        }
        GeometryType::MultiPoint => batch.part(Kind::Points, false, crs, points(geometry)?),
        GeometryType::LineString => batch.part(Kind::Lines, false, crs, points(geometry)?),
        GeometryType::MultiLineString => runs(geometry, |_, points| {
            batch.part(Kind::Lines, false, crs, points.iter().map(point))
        }),
        GeometryType::Polygon | GeometryType::Triangle => rings(geometry, crs, batch),
        GeometryType::MultiPolygon | GeometryType::PolyhedralSurface | GeometryType::TIN => {
            match parts {
                Some(parts) => parts.iter().try_for_each(|part| member(&part, kind, crs, batch)),
                None => rings(geometry, crs, batch),
            }
        }
        GeometryType::GeometryCollection => {
            parts.into_iter().flatten().try_for_each(|part| draw(&part, part.type_(), crs, batch))
        }
        GeometryType::CircularString
        | GeometryType::CompoundCurve
        | GeometryType::CurvePolygon
        | GeometryType::MultiCurve
        | GeometryType::MultiSurface
        | GeometryType::Curve
        | GeometryType::Surface => Err(LINEARISE.to_owned()),
        GeometryType(code) => Err(format!("there is no geometry of type {code}")),
    }
}

/// A polygon of a geometry of the type `of`.
fn member(
    geometry: &Geometry<'_>,
    of: GeometryType,
    crs: Crs,
    batch: &mut Batch,
) -> Result<(), Flaw> {
    match geometry.type_() {
        GeometryType::Polygon | GeometryType::Triangle => rings(geometry, crs, batch),
        // Some writers leave it out or repeat that of the whole.
        kind if kind == of || kind == GeometryType::Unknown => rings(geometry, crs, batch),
        GeometryType(code) => Err(format!("a member of its polygons is of type {code}")),
    }
}

/// The first ring is the outer one; without it the polygon is empty.
fn rings(geometry: &Geometry<'_>, crs: Crs, batch: &mut Batch) -> Result<(), Flaw> {
    let mut has_outer = true;
    runs(geometry, |run, points| {
        has_outer &= run > 0 || !points.is_empty();
        match has_outer {
            true => batch.part(Kind::Polygons, run > 0, crs, points.iter().map(point)),
            false => Ok(()),
        }
    })
}

type PointBytes = [u8; 16];

fn point(bytes: &PointBytes) -> Point {
    let [x, y] = [0, 8].map(|at| bytes[at..].first_chunk().copied().unwrap_or([0xff; 8]));
    [f64::from_le_bytes(x), f64::from_le_bytes(y)]
}

fn points<'a>(geometry: &Geometry<'a>) -> Result<impl Iterator<Item = Point> + use<'a>, Flaw> {
    Ok(point_bytes(geometry)?.iter().map(point))
}

fn point_bytes<'a>(geometry: &Geometry<'a>) -> Result<&'a [PointBytes], Flaw> {
    match geometry.xy().map_or(&[][..], |xy| xy.bytes()).as_chunks() {
        (points, []) => Ok(points),
        _ => Err("its last position has one number only".to_owned()),
    }
}

/// Visits each line or ring with its number. Without `ends` all points are one.
fn runs(
    geometry: &Geometry<'_>,
    mut visit: impl FnMut(usize, &[PointBytes]) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let points = point_bytes(geometry)?;
    let Some(ends) = geometry.ends().filter(|ends| !ends.is_empty()) else {
        return visit(0, points);
    };
    let mut start = 0;
    for (run, end) in ends.iter().enumerate() {
        let end = end as usize;
        let run_points = points.get(start..end).ok_or("its lines or rings end out of order")?;
        visit(run, run_points)?;
        start = end;
    }
    match start == points.len() {
        true => Ok(()),
        false => Err("it has positions behind its last line or ring".to_owned()),
    }
}

/// Properties as they follow each other: the column's number, then the value.
struct Properties<'a>(&'a [u8]);

impl<'a> Properties<'a> {
    fn next(&mut self, columns: &[Column], batch: &mut Batch) -> Result<(), Flaw> {
        let number = u16::from_le_bytes(self.take()?);
        let column = columns.get(usize::from(number)).ok_or_else(|| {
            format!("it has a property {number}, and there are {} columns", columns.len())
        })?;
        let (tag, times) = (column.place, column.kind == ColumnType::DateTime);
        let value = match column.kind {
            ColumnType::Bool => Value::Bool(self.take::<1>()? != [0]),
            ColumnType::Byte => Value::Int(i8::from_le_bytes(self.take()?).into()),
            ColumnType::UByte => Value::Int(u8::from_le_bytes(self.take()?).into()),
            ColumnType::Short => Value::Int(i16::from_le_bytes(self.take()?).into()),
            ColumnType::UShort => Value::Int(u16::from_le_bytes(self.take()?).into()),
            ColumnType::Int => Value::Int(i32::from_le_bytes(self.take()?).into()),
            ColumnType::UInt => Value::Int(u32::from_le_bytes(self.take()?).into()),
            ColumnType::Long => Value::Int(i64::from_le_bytes(self.take()?)),
            ColumnType::ULong => {
                let number = u64::from_le_bytes(self.take()?);
                return match i64::try_from(number) {
                    Ok(number) => batch.tag_key(tag, Value::Int(number)),
                    // As a double it would be another one.
                    Err(_) => batch.tag_key(tag, Value::Text(&number.to_string())),
                };
            }
            ColumnType::Float => Value::Double(f32::from_le_bytes(self.take()?).into()),
            ColumnType::Double => Value::Double(f64::from_le_bytes(self.take()?)),
            ColumnType::String | ColumnType::Json | ColumnType::DateTime => {
                let text = std::str::from_utf8(self.bytes()?)
                    .map_err(|_| format!("its property {:?} is no UTF-8", column.name))?;
                let utc = times.then(|| times::utc(text)).flatten();
                return batch.tag_key(tag, Value::Text(utc.as_deref().unwrap_or(text)));
            }
            ColumnType::Binary => {
                self.bytes()?;
                return Ok(());
            }
            ColumnType(kind) => {
                return Err(format!("its property {:?} is of a type {kind}", column.name));
            }
        };
        batch.tag_key(tag, value)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Flaw> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(TOO_SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(TOO_SHORT)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

const TOO_SHORT: &str = "its properties end in the middle of one";
