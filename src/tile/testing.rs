//! What the tile engine's tests share: a writer for WKB and a reader for MVT that accepts
//! nothing that the specification (2.1) does not.
//!
//! `fuzz/` includes this file too, so it uses what is public only.

use super::{Crs, Feature, LayerBuilder, LayerSpec, LayerStats, Levels, TileCoord, Value};

pub type P = (f64, f64);

type GridPoint = [i32; 2];

pub fn header(code: u32) -> Vec<u8> {
    let mut out = vec![1];
    out.extend(code.to_le_bytes());
    out
}

fn sequence(out: &mut Vec<u8>, points: &[P]) {
    out.extend((points.len() as u32).to_le_bytes());
    for (x, y) in points {
        out.extend(x.to_le_bytes());
        out.extend(y.to_le_bytes());
    }
}

pub fn point(x: f64, y: f64) -> Vec<u8> {
    let mut out = header(1);
    out.extend(x.to_le_bytes());
    out.extend(y.to_le_bytes());
    out
}

pub fn line(points: &[P]) -> Vec<u8> {
    let mut out = header(2);
    sequence(&mut out, points);
    out
}

/// Rings are closed here.
pub fn polygon(rings: &[&[P]]) -> Vec<u8> {
    let mut out = header(3);
    out.extend((rings.len() as u32).to_le_bytes());
    for ring in rings {
        let closed: Vec<P> = ring.iter().chain(ring.first()).copied().collect();
        sequence(&mut out, &closed);
    }
    out
}

pub fn collection(code: u32, members: &[Vec<u8>]) -> Vec<u8> {
    let mut out = header(code);
    out.extend((members.len() as u32).to_le_bytes());
    out.extend(members.iter().flatten());
    out
}

pub fn square(left: f64, top: f64, side: f64) -> [P; 4] {
    [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
}

#[derive(Clone, Debug, Default)]
pub struct Row {
    pub id: Option<i64>,
    pub geometry: Option<Vec<u8>>,
    pub values: Vec<(usize, Owned)>,
    pub rank: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Owned {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
}

impl Feature for Row {
    fn id(&self) -> Option<i64> {
        self.id
    }

    fn geometry(&self) -> Option<&[u8]> {
        self.geometry.as_deref()
    }

    fn rank(&self, key: &mut Vec<u8>) {
        key.extend_from_slice(&self.rank);
    }

    fn properties(&self, visit: &mut dyn FnMut(usize, Value<'_>)) {
        for (key, value) in &self.values {
            visit(
                *key,
                match value {
                    Owned::Bool(value) => Value::Bool(*value),
                    Owned::Int(value) => Value::Int(*value),
                    Owned::Double(value) => Value::Double(*value),
                    Owned::Text(value) => Value::Text(value),
                },
            );
        }
    }
}

pub fn row(geometry: Vec<u8>) -> Row {
    Row { geometry: Some(geometry), ..Row::default() }
}

pub fn spec(crs: Crs) -> LayerSpec {
    LayerSpec {
        name: "layer".into(),
        keys: vec!["a".into(), "b".into(), "c".into()],
        crs,
        extent: 4096,
        buffer: 64,
        levels: Levels::default(),
    }
}

pub fn build(spec: &LayerSpec, tile: (u8, u32, u32), rows: &[Row]) -> (Vec<u8>, LayerStats) {
    let tile = TileCoord::new(tile.0, tile.1, tile.2).unwrap();
    let mut builder = LayerBuilder::new(spec, tile);
    rows.iter().for_each(|row| builder.add(row));
    builder.finish()
}

/// Geometries in the grid units of a tile, as Web Mercator metres.
pub fn metres(tile: (u8, u32, u32), (x, y): P) -> P {
    let bounds = TileCoord::new(tile.0, tile.1, tile.2).unwrap().bounds();
    let unit = bounds.width() / 4096.0;
    (bounds.min().x + x * unit, bounds.max().y - y * unit)
}

#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    pub id: Option<u64>,
    /// 1 points, 2 lines, 3 polygons (section 4.3.4).
    pub kind: u64,
    pub parts: Vec<Vec<GridPoint>>,
    pub tags: Vec<(String, Owned)>,
}

/// Decodes the features of a tile with one layer and panics where the specification says MUST.
pub fn decode(tile: &[u8]) -> Vec<Decoded> {
    if tile.is_empty() {
        return Vec::new();
    }
    let layers = fields(tile);
    assert_eq!(layers.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), [3], "one layer");
    let layer = fields(layers[0].1.bytes());
    let all = |tag| layer.iter().filter(move |(t, _)| *t == tag).map(|(_, field)| field);
    assert_eq!(all(15).next().map(Field::number), Some(2), "section 4.1: version 2");
    let keys: Vec<_> = all(3).map(|key| String::from_utf8(key.bytes().to_vec()).unwrap()).collect();
    let values: Vec<_> = all(4).map(|value| owned(value.bytes())).collect();
    all(2).map(|feature| decode_feature(feature.bytes(), &keys, &values)).collect()
}

fn decode_feature(bytes: &[u8], keys: &[String], values: &[Owned]) -> Decoded {
    let mut out = Decoded { id: None, kind: 0, parts: Vec::new(), tags: Vec::new() };
    for (tag, field) in fields(bytes) {
        match tag {
            1 => out.id = Some(field.number()),
            2 => {
                for pair in packed(field.bytes()).chunks(2) {
                    let (key, value) = (pair[0] as usize, pair[1] as usize);
                    out.tags.push((keys[key].clone(), values[value].clone()));
                }
            }
            3 => out.kind = field.number(),
            4 => out.parts = commands(&packed(field.bytes())),
            _ => panic!("unknown field {tag}"),
        }
    }
    assert!(!out.parts.is_empty(), "section 4.2: a feature has a geometry");
    match out.kind {
        1 => assert!(out.parts.iter().all(|part| part.len() == 1)),
        2 => assert!(out.parts.iter().all(|part| part.len() >= 2)),
        3 => {
            assert!(out.parts.iter().all(|part| part.len() >= 3));
            assert!(doubled_area(&out.parts[0]) > 0, "section 4.3.4.4: first ring is outer");
            assert!(out.parts.iter().all(|part| doubled_area(part) != 0));
        }
        kind => panic!("unknown geometry type {kind}"),
    }
    out
}

/// Section 4.3: a part for each MoveTo; rings come without their closing point.
fn commands(data: &[u64]) -> Vec<Vec<GridPoint>> {
    let mut parts: Vec<Vec<GridPoint>> = Vec::new();
    let (mut at, mut cursor, mut last) = (0, [0i32; 2], 7);
    let signed = |value: u64| ((value >> 1) as i32) ^ -((value & 1) as i32);
    while at < data.len() {
        let (id, count) = (data[at] & 7, data[at] >> 3);
        at += 1;
        assert!(count > 0);
        match (last, id) {
            (_, 1) | (1, 2) => {}
            (2, 7) => {
                assert_eq!(count, 1, "section 4.3.3.3");
                last = id;
                continue;
            }
            _ => panic!("command {id} after {last}"),
        }
        for _ in 0..count {
            let step = [signed(data[at]), signed(data[at + 1])];
            at += 2;
            cursor = [cursor[0] + step[0], cursor[1] + step[1]];
            if id == 1 {
                parts.push(vec![cursor]);
            } else {
                assert_ne!(step, [0, 0], "section 4.3.3.2: no zero-length segment");
                parts.last_mut().unwrap().push(cursor);
            }
        }
        last = id;
    }
    parts
}

/// Twice the area; positive for outer rings (section 4.3.4.4).
fn doubled_area(ring: &[GridPoint]) -> i128 {
    let cross = |a: &GridPoint, b: &GridPoint| {
        i128::from(a[0]) * i128::from(b[1]) - i128::from(b[0]) * i128::from(a[1])
    };
    ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| cross(a, b)).sum()
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(&self) -> u64 {
        match self {
            Field::Number(value) => *value,
            Field::Bytes(_) => panic!("not a number"),
        }
    }

    fn bytes(&self) -> &'a [u8] {
        match self {
            Field::Bytes(bytes) => bytes,
            Field::Number(_) => panic!("not bytes"),
        }
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 127) << shift;
        shift += 7;
        if byte < 128 {
            return value;
        }
    }
}

fn packed(mut bytes: &[u8]) -> Vec<u64> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        out.push(varint(&mut bytes));
    }
    out
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                out.push((tag >> 3, Field::Number(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            wire => panic!("wire type {wire}"),
        };
        let (taken, rest) = bytes.split_at(length);
        out.push((tag >> 3, Field::Bytes(taken)));
        bytes = rest;
    }
    out
}

/// Section 4.4: exactly one of the value's fields.
fn owned(bytes: &[u8]) -> Owned {
    let fields = fields(bytes);
    assert_eq!(fields.len(), 1);
    match &fields[0] {
        (1, text) => Owned::Text(String::from_utf8(text.bytes().to_vec()).unwrap()),
        (3, double) => Owned::Double(f64::from_le_bytes(double.bytes().try_into().unwrap())),
        (6, sint) => {
            let value = sint.number();
            Owned::Int(((value >> 1) as i64) ^ -((value & 1) as i64))
        }
        (7, flag) => Owned::Bool(flag.number() == 1),
        (tag, _) => panic!("value field {tag}"),
    }
}
