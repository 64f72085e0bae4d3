//! Rows in PostgreSQL's binary COPY format, in the physical order of a real import.

use std::io::Write;

use postgres::Client;

pub type Point = [f64; 2];

const EWKB_SRID: u32 = 0x2000_0000;
pub const WEB_MERCATOR: u32 = 3857;
pub const WGS84: u32 = 4326;
/// Half the side of the square world in metres.
pub const HALF_WORLD: f64 = 20_037_508.342_789_244;

/// One row, field by field.
#[derive(Default)]
pub struct Row {
    fields: i16,
    bytes: Vec<u8>,
}

impl Row {
    fn field(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend((bytes.len() as i32).to_be_bytes());
        self.bytes.extend(bytes);
        self.fields += 1;
        self
    }

    fn nullable<const N: usize>(mut self, value: Option<[u8; N]>) -> Self {
        if let Some(bytes) = value {
            return self.field(&bytes);
        }
        self.bytes.extend((-1i32).to_be_bytes());
        self.fields += 1;
        self
    }

    pub fn bigint(self, value: i64) -> Self {
        self.field(&value.to_be_bytes())
    }

    pub fn text(self, value: Option<&str>) -> Self {
        match value {
            Some(text) => self.field(text.as_bytes()),
            None => self.nullable::<0>(None),
        }
    }

    pub fn integer(self, value: Option<i32>) -> Self {
        self.nullable(value.map(i32::to_be_bytes))
    }

    pub fn double(self, value: Option<f64>) -> Self {
        self.nullable(value.map(f64::to_be_bytes))
    }

    pub fn boolean(self, value: Option<bool>) -> Self {
        self.nullable(value.map(|value| [u8::from(value)]))
    }

    pub fn point(self, point: Point) -> Self {
        let mut wkb = header(1, Some(WEB_MERCATOR));
        coordinates(&mut wkb, &[point]);
        self.field(&wkb)
    }

    pub fn line(self, points: &[Point]) -> Self {
        let mut wkb = header(2, Some(WEB_MERCATOR));
        wkb.extend((points.len() as u32).to_le_bytes());
        coordinates(&mut wkb, points);
        self.field(&wkb)
    }

    /// Rings without their closing point.
    pub fn polygon(self, rings: &[Vec<Point>]) -> Self {
        let mut wkb = header(3, Some(WEB_MERCATOR));
        polygon_body(&mut wkb, rings);
        self.field(&wkb)
    }

    pub fn multi_polygon(self, srid: u32, polygons: &[Vec<Vec<Point>>]) -> Self {
        let mut wkb = header(6, Some(srid));
        wkb.extend((polygons.len() as u32).to_le_bytes());
        for rings in polygons {
            wkb.extend(header(3, None));
            polygon_body(&mut wkb, rings);
        }
        self.field(&wkb)
    }
}

fn header(code: u32, srid: Option<u32>) -> Vec<u8> {
    let mut wkb = vec![1];
    if let Some(srid) = srid {
        wkb.extend((code | EWKB_SRID).to_le_bytes());
        wkb.extend(srid.to_le_bytes());
    } else {
        wkb.extend(code.to_le_bytes());
    }
    wkb
}

fn polygon_body(wkb: &mut Vec<u8>, rings: &[Vec<Point>]) {
    wkb.extend((rings.len() as u32).to_le_bytes());
    for ring in rings {
        wkb.extend((ring.len() as u32 + 1).to_le_bytes());
        coordinates(wkb, ring);
        coordinates(wkb, &ring[..1]);
    }
}

fn coordinates(wkb: &mut Vec<u8>, points: &[Point]) {
    for value in points.iter().flatten() {
        wkb.extend(value.to_le_bytes());
    }
}

/// The rows of one table.
#[derive(Default)]
pub struct Rows(Vec<(u64, Row)>);

impl Rows {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// An id as scattered as OpenStreetMap's are along a table: unique, positive, unordered.
    pub fn next_id(&self) -> i64 {
        i64::from((self.0.len() as u32 + 1).wrapping_mul(2_654_435_761))
    }

    /// A row that lies around `place`.
    pub fn push(&mut self, place: Point, row: Row) {
        self.0.push((hilbert(place), row));
    }

    /// Writes all rows along a Hilbert curve, as osm2pgsql does, so that neighbours share pages.
    pub fn copy(mut self, client: &mut Client, table: &str) {
        self.0.sort_by_key(|(place, _)| *place);
        let statement = format!("COPY {table} FROM STDIN (FORMAT binary)");
        let mut writer = client.copy_in(&statement).expect("COPY");
        let mut buffer = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        for (_, row) in self.0 {
            buffer.extend(row.fields.to_be_bytes());
            buffer.extend(row.bytes);
            if buffer.len() > 1 << 16 {
                writer.write_all(&buffer).expect("rows");
                buffer.clear();
            }
        }
        buffer.extend((-1i16).to_be_bytes());
        writer.write_all(&buffer).expect("rows");
        writer.finish().expect("COPY ends");
    }
}

/// Place along a Hilbert curve through the world's 2^20 × 2^20 cells.
fn hilbert([x, y]: Point) -> u64 {
    const ORDER: u32 = 20;
    let cell =
        |value: f64| ((value + HALF_WORLD) / (2.0 * HALF_WORLD) * f64::from(1 << ORDER)) as u32;
    let (mut x, mut y) = (cell(x), cell(y));
    let mut place = 0;
    for bit in (0..ORDER).rev() {
        let (right, top) = ((x >> bit) & 1, (y >> bit) & 1);
        place = (place << 2) | u64::from((3 * right) ^ top);
        if top == 0 {
            if right == 1 {
                x = !x;
                y = !y;
            }
            std::mem::swap(&mut x, &mut y);
        }
    }
    place
}
